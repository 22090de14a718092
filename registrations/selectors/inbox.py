"""What waits for the people who run events: requests to decide, offers that soon pass on. Counters, never counts."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from uuid import UUID

from django.db.models import Case, F, QuerySet, Sum, Value, When

from events.models import Event
from registrations.models import EventOption, RegistrationDesk, WaitlistEntry, WaitlistStatus

# An offer that runs out within a day is worth a call.
SOON = timedelta(hours=24)


@dataclass(frozen=True, slots=True)
class WaitingEvent:
    """An event with `pending` registrations, and what approving all would commit, in the event's currency."""

    event: Event
    pending: int
    exposure: Decimal


def events_that_wait(*, now: datetime, limit: int) -> list[WaitingEvent]:
    """Return the events with registrations to decide: those to come first, the nearest first. Three statements."""
    found: dict[UUID, tuple[int, Decimal]] = {}
    of_options = (
        EventOption.objects.filter(pending_count__gt=0)
        .values("event_id")
        .annotate(pending=Sum("pending_count"), exposure=Sum(F("pending_places") * F("cost_per_unit")))
        .order_by("event_id")
    )
    for row in of_options:
        found[row["event_id"]] = (row["pending"], row["exposure"])
    without_option = RegistrationDesk.objects.filter(pending_count__gt=0)
    for event_id, pending in without_option.values_list("event_id", "pending_count"):
        before, exposure = found.get(event_id, (0, Decimal(0)))
        found[event_id] = (before + pending, exposure)
    if not found:
        return []
    over = Case(When(event_date__lt=now, then=Value(1)), default=Value(0))
    events = Event.objects.filter(pk__in=found).order_by(over, "event_date", "id")[:limit]
    return [WaitingEvent(event, *found[event.pk]) for event in events]


def offers_running_out(*, now: datetime) -> QuerySet[WaitlistEntry]:
    """Return the offers that pass on within a day unless somebody takes them, the next one first."""
    entries: QuerySet[WaitlistEntry] = WaitlistEntry.objects.filter(
        status=WaitlistStatus.OFFERED, offer_expires_at__gt=now, offer_expires_at__lte=now + SOON
    )
    return entries.select_related("event", "user", "event_option").order_by("offer_expires_at", "id")
