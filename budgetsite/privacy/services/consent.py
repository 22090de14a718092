"""What a person agreed to be told, by notification type. Nothing is assumed: without a word of theirs it is no."""

from collections.abc import Iterable
from uuid import UUID

from django.db import transaction
from django.db.models import QuerySet

from budgetsite.accounts.models import User
from budgetsite.privacy.models import ConsentRecord, ConsentSource
from budgetsite.privacy.registry import notification_types


class UnknownNotificationType(LookupError):
    def __init__(self, name: str) -> None:
        self.name = name
        super().__init__(
            f"There is no notification type {name!r}. Known are: {', '.join(sorted(notification_types()))}."
        )


def has_consent(*, person_id: UUID, notification_type: str) -> bool:
    """Whether a person of the current account wants to be told. Raises `UnknownNotificationType`."""
    return person_id in who_consented(person_ids=[person_id], notification_type=notification_type)


def who_consented(*, person_ids: Iterable[UUID], notification_type: str) -> set[UUID]:
    """Return those of the people who want to be told, in one query. Raises `UnknownNotificationType`."""
    _require_known(notification_type)
    return {
        record.person_id
        for record in _last_words().filter(person_id__in=list(person_ids), notification_type=notification_type)
        if record.granted
    }


def said_of(*, person_ids: Iterable[UUID], notification_types: Iterable[str]) -> dict[tuple[UUID, str], bool]:
    """Return (person, type) → yes or no, for those of the people who ever said either. One query."""
    words = _last_words().filter(person_id__in=list(person_ids), notification_type__in=list(notification_types))
    return {(record.person_id, record.notification_type): record.granted for record in words}


def consents_of(person_id: UUID) -> dict[str, bool]:
    """Return each known notification type → whether the person agreed to it."""
    said = {record.notification_type: record.granted for record in _last_words().filter(person_id=person_id)}
    return {name: said.get(name, False) for name in notification_types()}


def give_consent(*, person: User, notification_type: str, source: ConsentSource) -> bool:
    """Record that a person agreed; False when they had already. Raises `UnknownNotificationType`."""
    return _say(person, notification_type, granted=True, source=source)


def withdraw_consent(*, person: User, notification_type: str, source: ConsentSource) -> bool:
    """Record that a person took it back; False when there was nothing to take back."""
    return _say(person, notification_type, granted=False, source=source)


@transaction.atomic
def choose_consents(*, person: User, wanted: Iterable[str], source: ConsentSource) -> list[str]:
    """Make `wanted` all that a person agrees to; return the types that changed. Raises `UnknownNotificationType`."""
    chosen = set(wanted)
    for name in chosen:
        _require_known(name)
    return [name for name in notification_types() if _say(person, name, granted=name in chosen, source=source)]


@transaction.atomic
def _say(person: User, notification_type: str, *, granted: bool, source: ConsentSource) -> bool:
    _require_known(notification_type)
    # One person's words come one after the other.
    User.objects.select_for_update(no_key=True).get(pk=person.pk)
    last = _last_words().filter(person_id=person.pk, notification_type=notification_type).first()
    if (last.granted if last else False) == granted:
        return False
    ConsentRecord.objects.create(person=person, notification_type=notification_type, granted=granted, source=source)
    return True


def _last_words() -> QuerySet[ConsentRecord]:
    last: QuerySet[ConsentRecord] = ConsentRecord.objects.order_by(
        "person_id", "notification_type", "-position"
    ).distinct("person_id", "notification_type")
    return last


def _require_known(notification_type: str) -> None:
    if notification_type not in notification_types():
        raise UnknownNotificationType(notification_type)
