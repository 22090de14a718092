"""What a change of an event means for what one may register for; what deleting it means for who has registered."""

from datetime import datetime

from django.core.exceptions import ValidationError
from django.utils import timezone

from budgetsite.outbox.services import record_event
from events.models import Event
from registrations.models import EventOption, RegistrationDesk
from registrations.services.slot import default_times, move_default_slots


def follow_event(event: Event, *, now: datetime | None = None) -> None:
    """Before a changed event is stored: its options are in its currency, its own slots on its day.

    Raises `ValidationError` at the currency while options have a price: amounts are never converted. Two statements,
    and a few more when the day has changed.
    """
    if event._state.adding:
        return
    options = EventOption.objects.filter(event_id=event.pk).exclude(currency=event.currency)
    if options.filter(cost_per_unit__gt=0).exists():
        raise ValidationError(
            {
                "currency": ValidationError(
                    "Options of this event have a price in its currency. Set their cost to 0 before you change it.",
                    code="currency_fixed",
                )
            }
        )
    stored = Event.objects.filter(pk=event.pk).values("event_date", "timezone", "currency").first()
    if stored is None:
        return
    if stored["currency"] != event.currency:
        options.update(currency=event.currency)
    before = default_times(stored["event_date"], stored["timezone"])
    after = default_times(event.event_date, event.timezone)
    if before != after:
        move_default_slots(event, before=before, after=after, now=now or timezone.now())


def call_off(event: Event) -> None:
    """Before an event is deleted with all that hangs on it: its registrations stay as they are and return with it.

    Their money is that of the event's budget, which is deleted and restored with them, so nothing is released. Who
    deletes an event has it alone: the counters stand still, and nobody can register from then on.
    """
    desk: RegistrationDesk | None = RegistrationDesk.objects.filter(event_id=event.pk).first()
    if desk is None:
        # Somebody was faster: it is deleted already.
        return
    counted: list[EventOption | RegistrationDesk] = [*EventOption.objects.filter(event_id=event.pk), desk]
    record_event(
        kind="event.called_off",
        subject_type="event",
        subject_id=event.pk,
        payload={
            "pending": sum(row.pending_count for row in counted),
            "approved": sum(row.approved_count for row in counted),
            "collected": sum(row.collected_count for row in counted),
        },
    )
