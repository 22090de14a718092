"""Reading an event's pickup slots."""

from uuid import UUID

from django.db.models import QuerySet

from registrations.models import PickupSlot


def slots_of(event_id: UUID) -> QuerySet[PickupSlot]:
    """Return an event's slots in the order of their times, then their places."""
    slots: QuerySet[PickupSlot] = PickupSlot.objects.filter(event_id=event_id)
    return slots.order_by("starts_at", "location", "id")
