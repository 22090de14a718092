"""The times at which people come to collect: made with the event, or as the organizer asks for."""

from collections import Counter
from collections.abc import Iterator, Sequence
from datetime import UTC, date, datetime, time, timedelta
from uuid import UUID
from zoneinfo import ZoneInfo

from django.db import transaction
from django.db.models import CharField, Count
from django.db.models.functions import Cast

from budgetsite.accounts.models import User
from budgetsite.outbox.services import record_event
from budgetsite.tenancy.deletion import soft_delete
from events.models import Event, in_usable_year
from registrations.models import (
    DEFAULT_CAPACITY,
    QUEUED_STATUSES,
    EventRegistration,
    PickupSlot,
    RegistrationStatus,
    WaitlistEntry,
)
from registrations.selectors.slots import slots_of
from registrations.services.conflicts import slot_label
from registrations.services.holding import keep_event
from registrations.services.offers import offer_slot
from registrations.services.problems import InvalidPlan, SlotInUse, SlotNotFound, SlotTooSmall, UnknownSlot

# What an event begins with: ten hours from eight in the morning of its day.
FIRST_HOUR = time(8, 0)
DEFAULT_HOURS = 10
MIDNIGHT = time(0, 0)
SHORTEST_MINUTES, LONGEST_MINUTES = 5, 60
# More slots than anybody offers for a day, and few enough to be made at once.
MOST_SLOTS = 2000


def make_default_slots(event: Event) -> None:
    """Give a new event its ten hours, on its day in its own time zone. One statement."""
    PickupSlot.objects.bulk_create(
        _slots(event, default_times(event.event_date, event.timezone), [""], DEFAULT_CAPACITY)
    )


def default_times(event_date: datetime, timezone: str) -> list[tuple[datetime, datetime]]:
    """Return the ten hours of an event's day."""
    zone = ZoneInfo(timezone)
    starts = datetime.combine(event_date.astimezone(zone).date(), FIRST_HOUR, tzinfo=zone)
    return list(_steps(starts, starts + timedelta(hours=DEFAULT_HOURS), timedelta(hours=1)))


def move_default_slots(
    event: Event,
    *,
    before: Sequence[tuple[datetime, datetime]],
    after: Sequence[tuple[datetime, datetime]],
    now: datetime,
) -> None:
    """Take the slots that were made with the event along to its new day; those that anybody has or wants stay.

    Where the new day has a slot at that time already, the old one goes.
    """
    made_with_it = PickupSlot.objects.filter(
        event_id=event.pk,
        location="",
        capacity=DEFAULT_CAPACITY,
        booked=0,
        starts_at__in=[start for start, _ in before],
    )
    wanted = _wanted_slots(event.pk)
    locked = made_with_it.order_by("pk").select_for_update(no_key=True)
    free = {slot.starts_at: slot for slot in locked if slot.pk not in wanted}
    taken = set(
        PickupSlot.objects.filter(event_id=event.pk, location="")
        .exclude(pk__in=[slot.pk for slot in free.values()])
        .values_list("starts_at", flat=True)
    )
    moved = []
    for (old_start, old_end), (start, end) in zip(before, after, strict=True):
        slot = free.get(old_start)
        if slot is None or slot.ends_at != old_end:
            continue
        if start in taken:
            soft_delete(slot, now=now)
            continue
        slot.starts_at, slot.ends_at = start, end
        moved.append(slot)
    # One may move to where another still is; PostgreSQL looks at each row as it changes. So they step aside first.
    PickupSlot.objects.filter(pk__in=[slot.pk for slot in moved]).update(location=Cast("pk", CharField()))
    PickupSlot.objects.bulk_update(moved, ["starts_at", "ends_at", "location"])


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
    now: datetime,
) -> list[PickupSlot]:
    """Make the slots of a day in the event's time zone, the last one cut at the end, at each of the locations.

    Slots that are there already (same time and place) stay as they are. 10:00 to 18:00 in steps of 15 minutes at two
    locations makes 64. Returns the day's slots. Raises `InvalidPlan`, which names the value that is wrong; a time that
    is over is, because nobody could come any more.
    """
    if not SHORTEST_MINUTES <= minutes <= LONGEST_MINUTES:
        raise InvalidPlan("minutes", f"A slot lasts {SHORTEST_MINUTES} to {LONGEST_MINUTES} minutes.")
    if not in_usable_year(datetime.combine(day, begins)):
        raise InvalidPlan("date", "Give a day between the years 1900 and 2999.")
    for name, moment in (("from", begins), ("to", ends)):
        if moment.second or moment.microsecond or moment.tzinfo is not None:
            raise InvalidPlan(name, "Give hours and minutes where the event is, such as 10:30.")
    if ends <= begins and ends != MIDNIGHT:
        raise InvalidPlan("to", "The end has to be after the beginning.")
    if capacity < 1:
        raise InvalidPlan("capacity", "At least one person has to fit.")
    zone = ZoneInfo(event.timezone)
    starts = datetime.combine(day, begins, tzinfo=zone).astimezone(UTC)
    # Midnight is the day's end.
    last_day = day + timedelta(days=1) if ends == MIDNIGHT else day
    stops = datetime.combine(last_day, ends, tzinfo=zone).astimezone(UTC)
    if stops <= starts:
        raise InvalidPlan("from", "The clocks are put forward then: these times do not exist on that day.")
    if stops <= now:
        raise InvalidPlan("date", _why_over(event, now=now))
    places = list(dict.fromkeys(location.strip() for location in locations)) or [""]
    times = list(_steps(starts, stops, timedelta(minutes=minutes)))
    if len(times) * len(places) > MOST_SLOTS:
        raise InvalidPlan("minutes", f"That would be {len(times) * len(places)} slots; {MOST_SLOTS} are the most.")
    keep_event(event)
    made = _slots(event, times, places, capacity)
    PickupSlot.objects.bulk_create(made, ignore_conflicts=True, batch_size=500)
    record_event(
        kind="event.slots_generated",
        subject_type="event",
        subject_id=event.pk,
        payload={"starts_at": starts.isoformat(), "ends_at": stops.isoformat(), "slots": len(made)},
    )
    return list(slots_of(event.pk).filter(starts_at__gte=starts, starts_at__lt=stops))


