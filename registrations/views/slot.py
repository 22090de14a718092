"""When people come to collect: the event's slots, made for a day at once."""

from itertools import groupby
from uuid import UUID
from zoneinfo import ZoneInfo

from django.contrib import messages
from django.http import Http404, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils import timezone
from django.views.decorators.http import require_http_methods, require_safe

from budgetsite.pages.access import PageRequest, page
from events.models import Event
from registrations.forms.offer import CapacityForm, SlotsForm
from registrations.models import PickupSlot
from registrations.selectors.slots import slots_of
from registrations.services.capacity_cut import cut_of_slot
from registrations.services.problems import InvalidPlan, SlotInUse, SlotTooSmall
from registrations.services.slot import delete_slot, generate_slots, update_slot
from registrations.views.page_parts import desk_context, event_or_404, slot_in_words

# What the service calls the values of a plan, and what the form calls them.
PLAN_FIELDS = {"date": "date", "from": "begins", "to": "ends", "minutes": "minutes", "capacity": "capacity"}


@page("registrations.decide")
@require_safe
def slot_list(request: PageRequest, event_id: UUID) -> HttpResponse:
    event = event_or_404(request, event_id)
    zone = ZoneInfo(event.timezone)
    by_day = groupby(slots_of(event.pk), key=lambda slot: slot.starts_at.astimezone(zone).date())
    context = desk_context(request, event, "slots") | {"days": [(day, list(slots)) for day, slots in by_day]}
    return render(request, "registrations/slots.html", context)


@page("registrations.decide")
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
            return redirect("registrations:slots", event.pk)
    context = desk_context(request, event, "slots") | {"form": form}
    return render(request, "registrations/slots_form.html", context, status=422 if form.is_bound else 200)


@page("registrations.decide")
@require_http_methods(["GET", "HEAD", "POST"])
def slot_edit(request: PageRequest, event_id: UUID, slot_id: UUID) -> HttpResponse:
    event = event_or_404(request, event_id)
    slot = _slot_or_404(event, slot_id)
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
                return redirect("registrations:slots", event.pk)
    context = desk_context(request, event, "slots") | {
        "form": form,
        "slot": slot,
        "when": slot_in_words(slot, event),
        "cut": cut,
    }
    return render(request, "registrations/slot_form.html", context, status=status)


@page("registrations.decide")
@require_http_methods(["GET", "HEAD", "POST"])
def slot_delete(request: PageRequest, event_id: UUID, slot_id: UUID) -> HttpResponse:
    event = event_or_404(request, event_id)
    slot = _slot_or_404(event, slot_id)
    when = slot_in_words(slot, event)
    if request.method == "POST":
        try:
            delete_slot(event=event, slot_id=slot.pk, acting_user=request.user, now=timezone.now())
        except SlotInUse as problem:
            messages.error(request, str(problem))
        else:
            messages.success(request, f"{when} is deleted.")
        return redirect("registrations:slots", event.pk)
    context = {
        "event": event,
        "what": when,
        "consequence": "Nobody can choose it any more.",
        "confirm_title": f"Delete the slot {when}?",
        "confirm_label": "Delete the slot",
        "confirm_tone": "danger",
        "cancel_url": reverse("registrations:slots", args=[event.pk]),
    }
    return render(request, "registrations/delete.html", context)


def _slot_or_404(event: Event, slot_id: UUID) -> PickupSlot:
    slot = slots_of(event.pk).filter(pk=slot_id).first()
    if slot is None:
        raise Http404
    return slot
