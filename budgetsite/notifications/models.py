from datetime import time
from typing import ClassVar

from django.conf import settings
from django.db import models
from django.db.models import F, Q

from budgetsite.accounts.timezones import validate_timezone
from budgetsite.tenancy.models import TenantForeignKey, TenantModel, TenantRow

DIGEST_TIME = time(8)
MONDAY = 0


class Level(models.TextChoices):
    INFORMATION = "information", "Information"
    WARNING = "warning", "Warning"
    CRITICAL = "critical", "Critical"


class Rhythm(models.TextChoices):
    """How soon a person is written to."""

    IMMEDIATE = "immediate", "At once"
    DAILY = "daily", "Once a day"
    WEEKLY = "weekly", "Once a week"


class MailStatus(models.TextChoices):
    # What happens until it is due comes into it.
    GATHERING = "gathering", "Gathering"
    WAITING = "waiting", "Waiting for another attempt"
    SENDING = "sending", "Being sent"
    SENT = "sent", "Sent"
    # A worker died while the mail server had it: nobody knows, and it is never sent twice.
    UNCERTAIN = "uncertain", "Perhaps sent"
    FAILED = "failed", "Could not be sent"
    # The person does not want it any more or is no member any more, or all of it is read or over.
    CANCELLED = "cancelled", "Not wanted any more"


OPEN_MAIL = (MailStatus.GATHERING, MailStatus.WAITING)


class NotificationSettings(TenantModel):
    """When a person wants to be written to, and whether their address takes mail. Without a row, the defaults."""

    person = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+", db_index=False)
    # By the clock of `timezone`; over midnight where the end comes before the beginning. Both or neither.
    quiet_from = models.TimeField(null=True, blank=True)
    quiet_until = models.TimeField(null=True, blank=True)
    critical_breaks_quiet = models.BooleanField(default=False)
    # Empty: the account's.
    timezone = models.CharField(max_length=63, blank=True, validators=[validate_timezone])
    digest_time = models.TimeField(default=DIGEST_TIME)
    # 0 is Monday.
    digest_weekday = models.PositiveSmallIntegerField(default=MONDAY)
    # The address that refused mail for good, and what its server said.
    bounced_address = models.EmailField(max_length=254, blank=True, editable=False)
    bounced_at = models.DateTimeField(null=True, editable=False)
    bounce_reason = models.CharField(max_length=200, blank=True, editable=False)

    class Meta(TenantModel.Meta):
        verbose_name_plural = "notification settings"
        constraints: ClassVar[list[models.BaseConstraint]] = [
            models.UniqueConstraint(
                fields=["tenant", "person"], condition=Q(deleted_at=None), name="notifications_settings_one_per_person"
            ),
            models.CheckConstraint(
                condition=Q(quiet_from__isnull=True, quiet_until__isnull=True)
                | (Q(quiet_from__isnull=False, quiet_until__isnull=False) & ~Q(quiet_from=F("quiet_until"))),
                name="notifications_settings_quiet_both_or_none",
            ),
            models.CheckConstraint(
                condition=Q(digest_weekday__gte=0, digest_weekday__lte=6), name="notifications_settings_weekday"
            ),
        ]

    def __str__(self) -> str:
        return f"Notification settings of {self.person_id}"