@transaction.atomic
def update_slot(*, event: Event, slot_id: UUID, capacity: int, acting_user: User, now: datetime) -> PickupSlot:
    """Change how many people a slot has room for; new room is offered to whoever waits.

    Raises `SlotTooSmall` when more are booked, `InvalidPlan`, `SlotNotFound`.
    """
    if capacity < 1:
        raise InvalidPlan("capacity", "At least one person has to fit.")
    slot = _lock(event, slot_id)
    if capacity < slot.booked:
        raise SlotTooSmall(wanted=capacity, booked=slot.booked)
    grows = capacity > slot.capacity
    slot.capacity = capacity
    slot.save(update_fields=["capacity"])
    tell_slot(slot, "changed")
    if grows:
        offer_slot(event=event, slot_id=slot.pk, now=now)
        slot.refresh_from_db()
    return slot


@transaction.atomic
def delete_slot(*, event: Event, slot_id: UUID, acting_user: User, now: datetime) -> None:
    """Soft-delete a slot that nobody has, wants or waits for. Raises `SlotInUse`, `SlotNotFound`."""
    slot = _lock(event, slot_id)
    wanted = slot.booked or _wanted_slots(event.pk)[slot.pk]
    if wanted:
        raise SlotInUse(wanted)
    soft_delete(slot, now=now)
    tell_slot(slot, "deleted")


def find_slot(event: Event, text: str | None, *, party_size: int = 1) -> PickupSlot | None:
    """Return the event's slot by its id or its text (`2026-07-15 10:00-11:00`), None for nothing.

    Of several places with the same text the first with room for the party is meant. Raises `UnknownSlot`, which lists
    the valid ones.
    """
    if not text:
        return None
    slots = list(slots_of(event.pk))
    wanted = " ".join(str(text).split())
    named = [slot for slot in slots if str(slot.pk) == wanted.lower() or slot_label(slot, event) == wanted]
    if not named:
        raise UnknownSlot(wanted, list(dict.fromkeys(slot_label(slot, event) for slot in slots)))
    return next((slot for slot in named if slot.available >= party_size), named[0])


def find_slot_id(event: Event, text: str | None, *, party_size: int = 1) -> UUID | None:
    slot = find_slot(event, text, party_size=party_size)
    return None if slot is None else slot.pk


def _why_over(event: Event, *, now: datetime) -> str:
    """Say what to do instead of making slots for a time that is over."""
    if event.event_date > now:
        return "This time is over, and nobody could come. Choose a day that is still to come."
    day = event.event_date.astimezone(ZoneInfo(event.timezone))
    return (
        f"This event took place on {day:%d %B %Y}, and this time is over. "
        "Choose a day that is still to come, or give the event a new date first."
    )


def _slots(
    event: Event, times: Sequence[tuple[datetime, datetime]], places: Sequence[str], capacity: int
) -> list[PickupSlot]:
    return [
        PickupSlot(event=event, starts_at=start, ends_at=end, location=place, capacity=capacity)
        for start, end in times
        for place in places
    ]


def _steps(start: datetime, end: datetime, step: timedelta) -> Iterator[tuple[datetime, datetime]]:
    """Yield slots of real length, whatever the clocks do meanwhile; the last one is cut at the end."""
    start, end = start.astimezone(UTC), end.astimezone(UTC)
    while start < end:
        yield start, min(start + step, end)
        start += step


def _lock(event: Event, slot_id: UUID) -> PickupSlot:
    keep_event(event)
    slots = PickupSlot.objects.filter(pk=slot_id, event_id=event.pk)
    slot: PickupSlot | None = slots.select_for_update(no_key=True).first()
    if slot is None:
        raise SlotNotFound(slot_id)
    return slot


def _wanted_slots(event_id: UUID) -> Counter[UUID]:
    """Return slot → how many live registrations and people in the queue name it, whether or not they book it."""
    registered = EventRegistration.objects.filter(event_id=event_id)
    queued = WaitlistEntry.objects.filter(event_id=event_id, status__in=QUEUED_STATUSES)
    wanted: Counter[UUID] = Counter()
    for rows, column in (
        (registered.filter(status=RegistrationStatus.APPROVED), "assigned_slot_id"),
        (registered.filter(status=RegistrationStatus.PENDING), "preferred_slot_id"),
        (queued, "preferred_slot_id"),
    ):
        named = rows.filter(**{f"{column}__isnull": False}).values_list(column).annotate(Count("pk"))
        wanted.update(dict(named.order_by()))
    return wanted


def tell_slot(slot: PickupSlot, happened: str) -> None:
    record_event(
        kind=f"pickup_slot.{happened}",
        subject_type="pickup_slot",
        subject_id=slot.pk,
        payload={"event_id": str(slot.event_id), "capacity": slot.capacity, "booked": slot.booked},
    )
