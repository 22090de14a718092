"""An event's page for whoever may take part: what is left, asking for it, and what became of one's own requests."""

from dataclasses import dataclass
from typing import Any
from uuid import UUID

from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.utils import timezone
from django.views.decorators.http import require_http_methods

from budgetsite.accounts.permissions import may
from budgetsite.accounts.roles import Role
from budgetsite.pages.access import PageRequest
from events.models import Event
from registrations.forms.registration import RegisterForm
from registrations.models import EventOption, PickupSlot, RegistrationDesk
from registrations.selectors.desk_page import NO_OPTION
from registrations.selectors.my_page import registrations_of_person
from registrations.selectors.options import options_of
from registrations.selectors.slots import slots_of
from registrations.selectors.waitlist import waitlist_of
from registrations.services.conflicts import window_conflict
from registrations.services.policy import free_until
from registrations.services.problems import ConflictType, RegistrationConflict, RegistrationProblem
from registrations.services.registration import register
from registrations.views.page_parts import event_or_404, page_of_event, slot_choices, slots_in_words

QUEUED_FOR = {ConflictType.INVENTORY_EXHAUSTED, ConflictType.SLOT_CONFLICT}
# More of one's own than anybody has at one event.
MOST_OWN = 50


@dataclass(frozen=True, slots=True)
class Alternative:
    """A button that asks again with another option or slot: `fields` are what it sends."""

    instead: EventOption | PickupSlot
    is_slot: bool
    fields: list[tuple[str, Any]]


@dataclass(frozen=True, slots=True)
class Refusal:
    """Every tier that fails, in a sentence, with its alternatives. `queue_fields`: what joining the queue sends."""

    tiers: list[tuple[str, list[Alternative]]]
    queue_fields: list[tuple[str, Any]]


@page_of_event("registrations.register")
@require_http_methods(["GET", "HEAD", "POST"])
def event_page(request: PageRequest, event_id: UUID) -> HttpResponse:
    event = event_or_404(request, event_id)
    now = timezone.now()
    data = request.POST if request.method == "POST" else None
    options, slots = list(options_of(event.pk)), list(slots_of(event.pk).filter(ends_at__gt=now))
    form = RegisterForm(data, options=options, slots=slot_choices(slots, event))
    refusal, status = None, 200
    if data is not None:
        status = 422
        if form.is_valid():
            try:
                registration = register(event=event, user=request.user, now=now, **form.wish())
            except RegistrationConflict as conflict:
                refusal, status = _in_buttons(conflict, form, event, options, slots), 409
            except RegistrationProblem as problem:
                form.add_error(None, str(problem))
                status = 409
            else:
                messages.success(
                    request, "You are registered. Somebody looks at it now; this page says what they decide."
                )
                return redirect("registrations:ticket", registration.pk)
    desk = RegistrationDesk.objects.get(event_id=event.pk)
    context = {
        "event": event,
        "form": form,
        "refusal": refusal,
        "closed": window_conflict(event, now),
        "options": options,
        "own": list(registrations_of_person(request.user.pk, event_id=event.pk)[:MOST_OWN]),
        # As somebody who decides nothing: everybody sees their own places in the queue here.
        "queue": list(waitlist_of(event.pk, user_id=request.user.pk, role=Role.ATTENDEE)),
        "desk": desk,
        "free_until": free_until(event, desk),
        "now": now,
        "runs_it": may(request.role, "registrations.decide"),
        "chosen": str(form["option"].value() or ""),
    }
    return render(request, "registrations/event.html", context, status=status)


def _in_buttons(
    conflict: RegistrationConflict,
    form: RegisterForm,
    event: Event,
    options: list[EventOption],
    slots: list[PickupSlot],
) -> Refusal:
    """Turn the alternatives of each tier into wishes that can be sent at one press."""
    known: dict[str, EventOption | PickupSlot] = {str(option.pk): option for option in options}
    known |= {str(slot.pk): slot for slot in slots}
    wish = {
        "option": form.cleaned_data["option"] or NO_OPTION,
        "slot": form.cleaned_data.get("slot", ""),
        "party_size": form.cleaned_data["party_size"],
        "notes": form.cleaned_data["notes"],
    }
    tiers = []
    for tier in conflict.conflicts:
        is_slot = tier.conflict_type == ConflictType.SLOT_CONFLICT
        buttons = [
            Alternative(known[key], is_slot, list((wish | {"slot" if is_slot else "option": key}).items()))
            for key in tier.alternative_ids
            if key in known
        ]
        tiers.append((slots_in_words(tier.for_guests().message), buttons))
    can_queue = all(tier.conflict_type in QUEUED_FOR for tier in conflict.conflicts)
    return Refusal(tiers, list(wish.items()) if can_queue else [])
