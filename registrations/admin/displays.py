"""How the staff's lists write places, people, slots and statuses."""

from datetime import datetime
from typing import Any

from django.template.loader import render_to_string
from django.urls import reverse
from django.utils.html import format_html
from django.utils.safestring import SafeString

from budgetsite.accounts.models import User
from budgetsite.pages.amounts import NOTHING
from budgetsite.pages.back_office.displays import badge
from budgetsite.pages.money_bar import FRAME, MoneyBar, Segment
from events.models import Event
from registrations.models import PickupSlot
from registrations.services.conflicts import slot_label

STATUS_TONES = {"PENDING": "warning", "APPROVED": "good", "REJECTED": "critical", "CANCELLED": "neutral"}
STATUS_WORDS = {"PENDING": "Waits", "APPROVED": "Approved", "REJECTED": "Rejected", "CANCELLED": "Cancelled"}


def status_badge(status: str) -> SafeString:
    return badge(STATUS_WORDS[status], STATUS_TONES[status])


def person_cell(person: User) -> SafeString:
    """Return a person's name, and below it the address that tells two of one name apart."""
    if not person.name:
        return format_html("{}", person.email)
    return format_html('{}<br><span class="ask__note">{}</span>', person.name, person.email)


def event_link(event: Event) -> SafeString:
    url = reverse("admin:events_event_change", args=[event.pk])
    return format_html('<a class="text-link" href="{}">{}</a>', url, event)


def slot_words(slot: PickupSlot | None, event: Event) -> str:
    """Return a slot's times in the event's zone, and its place: "2026-07-15 10:00-11:00, North door"."""
    if slot is None:
        return NOTHING
    return f"{slot_label(slot, event)}, {slot.location}" if slot.location else slot_label(slot, event)


def slot_cell(slot: PickupSlot | None, event: Event, *, wished: bool = False) -> SafeString:
    """Return a slot for a narrow column: the day, below it the hours; said to be a wish where it is none yet."""
    if slot is None:
        return format_html("{}", NOTHING)
    day, hours = slot_label(slot, event).split(" ")
    note = "wished for" if wished else slot.location
    return format_html('<span class="when">{}<br>{}</span> <span class="ask__note">{}</span>', day, hours, note)


def places_cell(*, total: int, taken: int, held: int = 0) -> SafeString:
    """Return the bar of so many places: dark for those taken, light for those held, with what is left below it."""
    left = total - taken - held
    stretches = (("actual", taken), ("committed", held), ("available", left))
    segments, before = [], 0
    for kind, places in stretches:
        start, end = (round(FRAME * reached / total) if total else 0 for reached in (before, before + places))
        before += places
        if end > start:
            segments.append(Segment(kind, start, end - start))
    words = f"{left} left" if left else "none left"
    bar = MoneyBar(
        state="within" if left else "spent_up",
        segments=tuple(segments),
        marker=None,
        spent=f"{taken} taken",
        promised=f"{held} held" if held else "",
        whole=f"of {total}",
        verdict=words,
        short_verdict=words,
    )
    html: str = render_to_string("components/money_bar.html", {"bar": bar, "compact": True})
    return SafeString(html)


def lasting(minutes: int) -> str:
    """Return a span of time in the largest unit that says it exactly: "1 day", "36 hours", "90 minutes"."""
    for size, word in ((24 * 60, "day"), (60, "hour"), (1, "minute")):
        if minutes % size == 0 and minutes >= size:
            number = minutes // size
            return f"{number} {word}" if number == 1 else f"{number} {word}s"
    return "0 minutes"


def left_until(moment: datetime, *, now: datetime) -> str:
    """Return how long it is until a moment, in hours and minutes; "run out" when it has passed."""
    minutes = int((moment - now).total_seconds() // 60)
    if minutes < 0:
        return "run out"
    if minutes >= 48 * 60:
        return f"{minutes // (24 * 60)} days left"
    hours, rest = divmod(minutes, 60)
    return f"{hours} h {rest} min left" if hours else f"{rest} min left"


def facts_of_person(person: User) -> Any:
    return f"{person.name} ({person.email})" if person.name else person.email
