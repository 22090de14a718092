"""Reading an event's pickup slots."""

from datetime import date, datetime, time, timedelta
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

from django.db.models import Count, F, Q, QuerySet
from django.db.models.functions import TruncDate

from events.models import Event
from registrations.models import PickupSlot


def slots_of(event_id: UUID) -> QuerySet[PickupSlot]:
    """Return an event's slots in the order of their times, then their places."""
    slots: QuerySet[PickupSlot] = PickupSlot.objects.filter(event_id=event_id)
    return slots.order_by("starts_at", "location", "id")


def days_with_slots(event: Event) -> list[dict[str, Any]]:
    """Return the days on which slots begin where the event is: `day`, how many `slots`, how many of them are `full`."""
    days = (
        PickupSlot.objects.filter(event_id=event.pk)
        .annotate(day=TruncDate("starts_at", tzinfo=ZoneInfo(event.timezone)))
        .values("day")
        .annotate(slots=Count("pk"), full=Count("pk", filter=Q(booked__gte=F("capacity"))))
    )
    return list(days.order_by("day"))


def slots_of_day(event: Event, day: date) -> QuerySet[PickupSlot]:
    """Return the slots that begin on a day where the event is, in their order."""
    zone = ZoneInfo(event.timezone)
    begins = datetime.combine(day, time.min, tzinfo=zone)
    ends = datetime.combine(day + timedelta(days=1), time.min, tzinfo=zone)
    return slots_of(event.pk).filter(starts_at__gte=begins, starts_at__lt=ends)
