"""Deciding at the desk: on one at one press, on many after a page that says who will not fit."""

from typing import Any
from uuid import UUID

from django.contrib import messages
from django.http import Http404, HttpResponse, HttpResponseBadRequest
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils import timezone
from django.utils.http import url_has_allowed_host_and_scheme
from django.views.decorators.http import require_POST

from budgets.services.problems import BudgetProblem
from budgetsite.pages.access import PageRequest
from events.models import Event
from registrations.forms.registration import ReasonForm
from registrations.models import EventRegistration, RegistrationStatus
from registrations.selectors.batch_preview import available_to, cost_of_approving
from registrations.selectors.desk_page import desk_rows
from registrations.services.decision import Outcome, change_registration, decide_many
from registrations.services.problems import RegistrationNotFound, RegistrationProblem
from registrations.views.desk import figures
from registrations.views.page_parts import (
    desk_context,
    event_or_404,
    page_of_event,
    registration_or_404,
    slots_in_words,
)

DECISIONS = {
    RegistrationStatus.APPROVED: ("Approve", "approved"),
    RegistrationStatus.REJECTED: ("Reject", "rejected"),
    RegistrationStatus.CANCELLED: ("Cancel", "cancelled"),
}
MOST_AT_ONCE = 500


@page_of_event("registrations.decide")
@require_POST
def decide_on_one(request: PageRequest, event_id: UUID, registration_id: UUID) -> HttpResponse:
    """Approve, reject or cancel; htmx gets the row and the figures, a plain form goes back to where it was."""
    event = event_or_404(request, event_id)
    wanted = request.POST.get("status", "")
    form = ReasonForm(request.POST)
    if wanted not in DECISIONS or not form.is_valid():
        return HttpResponseBadRequest("Approve, reject or cancel, with a reason of 2,000 letters at most.")
    problem = ""
    try:
        change_registration(
            registration_id=registration_id,
            event=event,
            acting_user=request.user,
            may_decide=True,
            now=timezone.now(),
            status=wanted,
            reason=form.cleaned_data["reason"],
            override="override" in request.POST and wanted == RegistrationStatus.APPROVED,
        )
    except RegistrationNotFound as error:
        raise Http404 from error
    except (RegistrationProblem, BudgetProblem) as refusal:
        problem = slots_in_words(str(refusal))
    back = _way_back(request, event)
    if request.htmx:
        context = figures(event) | {
            "registration": registration_or_404(event, registration_id),
            "problem": problem,
            "here": back,
            "is_swap": True,
        }
        return render(request, "registrations/parts/decided.html", context, status=409 if problem else 200)
    person = registration_or_404(event, registration_id).user
    if problem:
        messages.error(request, f"{person}: {problem}")
    else:
        messages.success(request, f"{person} is {DECISIONS[RegistrationStatus(wanted)][1]}.")
    return redirect(back)


@page_of_event("registrations.decide")
@require_POST
def decide_on_many(request: PageRequest, event_id: UUID) -> HttpResponse:
    """First what would become of each, with nothing saved; then, confirmed, only of those that fit."""
    event = event_or_404(request, event_id)
    wanted = request.POST.get("status", "")
    back = _way_back(request, event)
    if wanted not in DECISIONS:
        return HttpResponseBadRequest("Approve, reject or cancel.")
    ids = _ids(request)
    if not ids:
        messages.error(request, "Nobody was selected. Tick the rows first.")
        return redirect(back)
    if len(ids) > MOST_AT_ONCE:
        messages.error(request, f"Select {MOST_AT_ONCE} at most.")
        return redirect(back)
    form = ReasonForm(request.POST if "confirm" in request.POST else None)
    confirmed = "confirm" in request.POST and form.is_valid()
    outcomes = decide_many(
        event=event,
        registration_ids=ids,
        wanted=wanted,
        acting_user=request.user,
        now=timezone.now(),
        reason=form.cleaned_data["reason"] if confirmed else "",
        dry_run=not confirmed,
    )
    verb, done = DECISIONS[RegistrationStatus(wanted)]
    fitting = [outcome for outcome in outcomes if outcome.ok]
    refused = [outcome for outcome in outcomes if not outcome.ok]
    if confirmed:
        messages.success(request, f"{len(fitting)} {done}.") if fitting else None
        if refused:
            messages.error(request, f"{len(refused)} not {done}: {_whys(refused[0])[0]}")
        return redirect(back)
    rows = desk_rows(event.pk).in_bulk(ids)
    context = desk_context(request, event, "desk") | {
        "form": form,
        "wanted": wanted,
        "verb": verb,
        "done": done,
        "fitting": _with_rows(fitting, rows),
        "refused": _with_rows(refused, rows),
        "approves": wanted == RegistrationStatus.APPROVED,
        "cost": cost_of_approving([rows[outcome.registration_id] for outcome in fitting]),
        "left": available_to(event.pk, now=timezone.now()),
        "here": back,
    }
    return render(request, "registrations/decide_many.html", context)


def _ids(request: PageRequest) -> list[UUID]:
    """Return the ids that were ticked; what is none is left out."""
    found = []
    for text in request.POST.getlist("ids"):
        try:
            found.append(UUID(text))
        except ValueError:
            continue
    return list(dict.fromkeys(found))


def _with_rows(outcomes: list[Outcome], rows: dict[UUID, EventRegistration]) -> list[dict[str, Any]]:
    return [
        {"registration": rows.get(outcome.registration_id), "id": outcome.registration_id, "whys": _whys(outcome)}
        for outcome in outcomes
    ]


def _whys(outcome: Outcome) -> list[str]:
    """Return every tier that fails; of another refusal its sentence."""
    sentences = [tier.message for tier in outcome.conflicts] or [str(outcome.error)]
    return [slots_in_words(sentence) for sentence in sentences]


def _way_back(request: PageRequest, event: Event) -> str:
    """Whoever filtered comes back to the filtered rows."""
    wanted = request.POST.get("next", "")
    if url_has_allowed_host_and_scheme(wanted, allowed_hosts={request.get_host()}, require_https=request.is_secure()):
        return wanted
    return reverse("registrations:desk", args=[event.pk])
