"""The address inside a code: whoever checks in does so at one press, its owner is shown the code."""

from uuid import uuid4

from django.contrib import messages
from django.http import Http404, HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.http import require_http_methods

from budgetsite.accounts.permissions import may
from budgetsite.pages.access import PageRequest
from registrations.models import EventRegistration
from registrations.selectors.variance import variance_of
from registrations.services.problems import NonceUsed
from registrations.views.check_in import scan_at
from registrations.views.page_parts import desk_context, event_or_404, page_of_event


@page_of_event()
@require_http_methods(["GET", "HEAD", "POST"])
def scanned(request: PageRequest, token: str) -> HttpResponse:
    """Never checks in on GET: a camera opens what it sees. Others learn nothing, not even that the code exists."""
    rows = EventRegistration.objects.filter(qr_token=token).select_related("user", "event_option", "collected_by")
    registration = rows.first()
    if registration is None:
        raise Http404
    if not may(request.role, "registrations.check_in"):
        if registration.user_id == request.user.pk and request.method != "POST":
            return redirect("registrations:ticket", registration.pk)
        raise Http404
    event = event_or_404(request, registration.event_id)
    scan = None
    if request.method == "POST":
        try:
            scan = scan_at(request, event, token)
        except NonceUsed as problem:
            messages.error(request, str(problem))
            return redirect("registrations:scanned", token)
    variance = variance_of(event.pk)
    context = desk_context(request, event, "check_in") | {
        "registration": registration,
        "scan": scan,
        "nonce": uuid4().hex,
        "collected": variance.collected,
        "expected": variance.approved,
    }
    return render(request, "registrations/scanned.html", context)
