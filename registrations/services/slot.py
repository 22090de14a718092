"""The times at which people come to collect: made with the event, or as the organizer asks for."""

from collections.abc import Iterator, Sequence
from datetime import UTC, date, datetime, time, timedelta
from uuid import UUID
from zoneinfo import ZoneInfo

from django.db import transaction

from budgetsite.accounts.models import User
from events.models import Event
from registrations.models import DEFAULT_CAPACITY, PickupSlot
from registrations.selectors.slots import slots_of
from registrations.services.conflicts import slot_label
from registrations.services.problems import InvalidPlan, UnknownSlot

# What an event begins with: ten hours from eight in the morning of its day.
FIRST_HOUR = time(8, 0)
DEFAULT_HOURS = 10
SHORTEST_MINUTES, LONGEST_MINUTES = 5, 60
# More slots than anybody offers for a day, and few enough to be made at once.
MOST_SLOTS = 2000


def make_default_slots(event: Event) -> None:
    """Give a new event its ten hours, on its day in its own time zone. One statement."""
    day = event.event_date.astimezone(ZoneInfo(event.timezone)).date()
    starts = datetime.combine(day, FIRST_HOUR)
    times = [(starts + timedelta(hours=hour), starts + timedelta(hours=hour + 1)) for hour in range(DEFAULT_HOURS)]
    PickupSlot.objects.bulk_create(_slots(event, times, [""], DEFAULT_CAPACITY))


@transaction.atomic
def generate_slots(
    *,
    event: Event,
    day: date,
    begins: time,
    ends: time,
    minutes: int,
    capacity: int,
    locations: Sequence[str],
    acting_user: User,
) -> list[PickupSlot]:
    """Make the slots of a day in the event's time zone, the last one cut at the end, at each of the locations.

    Slots that are there already (same time and place) stay as they are. 10:00 to 18:00 in steps of 15 minutes at two
    locations makes 64. Returns the day's slots. Raises `InvalidPlan`, which names the value that is wrong.
    """
    if not SHORTEST_MINUTES <= minutes <= LONGEST_MINUTES:
        raise InvalidPlan("minutes", f"A slot lasts {SHORTEST_MINUTES} to {LONGEST_MINUTES} minutes.")
    if ends <= begins:
        raise InvalidPlan("to", "The end has to be after the beginning.")
    if capacity < 1:
        raise InvalidPlan("capacity", "At least one person has to fit.")
    places = list(dict.fromkeys(location.strip() for location in locations)) or [""]
    times = list(_steps(datetime.combine(day, begins), datetime.combine(day, ends), timedelta(minutes=minutes)))
    if len(times) * len(places) > MOST_SLOTS:
        raise InvalidPlan("minutes", f"That would be {len(times) * len(places)} slots; {MOST_SLOTS} are the most.")
    made = _slots(event, times, places, capacity)
    PickupSlot.objects.bulk_create(made, ignore_conflicts=True, batch_size=500)
    return [slot for slot in slots_of(event.pk) if made[0].starts_at <= slot.starts_at < made[-1].ends_at]


def find_slot(event: Event, text: str | None) -> PickupSlot | None:
    """Return the event's slot by its id or its text (`2026-07-15 10:00-11:00`), None for nothing.

    Of several places with the same text the first with room is meant. Raises `UnknownSlot`, which lists the valid ones.
    """
    if not text:
        return None
    slots = list(slots_of(event.pk))
    wanted = " ".join(str(text).split())
    named = [slot for slot in slots if str(slot.pk) == wanted or slot_label(slot, event) == wanted]
    if not named:
        raise UnknownSlot(wanted, list(dict.fromkeys(slot_label(slot, event) for slot in slots)))
    return next((slot for slot in named if slot.available > 0), named[0])


def find_slot_id(event: Event, text: str | None) -> UUID | None:
    slot = find_slot(event, text)
    return None if slot is None else slot.pk


def _slots(
    event: Event, times: Sequence[tuple[datetime, datetime]], places: Sequence[str], capacity: int
) -> list[PickupSlot]:
    """Return slots for local times. Steps through an hour that the clocks leave out come to nothing and are skipped."""
    zone = ZoneInfo(event.timezone)
    slots = []
    for start, end in times:
        starts_at, ends_at = (moment.replace(tzinfo=zone).astimezone(UTC) for moment in (start, end))
        if starts_at < ends_at:
            slots += [
                PickupSlot(event=event, starts_at=starts_at, ends_at=ends_at, location=place, capacity=capacity)
                for place in places
            ]
    return slots


def _steps(start: datetime, end: datetime, step: timedelta) -> Iterator[tuple[datetime, datetime]]:
    while start < end:
        yield start, min(start + step, end)
        start += step
