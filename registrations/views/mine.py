"""My registrations: each with its status, its code for the door, and what cancelling it costs."""

from uuid import UUID

from django.contrib import messages
from django.http import Http404, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils import timezone
from django.views.decorators.http import require_http_methods, require_safe

from budgetsite.pages.access import PageRequest
from budgetsite.pages.keyset import keyset_page
from registrations.forms.registration import ReasonForm
from registrations.models import LIVE_STATUSES, EventRegistration
from registrations.qr import qr_svg
from registrations.selectors.my_page import queue_entries_of_person, registrations_of_person
from registrations.services.policy import cancellation_terms
from registrations.services.registration import cancel
from registrations.views.page_parts import page_of_event, refusals_told

# More queues than anybody stands in.
MOST_QUEUES = 50


@page_of_event("registrations.register")
@require_safe
def my_registrations(request: PageRequest) -> HttpResponse:
    found = keyset_page(request, registrations_of_person(request.user.pk), by="created_at")
    context = {
        "rows": found.rows,
        "newer_url": found.newer_url,
        "older_url": found.older_url,
        "queue": list(queue_entries_of_person(request.user.pk)[:MOST_QUEUES]),
        "now": timezone.now(),
    }
    return render(request, "registrations/mine.html", context)


@page_of_event("registrations.register")
@require_safe
def ticket(request: PageRequest, registration_id: UUID) -> HttpResponse:
    registration = _own_or_404(request, registration_id)
    context = {
        "registration": registration,
        "event": registration.event,
        "terms": cancellation_terms(registration, registration.event, acting_user=request.user, now=timezone.now()),
        "has_code": registration.status in LIVE_STATUSES,
    }
    return render(request, "registrations/ticket.html", context)


@page_of_event("registrations.register")
@require_safe
def code_picture(request: PageRequest, registration_id: UUID) -> HttpResponse:
    """Answer the code as SVG, to its owner alone."""
    registration = _own_or_404(request, registration_id)
    address = request.build_absolute_uri(reverse("registrations:scanned", args=[registration.qr_token]))
    return HttpResponse(qr_svg(address), content_type="image/svg+xml", headers={"Cache-Control": "private, no-store"})


@page_of_event("registrations.register")
@require_http_methods(["GET", "HEAD", "POST"])
def cancel_own(request: PageRequest, registration_id: UUID) -> HttpResponse:
    registration = _own_or_404(request, registration_id)
    event, now = registration.event, timezone.now()
    form = ReasonForm(request.POST if request.method == "POST" else None)
    if request.method == "POST" and form.is_valid():
        with refusals_told(request):
            cancel(
                registration_id=registration.pk,
                event=event,
                acting_user=request.user,
                now=now,
                reason=form.cleaned_data["reason"],
            )
            messages.success(request, f"Your registration for {event.name} is cancelled.")
        return redirect("registrations:ticket", registration.pk)
    context = {
        "form": form,
        "registration": registration,
        "event": event,
        "terms": cancellation_terms(registration, event, acting_user=request.user, now=now),
        "confirm_title": "Cancel this registration?",
        "confirm_label": "Cancel the registration",
        "confirm_tone": "danger",
        "cancel_url": reverse("registrations:ticket", args=[registration.pk]),
    }
    return render(request, "registrations/cancel.html", context, status=422 if form.is_bound else 200)


def _own_or_404(request: PageRequest, registration_id: UUID) -> EventRegistration:
    registration = registrations_of_person(request.user.pk).filter(pk=registration_id).first()
    if registration is None:
        raise Http404
    return registration
