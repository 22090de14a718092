"""Deleting an option or a slot after a question, and bringing it back at one press."""

from collections.abc import Callable
from functools import partial
from typing import Any
from uuid import UUID

from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils import timezone
from django.views.decorators.http import require_http_methods, require_POST

from budgetsite.pages.access import PageRequest
from events.models import Event
from registrations.services.option import delete_option
from registrations.services.restoring import restore_option, restore_slot
from registrations.services.slot import delete_slot
from registrations.views.page_parts import (
    day_of_slot,
    event_or_404,
    option_or_404,
    page_of_event,
    refusals_told,
    slot_in_words,
    slot_or_404,
    slots_url,
)


@page_of_event("registrations.decide")
@require_http_methods(["GET", "HEAD", "POST"])
def option_delete(request: PageRequest, event_id: UUID, option_id: UUID) -> HttpResponse:
    event = event_or_404(request, event_id)
    option = option_or_404(event, option_id)
    return _ask_or_delete(
        request,
        event,
        partial(delete_option, event=event, option_id=option.pk, acting_user=request.user, now=timezone.now()),
        kind="option",
        what=option.option_name,
        consequence="Nobody can register for it any more. What was cancelled or rejected stays in the list.",
        undo_url=reverse("registrations:option_restore", args=[event.pk, option.pk]),
        back=reverse("registrations:options", args=[event.pk]),
    )


@page_of_event("registrations.decide")
@require_http_methods(["GET", "HEAD", "POST"])
def slot_delete(request: PageRequest, event_id: UUID, slot_id: UUID) -> HttpResponse:
    event = event_or_404(request, event_id)
    slot = slot_or_404(event, slot_id)
    return _ask_or_delete(
        request,
        event,
        partial(delete_slot, event=event, slot_id=slot.pk, acting_user=request.user, now=timezone.now()),
        kind="slot",
        what=slot_in_words(slot, event),
        consequence="Nobody can choose it any more.",
        undo_url=reverse("registrations:slot_restore", args=[event.pk, slot.pk]),
        back=slots_url(event, day_of_slot(slot, event)),
    )


@page_of_event("registrations.decide")
@require_POST
def option_restore(request: PageRequest, event_id: UUID, option_id: UUID) -> HttpResponse:
    event = event_or_404(request, event_id)
    with refusals_told(request):
        option = restore_option(event=event, option_id=option_id, acting_user=request.user)
        messages.success(request, f"{option.option_name} is back.")
    return redirect("registrations:options", event.pk)


@page_of_event("registrations.decide")
@require_POST
def slot_restore(request: PageRequest, event_id: UUID, slot_id: UUID) -> HttpResponse:
    event = event_or_404(request, event_id)
    back = reverse("registrations:slots", args=[event.pk])
    with refusals_told(request):
        slot = restore_slot(event=event, slot_id=slot_id, acting_user=request.user)
        messages.success(request, f"{slot_in_words(slot, event)} is back.")
        back = slots_url(event, day_of_slot(slot, event))
    return redirect(back)


def _ask_or_delete(
    request: PageRequest,
    event: Event,
    delete: Callable[[], None],
    *,
    kind: str,
    what: str,
    consequence: str,
    undo_url: str,
    back: str,
) -> HttpResponse:
    if request.method == "POST":
        with refusals_told(request):
            delete()
            messages.success(request, f"{what} is deleted.", extra_tags=undo_url)
        return redirect(back)
    context: dict[str, Any] = {
        "event": event,
        "what": what,
        "consequence": consequence,
        "confirm_title": f"Delete {what}?",
        "confirm_label": f"Delete the {kind}",
        "confirm_tone": "danger",
        "cancel_url": back,
    }
    return render(request, "registrations/delete.html", context)
