from typing import ClassVar

from django.conf import settings
from django.core.validators import MaxValueValidator, MinValueValidator
from django.db import models
from django.db.models import F, Func, Q, Value

from budgetsite.tenancy.history import TenantHistory
from budgetsite.tenancy.models import TenantModel, TenantRow

LONGEST_RETENTION_MONTHS = 600


class AccessAction(models.TextChoices):
    VIEWED = "viewed", "Viewed"
    EXPORTED = "exported", "Exported"
    ERASED = "erased", "Erased"


class PersonalDataAccess(TenantRow):
    """Somebody saw, took away or erased personal data: of one person, or of everybody on a list. Append-only.

    It names people by reference alone, so that it stays when one of them is erased.
    """

    # Nobody: an operator at the command line, whose login stands in `place`.
    actor = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, null=True, related_name="+", db_index=False
    )
    action = models.CharField(max_length=10, choices=AccessAction.choices)
    # What kind of data: person, members, registrations.
    kind = models.CharField(max_length=40)
    subject = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, null=True, related_name="+", db_index=False
    )
    # Whose list it was (an event's, the account's), where it was about everybody on it.
    list_id = models.UUIDField(null=True)
    # How many people it told about.
    people = models.PositiveIntegerField(default=1)
    # The page, or the command.
    place = models.CharField(max_length=200)

    class Meta(TenantRow.Meta):
        verbose_name = "access to personal data"
        verbose_name_plural = "accesses to personal data"
        constraints: ClassVar[list[models.BaseConstraint]] = [
            models.CheckConstraint(
                condition=Q(subject__isnull=False, people=1) | Q(list_id__isnull=False),
                name="privacy_access_of_somebody",
            ),
        ]
        indexes: ClassVar[list[models.Index]] = [
            # The account's log, newest first; what is too old.
            models.Index("tenant", F("created_at").desc(), F("id").desc(), name="privacy_access_newest"),
            # Who looked at one person, or at a list that they stand in.
            models.Index(
                "tenant",
                "subject",
                F("created_at").desc(),
                condition=Q(subject__isnull=False),
                name="privacy_access_of_person",
            ),
            models.Index(
                "tenant",
                "list_id",
                F("created_at").desc(),
                condition=Q(list_id__isnull=False),
                name="privacy_access_of_list",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.get_action_display()}: {self.kind}"


class ConsentSource(models.TextChoices):
    PAGE = "page", "On their own page"
    API = "api", "Over the API"
    LINK = "link", "By the link in a message"
    ERASURE = "erasure", "With the erasure of their data"


class ConsentRecord(TenantRow):
    """A person agreed to notifications of one type, or took it back. Append-only; the last one counts."""

    # Two in one moment still have an order.
    position = models.BigIntegerField(
        editable=False,
        db_default=Func(Value("privacy_consent_position"), function="nextval", output_field=models.BigIntegerField()),
    )
    person = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+", db_index=False)
    notification_type = models.CharField(max_length=60)
    granted = models.BooleanField()
    source = models.CharField(max_length=20, choices=ConsentSource.choices)

    class Meta(TenantRow.Meta):
        indexes: ClassVar[list[models.Index]] = [
            # What a person said last about a type.
            models.Index("tenant", "person", "notification_type", F("position").desc(), name="privacy_consent_last"),
        ]

    def __str__(self) -> str:
        return f"{self.notification_type}: {'granted' if self.granted else 'withdrawn'}"


class RetentionRule(TenantModel):
    """How long the account keeps one kind of personal data. Without a rule for it, it is kept."""

    # One of `budgetsite.privacy.registry.retention_kinds()`.
    kind = models.CharField(max_length=40)
    months = models.PositiveSmallIntegerField(
        validators=[MinValueValidator(1), MaxValueValidator(LONGEST_RETENTION_MONTHS)],
        help_text="It goes so many months after the day that counts for its kind.",
    )
    is_active = models.BooleanField(default=True, help_text="Applied every night. Switched off, everything is kept.")

    history = TenantHistory()

    class Meta(TenantModel.Meta):
        constraints: ClassVar[list[models.BaseConstraint]] = [
            models.UniqueConstraint(
                fields=["tenant", "kind"], condition=Q(deleted_at=None), name="privacy_retention_one_per_kind"
            ),
            models.CheckConstraint(
                condition=Q(months__gte=1, months__lte=LONGEST_RETENTION_MONTHS),
                name="privacy_retention_months_in_range",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.kind}: {self.months} months"
