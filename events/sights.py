"""Who sees, as it happens, what happens to events; and whose the events are, for the sights of other apps."""

from collections.abc import Iterable, Mapping, Sequence
from uuid import UUID

from budgetsite.live.sight import Sight, register_sight
from budgetsite.outbox.models import OutboxEvent
from budgetsite.tenancy.scope import deleted_rows_visible
from events.models import Event


def people_of(event_ids: Iterable[UUID]) -> dict[UUID, frozenset[UUID]]:
    """Return, by event, the people in whose sight it is beside the back office: as `EventQuerySet.visible_to` has it.

    Deleted events too. One statement.
    """
    with deleted_rows_visible():
        rows = Event.objects.filter(pk__in=set(event_ids)).values_list(
            "pk", "organizer_id", "created_by_id", "client_id"
        )
        return {event_id: frozenset(person for person in people if person) for event_id, *people in rows}


def sights_of_events(events: Sequence[OutboxEvent]) -> Mapping[UUID, Sight]:
    people = people_of(event.subject_id for event in events)
    return {
        event.pk: Sight(
            needs="events.view",
            topics=("events", f"event:{event.subject_id}", "registrations"),
            people=people.get(event.subject_id, frozenset()),
            attendees=True,
        )
        for event in events
    }


def register() -> None:
    register_sight(["event"], sights_of_events)
