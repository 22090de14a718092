"""The organizer's desk: who asks, what is left, what approving them all would cost; and one registration."""

from decimal import Decimal
from typing import Any
from uuid import UUID

from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.utils import timezone
from django.views.decorators.http import require_http_methods, require_safe

from budgetsite.accounts.permissions import may
from budgetsite.pages.access import PageRequest
from budgetsite.pages.keyset import address, keyset_page
from events.models import Event
from registrations.forms.registration import AssignSlotForm, DeskFilterForm, OverridingReasonForm, ReasonForm
from registrations.models import LIVE_STATUSES, CheckIn, RegistrationStatus
from registrations.selectors.batch_preview import matching_count, money_left
from registrations.selectors.desk_page import desk_rows
from registrations.selectors.slots import slots_of
from registrations.selectors.variance import EventVariance, variance_of
from registrations.services.conflicts import funding_in_the_way
from registrations.services.decision import change_registration
from registrations.services.problems import RegistrationProblem
from registrations.views.batch_run import narrowing_of_waiting, preview_url
from registrations.views.page_parts import (
    desk_context,
    event_or_404,
    page_of_event,
    registration_or_404,
    slot_choices,
    slots_in_words,
)

ROWS_PER_PAGE = 50
# A registration's scans are few; these are the last of them.
MOST_SCANS = 20


@page_of_event("registrations.decide")
@require_safe
def desk(request: PageRequest, event_id: UUID) -> HttpResponse:
    event = event_or_404(request, event_id)
    slots = list(slots_of(event.pk))
    variance = variance_of(event.pk)
    # An empty address must not bind the form: nothing is wrong with it.
    form = DeskFilterForm(request.GET or None, options=variance.options, slots=slot_choices(slots, event))
    narrowing = form.narrowing()
    found = keyset_page(request, desk_rows(event.pk, **narrowing), by="created_at", size=ROWS_PER_PAGE)
    all_waiting = narrowing_of_waiting(form)
    # A filter that can't be read, or of those who are decided on, has nobody to decide on.
    offers_all = not form.errors and narrowing.get("status", "") in ("", RegistrationStatus.PENDING)
    context = desk_context(request, event, "desk") | {
        "form": form,
        "waiting_count": matching_count(event.pk, all_waiting, variance, now=timezone.now()) if offers_all else 0,
        "approve_all_url": preview_url(event, all_waiting, wanted=RegistrationStatus.APPROVED),
        "reject_all_url": preview_url(event, all_waiting, wanted=RegistrationStatus.REJECTED),
        "rows": found.rows,
        "newer_url": found.newer_url,
        "older_url": found.older_url,
        "narrowed": any(narrowing.values()),
        "all_selected": "select" in request.GET,
        "select_url": address(request, select="waiting"),
        "here": request.get_full_path(),
        "has_waiting": any(row.status == RegistrationStatus.PENDING for row in found.rows),
    }
    return render(request, "registrations/desk.html", context | figures(event, variance))


@page_of_event("registrations.decide")
@require_http_methods(["GET", "HEAD", "POST"])
def registration_page(request: PageRequest, event_id: UUID, registration_id: UUID) -> HttpResponse:
    """One registration with all that is known of it; its slot is given out here."""
    event = event_or_404(request, event_id)
    registration = registration_or_404(event, registration_id)
    choices = slot_choices(slots_of(event.pk).filter(ends_at__gt=timezone.now()), event)
    has = registration.assigned_slot or registration.preferred_slot
    initial = {"slot": str(has.pk) if has else ""}
    form = AssignSlotForm(request.POST if request.method == "POST" else None, initial=initial, slots=choices)
    status = 200
    if request.method == "POST":
        status = 422
        if form.is_valid():
            try:
                change_registration(
                    registration_id=registration.pk,
                    event=event,
                    acting_user=request.user,
                    may_decide=True,
                    now=timezone.now(),
                    slot_id=UUID(form.cleaned_data["slot"]),
                )
            except RegistrationProblem as problem:
                form.add_error("slot", _with_alternatives(problem))
                status = 409
            else:
                messages.success(request, f"{registration.user} has the slot.")
                return redirect("registrations:registration", event.pk, registration.pk)
    refusals = funding_in_the_way(registration, now=timezone.now())
    may_override = bool(refusals) and may(request.role, "scoped_budgets.override")
    context = desk_context(request, event, "desk") | {
        "registration": registration,
        "form": form,
        "reason_form": OverridingReasonForm() if may_override else ReasonForm(),
        "refusals": refusals,
        "scans": CheckIn.objects.filter(registration_id=registration.pk)
        .select_related("actor")
        .order_by("-created_at", "-pk")[:MOST_SCANS],
        "is_live": registration.status in LIVE_STATUSES,
        "is_own": registration.user_id == request.user.pk,
    }
    return render(request, "registrations/registration.html", context, status=status)


def figures(event: Event, variance: EventVariance | None = None) -> dict[str, Any]:
    """What stands above the rows; from counters, however many rows there are."""
    variance = variance or variance_of(event.pk)
    left = money_left(variance, now=timezone.now())
    return {
        "event": event,
        "currency": event.currency,
        "variance": variance,
        "left": left,
        "short_by": max(Decimal(0), variance.pending_exposure - left.amount),
    }


def _with_alternatives(problem: RegistrationProblem) -> str:
    others = getattr(problem, "alternatives", [])
    return slots_in_words(f"{problem} Free: {'; '.join(others)}." if others else str(problem))
