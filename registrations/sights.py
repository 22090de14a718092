"""Who sees, as it happens, what happens to registrations, options, times to collect and the queue."""

from collections.abc import Mapping, Sequence
from uuid import UUID

from budgetsite.live.sight import Sight, register_sight
from budgetsite.outbox.models import OutboxEvent
from budgetsite.tenancy.scope import deleted_rows_visible
from events.sights import NOBODY, people_of
from registrations.models import EventRegistration, WaitlistEntry


def sights_of_offers(events: Sequence[OutboxEvent]) -> Mapping[UUID, Sight]:
    """Options and times to collect: whoever may register sees them."""
    named = {event.pk: UUID(event.payload["event_id"]) for event in events}
    people = people_of(named.values())
    found = {}
    for event in events:
        theirs = people.get(named[event.pk], NOBODY)
        found[event.pk] = Sight(
            needs="options.view",
            topics=(*_topics(named[event.pk]), f"{event.subject_type}:{event.subject_id}"),
            organizers=theirs.organizers,
            clients=theirs.clients,
            attendees=True,
        )
    return found


def sights_of_registrations(events: Sequence[OutboxEvent]) -> Mapping[UUID, Sight]:
    return _of_guests(events, EventRegistration)


def sights_of_waitlist_entries(events: Sequence[OutboxEvent]) -> Mapping[UUID, Sight]:
    return _of_guests(events, WaitlistEntry)


def _of_guests(
    events: Sequence[OutboxEvent], model: type[EventRegistration] | type[WaitlistEntry]
) -> Mapping[UUID, Sight]:
    """What is one guest's: theirs to see, and that of those who decide about registrations of the event."""
    with deleted_rows_visible():
        rows = model.objects.filter(pk__in={event.subject_id for event in events}).values_list(
            "pk", "event_id", "user_id"
        )
        guests = {row_id: (event_id, user_id) for row_id, event_id, user_id in rows}
    people = people_of(event_id for event_id, _ in guests.values())
    found = {}
    for event in events:
        if event.subject_id in guests:
            event_id, user_id = guests[event.subject_id]
            found[event.pk] = Sight(
                needs="registrations.decide",
                topics=(*_topics(event_id), f"{event.subject_type}:{event.subject_id}"),
                organizers=people.get(event_id, NOBODY).organizers,
                concerned=frozenset({user_id}),
            )
    return found


def _topics(event_id: UUID) -> tuple[str, ...]:
    return "registrations", f"event:{event_id}", f"registrations:{event_id}"


def register() -> None:
    register_sight(["event_option", "pickup_slot"], sights_of_offers)
    register_sight(["registration"], sights_of_registrations)
    register_sight(["waitlist_entry"], sights_of_waitlist_entries)
