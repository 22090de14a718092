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
from budgetsite.pages.access import PageRequest, page
from events.models import Event
from registrations.forms.registration import RegisterForm
from registrations.models import RegistrationDesk
from registrations.selectors.desk_page import NO_OPTION
from registrations.selectors.my_page import registrations_of_person
from registrations.selectors.options import options_of
from registrations.selectors.slots import slots_of
from registrations.selectors.waitlist import waitlist_of
from registrations.services.conflicts import window_conflict
from registrations.services.policy import free_until
from registrations.services.problems import Conflict, ConflictType, RegistrationConflict, RegistrationProblem
from registrations.services.registration import register
from registrations.views.page_parts import event_or_404, slot_choices

QUEUED_FOR = {ConflictType.INVENTORY_EXHAUSTED, ConflictType.SLOT_CONFLICT}
# More of one's own than anybody has at one event.
MOST_OWN = 50


@dataclass(frozen=True, slots=True)
class Alternative:
    """A button that asks again with one thing changed: `fields` are what it sends."""

    label: str
    fields: list[tuple[str, Any]]


@dataclass(frozen=True, slots=True)
class Refusal:
    """Every tier that fails, each with its alternatives. `queue_fields` is what joining the queue sends, if one can."""

    tiers: list[tuple[Conflict, list[Alternative]]]
    queue_fields: list[tuple[str, Any]]


@page("registrations.register")
@require_http_methods(["GET", "HEAD", "POST"])
def event_page(request: PageRequest, event_id: UUID) -> HttpResponse:
    event = event_or_404(request, event_id)
    now = timezone.now()
    data = request.POST if request.method == "POST" else None
    form = _form(event, data)
    refusal, status = None, 200
    if data is not None:
        status = 422
        if form.is_valid():
            try:
                registration = register(event=event, user=request.user, now=now, **form.wish())
            except RegistrationConflict as conflict:
                refusal, status = _in_buttons(conflict, form), 409
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
        "options": list(options_of(event.pk)),
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


def _form(event: Event, data: Any) -> RegisterForm:
    coming = slots_of(event.pk).filter(ends_at__gt=timezone.now())
    return RegisterForm(data, options=list(options_of(event.pk)), slots=slot_choices(coming, event))


def _in_buttons(conflict: RegistrationConflict, form: RegisterForm) -> Refusal:
    """Turn the alternatives of each tier into wishes that can be sent at one press."""
    wish = {
        "option": form.cleaned_data["option"] or NO_OPTION,
        "slot": form.cleaned_data.get("slot", ""),
        "party_size": form.cleaned_data["party_size"],
        "notes": form.cleaned_data["notes"],
    }
    tiers = []
    for tier in conflict.conflicts:
        changed = "slot" if tier.conflict_type == ConflictType.SLOT_CONFLICT else "option"
        buttons = [
            Alternative(label, list((wish | {changed: key}).items()))
            for label, key in zip(tier.alternatives, tier.alternative_ids, strict=True)
        ]
        tiers.append((tier, buttons))
    can_queue = all(tier.conflict_type in QUEUED_FOR for tier in conflict.conflicts)
    return Refusal(tiers, list(wish.items()) if can_queue else [])
