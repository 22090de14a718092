"""A person's inbox, their choices, and what became of their mail."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from django.db.models import Exists, F, OuterRef, QuerySet

from budgetsite.accounts.models import Account, Membership, User
from budgetsite.accounts.roles import Role
from budgetsite.notifications.models import Mail, MailStatus, Notification, NotificationPreference, Rhythm
from budgetsite.notifications.models import NotificationSettings as Kept
from budgetsite.privacy.registry import notification_types
from budgetsite.privacy.services.consent import consents_of

NEVER = "never"
MAILS_SHOWN = 5


@dataclass(frozen=True, slots=True)
class Choice:
    """How a person has one type at present. `mail` is None when they get none; `rhythm` is what they would get."""

    notification_type: str
    label: str
    explanation: str
    in_inbox: bool
    mail: Rhythm | None
    rhythm: Rhythm

    @property
    def mail_choice(self) -> str:
        return NEVER if self.mail is None else str(self.mail)


def inbox_of(person_id: UUID) -> QuerySet[Notification]:
    """Return what a person was told in the current account and wants in their inbox, in no order."""
    found: QuerySet[Notification] = Notification.objects.filter(person_id=person_id, in_inbox=True)
    return found


def told_to(person_id: UUID) -> QuerySet[Notification]:
    """Return all that a person was told in the current account, by mail alone too: what links in mails lead to."""
    found: QuerySet[Notification] = Notification.objects.filter(person_id=person_id)
    return found


def unread_count(*, account: Account, user_id: UUID, role: Role) -> QuerySet[Any] | None:
    """Return what the shell counts as unread."""
    return inbox_of(user_id).filter(read_at=None)


def choices_of(person: User) -> list[Choice]:
    """Return a person's choices of all types, in the order in which these are known. Three statements."""
    agreed = consents_of(person.pk)
    kept = {row.notification_type: row for row in NotificationPreference.objects.filter(person_id=person.pk)}
    choices = []
    for name, known in notification_types().items():
        preference = kept.get(name)
        rhythm = Rhythm.IMMEDIATE if preference is None else Rhythm(preference.mail_rhythm)
        choices.append(
            Choice(
                notification_type=name,
                label=known.label,
                explanation=known.explanation,
                in_inbox=preference is None or preference.in_inbox,
                mail=rhythm if agreed[name] else None,
                rhythm=rhythm,
            )
        )
    return choices


def settings_of(person: User) -> Kept:
    """Return a person's settings, stored or the defaults."""
    found: Kept | None = Kept.objects.filter(person_id=person.pk).first()
    return found or Kept(person_id=person.pk)


def is_refused(kept: Kept, person: User) -> bool:
    """Whether the address that the person has now is the one that refused mail."""
    return kept.bounced_at is not None and kept.bounced_address == person.email


def mail_trouble_of(person: User, *, since: datetime) -> list[Mail]:
    """Return a person's latest mails that did not reach them, or perhaps not."""
    wrong = Mail.objects.filter(
        person_id=person.pk, status__in=(MailStatus.FAILED, MailStatus.UNCERTAIN), created_at__gte=since
    )
    return list(wrong.order_by("-created_at", "-pk")[:MAILS_SHOWN])


def refused_people() -> list[Kept]:
    """Return the settings of those members of the account whom no mail reaches, with their person, the latest first."""
    members = Membership.objects.filter(user_id=OuterRef("person_id"), deleted_at=None)
    found = (
        Kept.objects.filter(
            Exists(members), bounced_at__isnull=False, bounced_address=F("person__email"), person__is_active=True
        )
        .select_related("person")
        .order_by("-bounced_at", "-pk")
    )
    return list(found)
