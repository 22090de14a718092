"""Who sees, as it happens, what happens to events; and whose the events are, for the sights of other apps."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from uuid import UUID

from budgetsite.live.sight import Sight, register_sight
from budgetsite.outbox.models import OutboxEvent
from budgetsite.tenancy.scope import deleted_rows_visible
from events.models import Event


@dataclass(frozen=True, slots=True)
class PeopleOfEvent:
    """In whose sight an event is beside the back office, by what they are: as `EventQuerySet.visible_to` has it."""

    organizers: frozenset[UUID] = frozenset()
    clients: frozenset[UUID] = frozenset()


NOBODY = PeopleOfEvent()


def people_of(event_ids: Iterable[UUID]) -> dict[UUID, PeopleOfEvent]:
    """Return whose the events are, deleted ones too. One statement."""
    with deleted_rows_visible():
        rows = Event.objects.filter(pk__in=set(event_ids)).values_list(
            "pk", "organizer_id", "created_by_id", "client_id"
        )
        return {
            event_id: PeopleOfEvent(
                organizers=frozenset(person for person in (organizer, made_by) if person),
                clients=frozenset({client} if client else ()),
            )
            for event_id, organizer, made_by, client in rows
        }


def sights_of_events(events: Sequence[OutboxEvent]) -> Mapping[UUID, Sight]:
    people = people_of(event.subject_id for event in events)
    found = {}
    for event in events:
        theirs = people.get(event.subject_id, NOBODY)
        found[event.pk] = Sight(
            needs="events.view",
            topics=("events", f"event:{event.subject_id}", "registrations"),
            organizers=theirs.organizers,
            clients=theirs.clients,
            attendees=True,
            # How many had registered is not for those who register.
            details="registrations.decide" if event.kind == "event.called_off" else None,
        )
    return found


def register() -> None:
    register_sight(["event"], sights_of_events)
