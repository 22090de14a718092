"""Deciding on all who wait and match: first what it would come to, then step by step with its progress."""

from dataclasses import replace
from typing import Any
from urllib.parse import urlencode
from uuid import UUID

from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils import timezone
from django.views.decorators.http import require_POST, require_safe

from budgetsite.pages.access import PageRequest
from events.models import Event
from registrations.forms.batch_run import STALE, RunForm, sign_run
from registrations.forms.registration import DeskFilterForm
from registrations.models import RegistrationStatus
from registrations.selectors.batch_preview import BatchPreview, preview_of
from registrations.selectors.desk_page import desk_rows
from registrations.selectors.slots import slots_of
from registrations.selectors.variance import variance_of
from registrations.services.batch_run import Progress, Run, first_step, take_step
from registrations.views.page_parts import desk_context, event_or_404, page_of_event, slot_choices, slots_in_words

WORDS = {
    RegistrationStatus.APPROVED.value: ("Approve", "approved"),
    RegistrationStatus.REJECTED.value: ("Reject", "rejected"),
}


@page_of_event("registrations.decide")
@require_safe
def look_at_all(request: PageRequest, event_id: UUID) -> HttpResponse:
    """Say how many wait and match, and what they ask for against what is left; nothing is saved."""
    event = event_or_404(request, event_id)
    form = DeskFilterForm(
        request.GET, options=variance_of(event.pk).options, slots=slot_choices(slots_of(event.pk), event)
    )
    # On the desk a filter that can't be read narrows nothing; here that would decide on everybody.
    if not form.is_valid() or request.GET.get("decision") not in WORDS:
        messages.error(request, "This filter can't be read. Choose it once more.")
        return redirect("registrations:desk", event.pk)
    narrowing = narrowing_of_waiting(form)
    now = timezone.now()
    preview = preview_of(event.pk, narrowing, asked_by=now)
    run = first_step(event=event, wanted=request.GET["decision"], narrowing=narrowing, now=now, total=preview.total)
    if run is None:
        messages.error(request, "Nobody who matches waits any more.")
        return redirect(waiting_url(event, narrowing))
    confirmation = RunForm(
        initial={"step": sign_run(run, event=event, user=request.user)}, event=event, user=request.user
    )
    return _preview_page(request, event, run, preview, confirmation)


@page_of_event("registrations.decide")
@require_POST
def run_step(request: PageRequest, event_id: UUID) -> HttpResponse:
    """Decide on the next hundred, in a transaction of their own; htmx gets the progress and goes on by itself."""
    event = event_or_404(request, event_id)
    form = RunForm(request.POST, event=event, user=request.user)
    if not form.is_valid():
        run = form.cleaned_data.get("step")
        if run is None:
            messages.error(request, STALE)
            return redirect("registrations:desk", event.pk)
        preview = preview_of(event.pk, run.narrowing, asked_by=run.asked_by)
        return _preview_page(request, event, run, preview, form, status=422)
    run = form.cleaned_data["step"]
    if run.after is None:
        run = replace(run, reason=form.cleaned_data["reason"])
    progress = take_step(event=event, run=run, acting_user=request.user, now=timezone.now())
    context = {
        "event": event,
        "progress": progress,
        "how_far": f"{progress.handled:,} of {run.total:,}",
        "done": WORDS[run.wanted][1],
        "waiting_url": waiting_url(event, run.narrowing),
        "step": sign_run(progress.following, event=event, user=request.user) if progress.following else "",
        "refusals": _with_rows(event, progress),
    }
    if request.htmx:
        return render(request, "registrations/parts/batch_run.html", context)
    return render(request, "registrations/batch_run.html", desk_context(request, event, "desk") | context)


def narrowing_of_waiting(form: DeskFilterForm) -> dict[str, Any]:
    """Return what the desk is narrowed down to, but for the status: only who waits is decided on."""
    return {name: value for name, value in form.narrowing().items() if name != "status"}


def waiting_url(event: Event, narrowing: dict[str, Any]) -> str:
    """Return the desk's address with those who match and still wait."""
    return f"{reverse('registrations:desk', args=[event.pk])}?{urlencode(_query(narrowing, status='PENDING'))}"


def preview_url(event: Event, narrowing: dict[str, Any], *, wanted: str) -> str:
    return f"{reverse('registrations:all', args=[event.pk])}?{urlencode(_query(narrowing, decision=wanted))}"


def _query(narrowing: dict[str, Any], **more: str) -> dict[str, Any]:
    names = {"slot_id": "slot"}
    return more | {names.get(name, name): value for name, value in narrowing.items() if value}


def _preview_page(
    request: PageRequest, event: Event, run: Run, preview: BatchPreview, form: RunForm, *, status: int = 200
) -> HttpResponse:
    verb, done = WORDS[run.wanted]
    context = desk_context(request, event, "desk") | {
        "preview": preview,
        "form": form,
        "verb": verb,
        "done": done,
        "approves": run.wanted == RegistrationStatus.APPROVED,
        "narrowed": any(run.narrowing.values()),
        "waiting_url": waiting_url(event, run.narrowing),
    }
    return render(request, "registrations/batch_preview.html", context, status=status)


def _with_rows(event: Event, progress: Progress) -> list[dict[str, Any]]:
    """Return who was refused, with why; at the end of the run only."""
    if progress.following is not None:
        return []
    rows = desk_rows(event.pk).in_bulk([registration_id for registration_id, _ in progress.run.refusals])
    return [{"registration": rows.get(pk), "id": pk, "why": slots_in_words(why)} for pk, why in progress.run.refusals]