class NotificationPreference(TenantModel):
    """How a person wants one type of notification, where that is not the default.

    Whether they want mail of it at all is their consent (`budgetsite.privacy`): this says how soon.
    """

    person = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+", db_index=False)
    # One of `budgetsite.privacy.registry.notification_types()`.
    notification_type = models.CharField(max_length=60)
    mail_rhythm = models.CharField(max_length=10, choices=Rhythm.choices, default=Rhythm.IMMEDIATE)
    in_inbox = models.BooleanField(default=True)

    class Meta(TenantModel.Meta):
        constraints: ClassVar[list[models.BaseConstraint]] = [
            models.UniqueConstraint(
                fields=["tenant", "person", "notification_type"],
                condition=Q(deleted_at=None),
                name="notifications_preference_one_per_type",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.notification_type} of {self.person_id}"


class Mail(TenantRow):
    """One message to a person. While it gathers, what they are to be told of comes into it (`Notification.mail`).

    `message_id` is the same in each attempt. `claimed_at` says since when a worker has it, `handed_at` that it began to
    hand it to the mail server: what is left between the two is sent again, after it never.
    """

    person = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+", db_index=False)
    rhythm = models.CharField(max_length=10, choices=Rhythm.choices)
    status = models.CharField(max_length=10, choices=MailStatus.choices, default=MailStatus.GATHERING)
    due_at = models.DateTimeField()
    attempts = models.PositiveSmallIntegerField(default=0)
    claimed_at = models.DateTimeField(null=True)
    handed_at = models.DateTimeField(null=True)
    closed_at = models.DateTimeField(null=True)
    message_id = models.CharField(max_length=200, blank=True)
    # The kind of error, and the server's code: no address, no text of the message.
    failure = models.CharField(max_length=200, blank=True)

    class Meta(TenantRow.Meta):
        verbose_name_plural = "mail"
        constraints: ClassVar[list[models.BaseConstraint]] = [
            # Also how what is told finds the mail that it comes into.
            models.UniqueConstraint(
                fields=["tenant", "person", "rhythm"],
                condition=Q(status=MailStatus.GATHERING),
                name="notifications_mail_one_gathering",
            ),
            models.CheckConstraint(condition=Q(status__in=MailStatus.values), name="notifications_mail_status_known"),
        ]
        indexes: ClassVar[list[models.Index]] = [
            # What is to be sent.
            models.Index(
                fields=["tenant", "due_at", "id"],
                condition=Q(status__in=list(OPEN_MAIL)),
                name="notifications_mail_due",
            ),
            # What a worker has, or had.
            models.Index(
                fields=["tenant", "claimed_at"],
                condition=Q(status=MailStatus.SENDING),
                name="notifications_mail_sending",
            ),
            # A person's mail, and the account's, the last first; when they were last written to.
            models.Index("tenant", "person", F("created_at").desc(), F("id").desc(), name="notifications_mail_of"),
            models.Index("tenant", F("created_at").desc(), F("id").desc(), name="notifications_mail_newest"),
        ]

    def __str__(self) -> str:
        return f"Mail {self.pk}"


class Notification(TenantRow):
    """Something that one person was told. The same thing (`dedup_key`) is told once."""

    person = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+", db_index=False)
    notification_type = models.CharField(max_length=60)
    level = models.CharField(max_length=20, choices=Level.choices)
    title = models.CharField(max_length=200)
    text = models.TextField(blank=True)
    # The page that it leads to: a path of this site.
    path = models.CharField(max_length=500)
    # What it is about, as the outbox names it.
    subject_type = models.CharField(max_length=40)
    subject_id = models.UUIDField(null=True)
    dedup_key = models.CharField(max_length=200)
    # Not everybody wants everything in their inbox; it is kept all the same, so that nothing is told twice.
    in_inbox = models.BooleanField(default=True)
    read_at = models.DateTimeField(null=True)
    mail = TenantForeignKey(Mail, on_delete=models.PROTECT, null=True, related_name="notifications")

    class Meta(TenantRow.Meta):
        constraints: ClassVar[list[models.BaseConstraint]] = [
            models.UniqueConstraint(
                fields=["tenant", "person", "dedup_key"], name="notifications_notification_told_once"
            ),
        ]
        indexes: ClassVar[list[models.Index]] = [
            # A person's inbox, the last first.
            models.Index(
                "tenant",
                "person",
                F("created_at").desc(),
                F("id").desc(),
                condition=Q(in_inbox=True),
                name="notifications_inbox",
            ),
            # How much of it is unread: counted on every page.
            models.Index(
                fields=["tenant", "person"], condition=Q(in_inbox=True, read_at=None), name="notifications_unread"
            ),
            # What stands in a mail.
            models.Index(fields=["tenant", "mail"], condition=Q(mail__isnull=False), name="notifications_in_mail"),
        ]

    def __str__(self) -> str:
        return self.title
