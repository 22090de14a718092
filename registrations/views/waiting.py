"""A person's own place in the queue: joined, an offer accepted, left."""

from uuid import UUID

from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import redirect
from django.urls import reverse
from django.utils import timezone
from django.views.decorators.http import require_POST

from budgetsite.pages.access import PageRequest
from registrations.forms.registration import RegisterForm
from registrations.selectors.options import options_of
from registrations.selectors.slots import slots_of
from registrations.services.waitlist import accept_offer, join_waitlist, leave_waitlist
from registrations.views.page_parts import event_or_404, page_of_event, refusals_told, slot_choices


@page_of_event("registrations.register")
@require_POST
def join(request: PageRequest, event_id: UUID) -> HttpResponse:
    event = event_or_404(request, event_id)
    form = RegisterForm(request.POST, options=list(options_of(event.pk)), slots=slot_choices(slots_of(event.pk), event))
    if not form.is_valid():
        messages.error(request, "That could not be read. Choose once more what you would like, and for how many.")
        return redirect("registrations:event", event.pk)
    with refusals_told(request):
        join_waitlist(event=event, user=request.user, now=timezone.now(), **form.wish())
        messages.success(request, "You are in the queue. When a place becomes free it is offered to you here.")
    return redirect("registrations:event", event.pk)


@page_of_event("registrations.register")
@require_POST
def accept(request: PageRequest, event_id: UUID, entry_id: UUID) -> HttpResponse:
    event = event_or_404(request, event_id)
    back = reverse("registrations:event", args=[event.pk])
    with refusals_told(request):
        registration = accept_offer(entry_id=entry_id, event=event, user=request.user, now=timezone.now())
        messages.success(request, "The place is yours as soon as it is approved.")
        back = reverse("registrations:ticket", args=[registration.pk])
    return redirect(back)


@page_of_event("registrations.register")
@require_POST
def leave(request: PageRequest, event_id: UUID, entry_id: UUID) -> HttpResponse:
    event = event_or_404(request, event_id)
    with refusals_told(request):
        leave_waitlist(entry_id=entry_id, event=event, user=request.user, now=timezone.now())
        messages.success(request, "You left the queue.")
    return redirect("registrations:event", event.pk)
