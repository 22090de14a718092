"""What the pages of one event's registrations share: the event, the rows of tabs, slots in words."""

from collections.abc import Iterable
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

from django.http import Http404
from django.urls import reverse
from django.utils.formats import date_format

from budgets.models import EventBudget
from budgetsite.pages.access import PageRequest, visible
from budgetsite.pages.budget_tabs import budget_tabs
from events.models import Event
from events.selectors import event_for_page
from registrations.models import PickupSlot

SECTIONS = (
    ("desk", "Registrations", "registrations:desk"),
    ("queue", "Queue", "registrations:queue"),
    ("options", "Options", "registrations:options"),
    ("slots", "Slots", "registrations:slots"),
    ("policy", "Rules", "registrations:policy"),
    ("check_in", "Check-in", "registrations:check_in"),
)


def event_or_404(request: PageRequest, event_id: UUID) -> Event:
    event = event_for_page(event_id, **visible(request))
    if event is None:
        raise Http404
    return event


def desk_context(request: PageRequest, event: Event, current: str) -> dict[str, Any]:
    """What the frame of the desk's pages is drawn from; `current` names one of `SECTIONS`. One statement."""
    budget_id = EventBudget.objects.filter(event_id=event.pk).values_list("pk", flat=True).first()
    return {
        "event": event,
        "currency": event.currency,
        "tabs": budget_tabs(budget_id=budget_id, event_id=event.pk, current="registrations", role=request.role),
        "desk_sections": [
            {"label": label, "url": reverse(view, args=[event.pk]), "current": name == current}
            for name, label, view in SECTIONS
        ],
    }


def slot_in_words(slot: PickupSlot, event: Event) -> str:
    """Return "Wed 15 Jul, 10:00–11:00, West door", in the event's time zone."""
    zone = ZoneInfo(event.timezone)
    start, end = slot.starts_at.astimezone(zone), slot.ends_at.astimezone(zone)
    when = f"{date_format(start, 'D j M, H:i')}\N{EN DASH}{date_format(end, 'H:i')}"
    return f"{when}, {slot.location}" if slot.location else when


def slot_choices(slots: Iterable[PickupSlot], event: Event) -> list[tuple[str, str]]:
    """Return the slots as choices, each with what is left of it."""
    return [
        (str(slot.pk), f"{slot_in_words(slot, event)} ({f'{slot.available} left' if slot.available > 0 else 'full'})")
        for slot in slots
    ]
