"""What a lower budget would mean for those who are registered; looks, and changes nothing."""

from uuid import UUID

from django.http import HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_safe

from budgetsite.pages.access import PageRequest
from registrations.forms.offer import LowerBudgetForm
from registrations.services.capacity_cut import cut_of_budget
from registrations.views.page_parts import desk_context, event_or_404, page_of_event


@page_of_event("registrations.decide")
@require_safe
def lower_budget(request: PageRequest, event_id: UUID) -> HttpResponse:
    event = event_or_404(request, event_id)
    form = LowerBudgetForm(request.GET or None, currency=event.currency)
    cut = None
    if form.is_bound and form.is_valid():
        cut = cut_of_budget(event=event, amount=form.cleaned_data["amount"])
    context = desk_context(request, event, "desk") | {"form": form, "cut": cut, "is_money": True}
    return render(request, "registrations/lower_budget.html", context)
