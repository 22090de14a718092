"""When people come to collect: the event's slots, a day at a time, made for a day at once."""

from datetime import date
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.utils import timezone
from django.utils.dateparse import parse_date
from django.utils.formats import date_format
from django.views.decorators.http import require_http_methods, require_safe

from budgetsite.pages.access import PageRequest
from events.models import Event
from registrations.forms.offer import CapacityForm, SlotsForm
from registrations.selectors.slots import days_with_slots, slots_of_day
from registrations.services.capacity_cut import cut_of_slot
from registrations.services.problems import InvalidPlan, SlotTooSmall
from registrations.services.slot import generate_slots, update_slot
from registrations.views.page_parts import (
    day_of_slot,
    desk_context,
    event_or_404,
    page_of_event,
    slot_in_words,
    slot_or_404,
    slots_url,
)

# What the service calls the values of a plan, and what the form calls them.
PLAN_FIELDS = {"date": "date", "from": "begins", "to": "ends", "minutes": "minutes", "capacity": "capacity"}


@page_of_event("registrations.decide")
@require_safe
def slot_list(request: PageRequest, event_id: UUID) -> HttpResponse:
    event = event_or_404(request, event_id)
    days = days_with_slots(event)
    day = _day_shown(request, event, [row["day"] for row in days])
    context = desk_context(request, event, "slots") | {
        "day": day,
        "slots": list(slots_of_day(event, day)) if day else [],
        "days": [_day_tab(event, row, current=row["day"] == day) for row in days],
    }
    return render(request, "registrations/slots.html", context)


@page_of_event("registrations.decide")
@require_http_methods(["GET", "HEAD", "POST"])
def slots_generate(request: PageRequest, event_id: UUID) -> HttpResponse:
    event = event_or_404(request, event_id)
    day = event.event_date.astimezone(ZoneInfo(event.timezone)).date()
    form = SlotsForm(
        request.POST if request.method == "POST" else None, initial={"date": day, "begins": "10:00", "ends": "18:00"}
    )
    if form.is_bound and form.is_valid():
        values = dict(form.cleaned_data)
        try:
            slots = generate_slots(
                event=event, day=values.pop("date"), acting_user=request.user, now=timezone.now(), **values
            )
        except InvalidPlan as problem:
            form.add_error(PLAN_FIELDS.get(problem.name), str(problem))
        else:
            messages.success(request, f"{len(slots)} slots between these times.")
            return redirect(slots_url(event, form.cleaned_data["date"]))
    context = desk_context(request, event, "slots") | {"form": form}
    return render(request, "registrations/slots_form.html", context, status=422 if form.is_bound else 200)


@page_of_event("registrations.decide")
@require_http_methods(["GET", "HEAD", "POST"])
def slot_edit(request: PageRequest, event_id: UUID, slot_id: UUID) -> HttpResponse:
    event = event_or_404(request, event_id)
    slot = slot_or_404(event, slot_id)
    back = slots_url(event, day_of_slot(slot, event))
    form = CapacityForm(request.POST if request.method == "POST" else None, initial={"capacity": slot.capacity})
    cut, status = None, 422 if form.is_bound else 200
    if form.is_bound and form.is_valid():
        capacity = form.cleaned_data["capacity"]
        if "look" in request.POST:
            cut, status = cut_of_slot(event=event, slot_id=slot.pk, capacity=capacity), 200
        else:
            try:
                update_slot(
                    event=event,
                    slot_id=slot.pk,
                    capacity=capacity,
                    acting_user=request.user,
                    now=timezone.now(),
                )
            except SlotTooSmall as problem:
                form.add_error("capacity", str(problem))
                cut, status = cut_of_slot(event=event, slot_id=slot.pk, capacity=capacity), 409
            else:
                messages.success(request, f"{slot_in_words(slot, event)} has room for {capacity} now.")
                return redirect(back)
    context = desk_context(request, event, "slots") | {
        "form": form,
        "slot": slot,
        "when": slot_in_words(slot, event),
        "cut": cut,
        "back": back,
    }
    return render(request, "registrations/slot_form.html", context, status=status)


def _day_shown(request: PageRequest, event: Event, days: list[date]) -> date | None:
    """Return the day that the address asks for; else the next one with slots, or the last there was."""
    try:
        asked = parse_date(request.GET.get("day", ""))
    except ValueError:
        asked = None
    if asked in days:
        return asked
    today = timezone.now().astimezone(ZoneInfo(event.timezone)).date()
    return next((day for day in days if day >= today), days[-1] if days else None)


def _day_tab(event: Event, row: dict[str, Any], *, current: bool) -> dict[str, Any]:
    label = date_format(row["day"], "D j M Y")
    if row["full"] == row["slots"]:
        label += ", full"
    return {"label": label, "url": slots_url(event, row["day"]), "current": current}
