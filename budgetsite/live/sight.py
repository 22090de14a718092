"""Who may see what has happened. Each app says it for its own subjects: the base knows none of them.

What nobody has spoken for is seen by nobody.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Self
from uuid import UUID

from budgetsite.accounts.permissions import may
from budgetsite.accounts.roles import BACK_OFFICE, Role
from budgetsite.outbox.models import OutboxEvent


@dataclass(frozen=True, slots=True)
class Sight:
    """Who sees an entry: whose role may do `needs`, if the rows that it is about are in their sight.

    That goes by the role, as `visible_to` of the querysets does: the back office sees all, `organizers` and `clients`
    are the ids of those of them who do, and attendees if `attendees` says so. `concerned` see it whatever their role:
    it is their own. Without `needs` nobody else does. `topics` are what pages show of it: `budgets`, `budget:<id>`;
    who may not do `details` is told these alone.
    """

    needs: str | None
    topics: Sequence[str] = ()
    organizers: frozenset[UUID] = frozenset()
    clients: frozenset[UUID] = frozenset()
    attendees: bool = False
    concerned: frozenset[UUID] = frozenset()
    details: str | None = None

    def as_json(self) -> dict[str, Any]:
        return {
            "needs": self.needs,
            "topics": list(self.topics),
            "organizers": _written(self.organizers),
            "clients": _written(self.clients),
            "attendees": self.attendees,
            "concerned": _written(self.concerned),
            "details": self.details,
        }

    @classmethod
    def from_json(cls, written: Mapping[str, Any]) -> Self:
        """Read what `as_json` gave. Raises `KeyError`, `TypeError` or `ValueError` for anything else."""
        return cls(
            needs=written["needs"],
            topics=written["topics"],
            organizers=_read(written["organizers"]),
            clients=_read(written["clients"]),
            attendees=written["attendees"],
            concerned=_read(written["concerned"]),
            details=written["details"],
        )

    def lets(self, *, user_id: UUID, role: Role) -> bool:
        """Whether a person with this role sees it."""
        if user_id in self.concerned:
            return True
        return self.needs is not None and may(role, self.needs) and self._is_in_sight(user_id, role)

    def tells_details(self, role: Role) -> bool:
        """Whether those of them who have this role are told more than topics."""
        return self.details is None or may(role, self.details)

    def _is_in_sight(self, user_id: UUID, role: Role) -> bool:
        if role == Role.ORGANIZER:
            return user_id in self.organizers
        if role == Role.CLIENT:
            return user_id in self.clients
        return role in BACK_OFFICE or (self.attendees and role == Role.ATTENDEE)


def _written(people: frozenset[UUID]) -> list[str]:
    return sorted(str(person) for person in people)


def _read(people: Iterable[str]) -> frozenset[UUID]:
    return frozenset(UUID(person) for person in people)


# Given events of one type of subject, in the account's scope: who sees each, by the event's id. One that is left out is
# seen by nobody. A constant number of statements.
Judge = Callable[[Sequence[OutboxEvent]], Mapping[UUID, Sight]]

_judges: dict[str, Judge] = {}


def register_sight(subject_types: Iterable[str], judge: Judge) -> None:
    """Let `judge` say who sees what happens to these types of subject."""
    _judges.update(dict.fromkeys(subject_types, judge))


def has_sight(subject_type: str) -> bool:
    return subject_type in _judges


def sights_of(events: Sequence[OutboxEvent]) -> dict[UUID, Sight]:
    """Return who sees each of these events, by its id. Each judge is asked once."""
    asked: dict[Judge, list[OutboxEvent]] = {}
    for event in events:
        judge = _judges.get(event.subject_type)
        if judge is not None:
            asked.setdefault(judge, []).append(event)
    return {event_id: sight for judge, theirs in asked.items() for event_id, sight in judge(theirs).items()}
