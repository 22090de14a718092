"""What people were told and how they want it: theirs to take away, and gone with them."""

from collections.abc import Mapping

from django.db.models.functions import Now

from budgetsite.accounts.models import User
from budgetsite.notifications.models import Mail, MailStatus, Notification, NotificationPreference, NotificationSettings
from budgetsite.privacy.registry import Contributor, PersonalData, erasable_rows, personal_rows, register_contributor

_NOTIFICATION = ("id", "created_at", "notification_type", "level", "title", "text", "read_at")
_MAIL = ("id", "created_at", "rhythm", "status", "due_at", "attempts", "closed_at", "failure")
_PREFERENCE = ("notification_type", "in_inbox", "mail_rhythm", "updated_at")
_SETTINGS = (
    "quiet_from", "quiet_until", "critical_breaks_quiet", "timezone", "digest_time", "digest_weekday",
    "bounced_address", "bounced_at", "bounce_reason", "updated_at",
)  # fmt: skip


def _export(person: User) -> PersonalData:
    return PersonalData(
        tables={
            "notifications": personal_rows(Notification.objects.filter(person=person), *_NOTIFICATION),
            "mails": personal_rows(Mail.objects.filter(person=person), *_MAIL),
            "preferences": personal_rows(NotificationPreference.objects.filter(person=person), *_PREFERENCE),
            "settings": personal_rows(NotificationSettings.objects.filter(person=person), *_SETTINGS),
        }
    )


def _erase(person: User) -> Mapping[str, int]:
    """What they were told goes with them; of their mails stays that there were some, for the account's figures."""
    notifications, _ = erasable_rows(Notification).filter(person_id=person.pk).delete()
    preferences, _ = erasable_rows(NotificationPreference).filter(person_id=person.pk).delete()
    kept, _ = erasable_rows(NotificationSettings).filter(person_id=person.pk).delete()
    unsent = erasable_rows(Mail).filter(person_id=person.pk, closed_at=None)
    unsent.update(status=MailStatus.CANCELLED, closed_at=Now())
    return {"notifications": notifications, "choices of notifications": preferences + kept}


def register() -> None:
    register_contributor(Contributor("notifications", export=_export, erase=_erase))
