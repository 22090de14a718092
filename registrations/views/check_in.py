"""At the door: a field for a scanner or a name, what a scan came to, taking one back, and a list for paper."""

import re
from typing import Any
from uuid import UUID, uuid4

from django.contrib import messages
from django.http import Http404, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils import timezone
from django.views.decorators.http import require_http_methods, require_safe

from budgetsite.pages.access import PageRequest
from events.models import Event
from registrations.forms.registration import ReasonForm
from registrations.selectors.door_page import MOST_FOUND, found_by_name
from registrations.selectors.variance import variance_of
from registrations.services.check_in import Scan, check_in, undo_check_in
from registrations.services.door_list import list_for_the_door
from registrations.services.problems import NonceUsed
from registrations.views.page_parts import desk_context, event_or_404, page_of_event, refusals_told, registration_or_404

# The address in a code ends with its token; a scanner that knows tokens types them bare.
_IN_ADDRESS = re.compile(r"/check-in/([A-Za-z0-9_-]{16,64})/?$")
_BARE = re.compile(r"[A-Za-z0-9_-]{16,64}")
_NONCE = re.compile(r"[0-9a-f]{32}")


@page_of_event("registrations.check_in")
@require_http_methods(["GET", "HEAD", "POST"])
def door(request: PageRequest, event_id: UUID) -> HttpResponse:
    event = event_or_404(request, event_id)
    context: dict[str, Any] = {"scan": None, "typed": "", "found": None, "problem": ""}
    if request.method == "POST":
        try:
            context |= _scan_or_search(request, event)
        except NonceUsed as problem:
            # A form of before was sent again; this answer has a number of its own.
            context["problem"] = str(problem)
    variance = variance_of(event.pk)
    context |= {
        "event": event,
        "nonce": uuid4().hex,
        "collected": variance.collected,
        "expected": variance.approved,
        "most_found": MOST_FOUND,
    }
    if request.htmx:
        return render(request, "registrations/parts/door.html", context)
    return render(request, "registrations/check_in.html", desk_context(request, event, "check_in") | context)


@page_of_event("registrations.check_in")
@require_http_methods(["GET", "HEAD", "POST"])
def undo(request: PageRequest, event_id: UUID, registration_id: UUID) -> HttpResponse:
    event = event_or_404(request, event_id)
    registration = registration_or_404(event, registration_id)
    form = ReasonForm(request.POST if request.method == "POST" else None, is_required=True)
    if form.is_bound and form.is_valid():
        with refusals_told(request):
            undo_check_in(
                event=event,
                registration_id=registration.pk,
                acting_user=request.user,
                reason=form.cleaned_data["reason"],
            )
            messages.success(request, f"The check-in of {registration.user} is taken back.")
        return redirect("registrations:check_in", event.pk)
    context = {
        "form": form,
        "event": event,
        "registration": registration,
        "confirm_title": f"Take the check-in of {registration.user} back?",
        "confirm_label": "Take it back",
        "confirm_tone": "danger",
        "cancel_url": reverse("registrations:check_in", args=[event.pk]),
    }
    return render(request, "registrations/undo.html", context, status=422 if form.is_bound else 200)


@page_of_event("registrations.check_in")
@require_safe
def manual_list(request: PageRequest, event_id: UUID) -> HttpResponse:
    """Everybody who is expected, for paper: the door works without a network too."""
    event = event_or_404(request, event_id)
    context = desk_context(request, event, "check_in") | {"rows": list_for_the_door(event=event)}
    return render(request, "registrations/manual_list.html", context)


def scan_at(request: PageRequest, event: Event, token: str) -> Scan:
    """Check a code in. The form's number goes with the code: a form sent twice is one scan, another code is another."""
    nonce = request.POST.get("nonce", "")
    return check_in(
        event=event,
        qr_token=token,
        acting_user=request.user,
        now=timezone.now(),
        nonce=f"{nonce}:{token}" if _NONCE.fullmatch(nonce) else None,
    )


def _scan_or_search(request: PageRequest, event: Event) -> dict[str, Any]:
    chosen = request.POST.get("registration", "")
    if chosen:
        return {"scan": scan_at(request, event, registration_or_404(event, _uuid_or_404(chosen)).qr_token)}
    # PostgreSQL knows no NUL; a scanner that types one means nothing by it.
    typed = request.POST.get("code", "").replace("\x00", "").strip()[:300]
    if not typed:
        return {}
    in_address = _IN_ADDRESS.search(typed)
    if in_address is not None:
        return {"scan": scan_at(request, event, in_address[1])}
    found = found_by_name(event.pk, typed)
    if not found and _BARE.fullmatch(typed):
        return {"scan": scan_at(request, event, typed)}
    return {"typed": typed, "found": found}


def _uuid_or_404(text: str) -> UUID:
    try:
        return UUID(text)
    except ValueError as error:
        raise Http404 from error
