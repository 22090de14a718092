"""What the pages of one event's registrations share: the event, the rows of tabs, slots in words."""

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from datetime import date
from itertools import groupby
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

from django.contrib import messages
from django.http import Http404
from django.urls import reverse
from django.utils.formats import date_format

from budgets.models import EventBudget
from budgets.services.problems import BudgetProblem
from budgetsite.pages.access import PageRequest, visible
from budgetsite.pages.budget_tabs import budget_tabs
from events.models import Event
from events.selectors import event_for_page
from registrations.models import EventOption, EventRegistration, PickupSlot
from registrations.selectors.desk_page import desk_rows
from registrations.selectors.options import options_of
from registrations.selectors.slots import slots_of
from registrations.services.problems import (
    EventGone,
    OptionNotFound,
    RegistrationNotFound,
    RegistrationProblem,
    SlotNotFound,
    WaitlistEntryNotFound,
)

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


@contextmanager
def refusals_told(request: PageRequest) -> Iterator[None]:
    """Say what a service refuses in a message of the next page; what is not there is answered as such."""
    try:
        yield
    except (EventGone, OptionNotFound, RegistrationNotFound, SlotNotFound, WaitlistEntryNotFound) as error:
        raise Http404 from error
    except (RegistrationProblem, BudgetProblem) as problem:
        messages.error(request, str(problem))


def option_or_404(event: Event, option_id: UUID) -> EventOption:
    option = options_of(event.pk).filter(pk=option_id).first()
    if option is None:
        raise Http404
    return option


def slot_or_404(event: Event, slot_id: UUID) -> PickupSlot:
    slot = slots_of(event.pk).filter(pk=slot_id).first()
    if slot is None:
        raise Http404
    return slot


def registration_or_404(event: Event, registration_id: UUID) -> EventRegistration:
    registration = desk_rows(event.pk).filter(pk=registration_id).first()
    if registration is None:
        raise Http404
    return registration


def slots_url(event: Event, day: date) -> str:
    """Return the address of the slots of a day."""
    return f"{reverse('registrations:slots', args=[event.pk])}?day={day:%Y-%m-%d}"


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


def day_of_slot(slot: PickupSlot, event: Event) -> date:
    """Return the day on which a slot begins where the event is."""
    return slot.starts_at.astimezone(ZoneInfo(event.timezone)).date()


def slot_choices(slots: Iterable[PickupSlot], event: Event) -> list[Any]:
    """Return the slots, in the order of their times, as choices with what is left of each; by day if there are more."""
    by_day = [
        (date_format(day, "l j F Y"), [_choice(slot, event) for slot in of_the_day])
        for day, of_the_day in groupby(slots, key=lambda slot: day_of_slot(slot, event))
    ]
    return by_day[0][1] if len(by_day) == 1 else by_day


def _choice(slot: PickupSlot, event: Event) -> tuple[str, str]:
    left = f"{slot.available} left" if slot.available > 0 else "full"
    return str(slot.pk), f"{slot_in_words(slot, event)} ({left})"
