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

    Those are the back office, `people` by their ids, and all attendees if `attendees` says so. `concerned` see it
    whatever their role: it is their own. Without `needs` nobody else does. `topics` are what pages show of it:
    `budgets`, `budget:<id>`.
    """

    needs: str | None
    topics: Sequence[str] = ()
    people: frozenset[UUID] = frozenset()
    attendees: bool = False
    concerned: frozenset[UUID] = frozenset()

    def as_json(self) -> dict[str, Any]:
        return {
            "needs": self.needs,
            "topics": list(self.topics),
            "people": sorted(str(person) for person in self.people),
            "attendees": self.attendees,
            "concerned": sorted(str(person) for person in self.concerned),
        }

    @classmethod
    def from_json(cls, written: Mapping[str, Any]) -> Self:
        return cls(
            needs=written["needs"],
            topics=written["topics"],
            people=frozenset(UUID(person) for person in written["people"]),
            attendees=written["attendees"],
            concerned=frozenset(UUID(person) for person in written["concerned"]),
        )

    def lets(self, *, user_id: UUID, role: Role) -> bool:
        """Whether a person with this role sees it."""
        if user_id in self.concerned:
            return True
        in_sight = role in BACK_OFFICE or user_id in self.people or (self.attendees and role == Role.ATTENDEE)
        return self.needs is not None and in_sight and may(role, self.needs)


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
