from uuid import UUID

from django.http import HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_safe

from budgets.selectors.ledger_page import ledger_page
from budgets.views.event_budget import budget_or_404
from budgets.views.page_parts import tabs_of
from budgetsite.pages.access import PageRequest, page


@page("ledger.view")
@require_safe
def budget_ledger(request: PageRequest, budget_id: UUID) -> HttpResponse:
    budget = budget_or_404(request, budget_id)
    before = request.GET.get("before", "")
    found = ledger_page(
        budget, before=int(before) if before.isascii() and before.isdigit() and len(before) < 18 else None
    )
    context = {
        "budget": budget,
        "event": budget.event,
        "currency": budget.currency,
        "entries": found.rows,
        "newer_url": "?" if found.is_later else "",
        "older_url": f"?before={found.older}" if found.older else "",
        "tabs": tabs_of(budget, "ledger", request),
    }
    return render(request, "budgets/ledger.html", context)
