"""What a person agreed to be told by mail, by notification type.

Their last word counts. Without one it is yes for who works in the account and no for guests and clients: the law asks
for the consent of those, and the work of the others is done by being told.
"""

from collections.abc import Iterable
from uuid import UUID

from django.db import transaction
from django.db.models import QuerySet

from budgetsite.accounts.models import Membership, User
from budgetsite.accounts.roles import BACK_OFFICE, Role
from budgetsite.privacy.models import ConsentRecord, ConsentSource
from budgetsite.privacy.registry import notification_types

_TEAM = frozenset(BACK_OFFICE | {Role.ORGANIZER})


class UnknownNotificationType(LookupError):
    def __init__(self, name: str) -> None:
        self.name = name
        super().__init__(
            f"There is no notification type {name!r}. Known are: {', '.join(sorted(notification_types()))}."
        )


def is_told_unless_they_say_no(role: str | None) -> bool:
    """Whether somebody with this role is told without a word of theirs. Who has none is not."""
    return role in _TEAM


def said_of(*, person_ids: Iterable[UUID], notification_types: Iterable[str]) -> dict[tuple[UUID, str], bool]:
    """Return (person, type) → yes or no, for those of the people who ever said either. One query."""
    words = _last_words().filter(person_id__in=list(person_ids), notification_type__in=list(notification_types))
    return {(record.person_id, record.notification_type): record.granted for record in words}


def consents_of(person_id: UUID) -> dict[str, bool]:
    """Return each known notification type → whether a person is told by mail in the current account. Two queries."""
    said = {record.notification_type: record.granted for record in _last_words().filter(person_id=person_id)}
    role = Membership.objects.filter(user_id=person_id, deleted_at=None).values_list("role", flat=True).first()
    default = is_told_unless_they_say_no(role)
    return {name: said.get(name, default) for name in notification_types()}


def give_consent(*, person: User, notification_type: str, source: ConsentSource) -> bool:
    """Record that a person agreed; False when they had said so already. Raises `UnknownNotificationType`."""
    return _say(person, notification_type, granted=True, source=source)


def withdraw_consent(*, person: User, notification_type: str, source: ConsentSource) -> bool:
    """Record a person's no; False when they had said so already. Raises `UnknownNotificationType`."""
    return _say(person, notification_type, granted=False, source=source)


@transaction.atomic
def choose_consents(*, person: User, wanted: Iterable[str], source: ConsentSource) -> list[str]:
    """Make `wanted` all that a person is told by mail; return the types that changed, the only ones recorded.

    Raises `UnknownNotificationType`.
    """
    chosen = set(wanted)
    for name in chosen:
        _require_known(name)
    _one_after_the_other(person)
    changed = [name for name, agreed in consents_of(person.pk).items() if agreed != (name in chosen)]
    for name in changed:
        _say(person, name, granted=name in chosen, source=source)
    return changed


@transaction.atomic
def _say(person: User, notification_type: str, *, granted: bool, source: ConsentSource) -> bool:
    _require_known(notification_type)
    _one_after_the_other(person)
    last = _last_words().filter(person_id=person.pk, notification_type=notification_type).first()
    if last is not None and last.granted == granted:
        return False
    ConsentRecord.objects.create(person=person, notification_type=notification_type, granted=granted, source=source)
    return True


def _one_after_the_other(person: User) -> None:
    User.objects.select_for_update(no_key=True).get(pk=person.pk)


def _last_words() -> QuerySet[ConsentRecord]:
    last: QuerySet[ConsentRecord] = ConsentRecord.objects.order_by(
        "person_id", "notification_type", "-position"
    ).distinct("person_id", "notification_type")
    return last


def _require_known(notification_type: str) -> None:
    if notification_type not in notification_types():
        raise UnknownNotificationType(notification_type)
