"""What a person has asked for and queues for, over all events of the account."""

from uuid import UUID

from django.db.models import QuerySet

from registrations.models import QUEUED_STATUSES, EventRegistration, WaitlistEntry


def registrations_of_person(user_id: UUID, *, event_id: UUID | None = None) -> QuerySet[EventRegistration]:
    """Return a person's own registrations with event, option and slots; of one event where it is named."""
    own = EventRegistration.objects.filter(user_id=user_id).newest_first()
    if event_id is not None:
        own = own.filter(event_id=event_id)
    found: QuerySet[EventRegistration] = own.select_related(
        "event__venue", "event_option", "preferred_slot", "assigned_slot"
    )
    return found


def queue_entries_of_person(user_id: UUID) -> QuerySet[WaitlistEntry]:
    """Return where a person queues, what is offered to them first."""
    entries: QuerySet[WaitlistEntry] = WaitlistEntry.objects.filter(user_id=user_id, status__in=QUEUED_STATUSES)
    return entries.select_related("event", "event_option", "preferred_slot").order_by("status", "created_at", "id")
