"""What people want to be told of, and how: their preferences, their consent, and what their role makes the default."""

from collections.abc import Iterable
from dataclasses import dataclass
from uuid import UUID

from budgetsite.accounts.models import Account, Membership
from budgetsite.notifications.models import Mail, MailStatus, NotificationPreference, NotificationSettings, Rhythm
from budgetsite.notifications.timing import Habits
from budgetsite.privacy.services.consent import is_told_unless_they_say_no, said_of
from budgetsite.tenancy.scope import require_tenant_id


@dataclass(frozen=True, slots=True)
class Wish:
    """How one person wants one type. `mail` is None when they want none of it."""

    in_inbox: bool
    mail: Rhythm | None


@dataclass(frozen=True, slots=True)
class Wishes:
    """Those of several people. Who is no member of the account any more has none, and is told nothing."""

    habits: dict[UUID, Habits]
    by_type: dict[tuple[UUID, str], Wish]

    def of(self, person_id: UUID, notification_type: str) -> Wish | None:
        return self.by_type.get((person_id, notification_type))


def wishes_of(person_ids: Iterable[UUID], notification_types: Iterable[str]) -> Wishes:
    """Read what these people want of these types. Five statements, however many they are."""
    people, types = set(person_ids), set(notification_types)
    roles = dict(
        Membership.objects.filter(user_id__in=people, user__is_active=True, deleted_at=None).values_list(
            "user_id", "role"
        )
    )
    zone = Account.objects.values_list("timezone", flat=True).get(pk=require_tenant_id())
    kept = {row.person_id: row for row in NotificationSettings.objects.filter(person_id__in=people)}
    preferences = {
        (row.person_id, row.notification_type): row
        for row in NotificationPreference.objects.filter(person_id__in=people, notification_type__in=types)
    }
    said = said_of(person_ids=people, notification_types=types)
    return Wishes(
        habits={person_id: _habits(kept.get(person_id), zone) for person_id in roles},
        by_type={
            (person_id, name): _wish(preferences.get((person_id, name)), said.get((person_id, name)), role)
            for person_id, role in roles.items()
            for name in types
        },
    )


def last_written(person_ids: Iterable[UUID]) -> dict[UUID, Mail]:
    """Return the last mail that went out at once to each of these people."""
    sent = Mail.objects.filter(person_id__in=set(person_ids), rhythm=Rhythm.IMMEDIATE, status=MailStatus.SENT)
    return {mail.person_id: mail for mail in sent.order_by("person_id", "-created_at", "-id").distinct("person_id")}


def _wish(preference: NotificationPreference | None, said: bool | None, role: str) -> Wish:
    wants_mail = is_told_unless_they_say_no(role) if said is None else said
    if preference is None:
        return Wish(in_inbox=True, mail=Rhythm.IMMEDIATE if wants_mail else None)
    return Wish(in_inbox=preference.in_inbox, mail=Rhythm(preference.mail_rhythm) if wants_mail else None)


def _habits(kept: NotificationSettings | None, zone: str) -> Habits:
    if kept is None:
        return Habits(timezone=zone)
    return Habits(
        timezone=kept.timezone or zone,
        quiet_from=kept.quiet_from,
        quiet_until=kept.quiet_until,
        critical_breaks_quiet=kept.critical_breaks_quiet,
        digest_time=kept.digest_time,
        digest_weekday=kept.digest_weekday,
    )
