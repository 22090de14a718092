"""What the pages of one event's registrations share: the event, the rows of tabs, slots in words."""

import re
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from datetime import date
from functools import wraps
from itertools import groupby
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

from django.contrib import messages
from django.http import Http404
from django.http.response import HttpResponseBase
from django.urls import reverse
from django.utils.dateparse import parse_date
from django.utils.formats import date_format

from budgets.models import EventBudget
from budgets.services.problems import BudgetProblem
from budgetsite.pages.access import PageRequest, View, page, visible
from budgetsite.pages.budget_tabs import budget_tabs
from events.models import Event
from events.selectors import event_for_page
from registrations.models import EventOption, EventRegistration, PickupSlot, RegistrationDesk
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

# What somebody may delete while a page is being made, or a form sent.
NOT_THERE = (
    EventGone,
    OptionNotFound,
    RegistrationNotFound,
    SlotNotFound,
    WaitlistEntryNotFound,
    RegistrationDesk.DoesNotExist,
)

# Slots as services and programs write them, with or without the day: 2026-07-15 10:00-11:00.
_SLOT_TEXT = re.compile(
    r"(?<![\w:-])(?:([0-9]{4}-[0-9]{2}-[0-9]{2}) )?([0-9]{2}:[0-9]{2})-([0-9]{2}:[0-9]{2})(?![\w:-])"
)


def page_of_event(action: str | None = None) -> Callable[[View], View]:
    """As `page`, for what is about an event; what was deleted a moment ago is answered as not there."""

    def decorate(view: View) -> View:
        @wraps(view)
        def answered(request: Any, *args: Any, **kwargs: Any) -> HttpResponseBase:
            try:
                return view(request, *args, **kwargs)
            except NOT_THERE as error:
                raise Http404 from error

        return page(action)(answered)

    return decorate


def event_or_404(request: PageRequest, event_id: UUID) -> Event:
    event = event_for_page(event_id, **visible(request))
    if event is None:
        raise Http404
    return event


@contextmanager
def refusals_told(request: PageRequest) -> Iterator[None]:
    """Say what a service refuses in a message of the next page; what is not there is for `page_of_event` to answer."""
    try:
        yield
    except NOT_THERE:
        raise
    except (RegistrationProblem, BudgetProblem) as problem:
        messages.error(request, slots_in_words(str(problem)))


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


def slots_in_words(sentence: str) -> str:
    """Write the slots that a service names in a sentence as `slot_in_words` does."""
    return _SLOT_TEXT.sub(_times_in_words, sentence)


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


def _times_in_words(found: re.Match[str]) -> str:
    hours = f"{found[2]}\N{EN DASH}{found[3]}"
    try:
        day = parse_date(found[1] or "")
    except ValueError:
        return found[0]
    return f"{date_format(day, 'D j M')}, {hours}" if day else hours


def _choice(slot: PickupSlot, event: Event) -> tuple[str, str]:
    left = f"{slot.available} left" if slot.available > 0 else "full"
    return str(slot.pk), f"{slot_in_words(slot, event)} ({left})"
