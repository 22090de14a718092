"""The rules of an event's desk: until when cancelling is free, what is kept later, how long an offer lasts."""

from decimal import Decimal
from uuid import UUID

from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.http import require_http_methods

from budgetsite.pages.access import PageRequest
from registrations.forms.offer import PolicyForm
from registrations.models import RegistrationDesk
from registrations.services.desk import change_policy
from registrations.services.problems import InvalidPolicy
from registrations.views.page_parts import desk_context, event_or_404, page_of_event

RULES = ("cancel_until_hours", "kept_share", "offer_minutes")


@page_of_event("registrations.decide")
@require_http_methods(["GET", "HEAD", "POST"])
def policy(request: PageRequest, event_id: UUID) -> HttpResponse:
    event = event_or_404(request, event_id)
    desk = RegistrationDesk.objects.get(event_id=event.pk)
    initial = {name: getattr(desk, name) for name in RULES} | {"kept_share": _plain(desk.kept_share)}
    form = PolicyForm(request.POST if request.method == "POST" else None, initial=initial)
    if form.is_bound and form.is_valid():
        try:
            change_policy(event=event, acting_user=request.user, **form.cleaned_data)
        except InvalidPolicy as problem:
            form.add_error(problem.name if problem.name in form.fields else None, str(problem))
        else:
            messages.success(request, "Saved. Offers that are out keep their time.")
            return redirect("registrations:policy", event.pk)
    context = desk_context(request, event, "policy") | {"form": form}
    return render(request, "registrations/policy.html", context, status=422 if form.is_bound else 200)


def _plain(percentage: Decimal) -> str:
    """Write a percentage as one types it: 50, 12.5."""
    return f"{percentage.normalize():f}"
