"""The event's queue at the desk: who waits, who has an offer, who goes first."""

from uuid import UUID

from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.utils import timezone
from django.views.decorators.http import require_POST, require_safe

from budgetsite.pages.access import PageRequest
from registrations.forms.registration import PriorityForm
from registrations.selectors.waitlist import waitlist_of
from registrations.services.waitlist import leave_waitlist, prioritise
from registrations.views.page_parts import desk_context, event_or_404, page_of_event, refusals_told

# Who is further behind is told when those before have gone.
MOST_SHOWN = 200


@page_of_event("registrations.decide")
@require_safe
def queue(request: PageRequest, event_id: UUID) -> HttpResponse:
    event = event_or_404(request, event_id)
    entries = list(waitlist_of(event.pk, user_id=request.user.pk, role=request.role)[: MOST_SHOWN + 1])
    context = desk_context(request, event, "queue") | {
        "entries": entries[:MOST_SHOWN],
        "more": len(entries) > MOST_SHOWN,
        "most": MOST_SHOWN,
    }
    return render(request, "registrations/queue.html", context)


@page_of_event("registrations.decide")
@require_POST
def set_priority(request: PageRequest, event_id: UUID, entry_id: UUID) -> HttpResponse:
    event = event_or_404(request, event_id)
    form = PriorityForm(request.POST)
    if not form.is_valid():
        messages.error(request, "Give a whole number from -1,000 to 1,000; higher goes first.")
        return redirect("registrations:queue", event.pk)
    with refusals_told(request):
        entry = prioritise(
            entry_id=entry_id, event=event, acting_user=request.user, priority=form.cleaned_data["priority"]
        )
        messages.success(request, f"{entry.user} has priority {entry.priority} now.")
    return redirect("registrations:queue", event.pk)


@page_of_event("registrations.decide")
@require_POST
def take_off(request: PageRequest, event_id: UUID, entry_id: UUID) -> HttpResponse:
    event = event_or_404(request, event_id)
    with refusals_told(request):
        entry = leave_waitlist(entry_id=entry_id, event=event, user=None, now=timezone.now())
        messages.success(request, f"{entry.user} is off the queue.")
    return redirect("registrations:queue", event.pk)
