"""Expenses in a list: of one budget beside its other tabs, and across the account."""

from typing import Any
from uuid import UUID

from django.http import HttpResponse
from django.shortcuts import render
from django.utils import timezone
from django.views.decorators.http import require_safe

from budgets.forms.expense_filter import ExpenseFilterForm
from budgets.models import Category, EventBudget, Vendor
from budgets.selectors.expense_list import ExpenseFilter, expenses_listed, shown, sums_of
from budgets.selectors.expense_targets import VENDORS_OFFERED
from budgets.services.expense_policy import expense_policy
from budgets.views.event_budget import budget_or_404
from budgets.views.page_parts import tabs_of
from budgetsite.accounts.permissions import may
from budgetsite.accounts.roles import Role
from budgetsite.pages.access import PageRequest, page, visible
from budgetsite.pages.keyset import keyset_page

EVENTS_OFFERED = 200


@page("expenses.view")
@require_safe
def expenses(request: PageRequest) -> HttpResponse:
    """All that this person sees, across events."""
    budgets = EventBudget.objects.visible_to(**visible(request)).filter(event__deleted_at=None).select_related("event")
    recent = list(budgets.newest_first()[:EVENTS_OFFERED])
    form = _filter_form(request, events=[budget.event for budget in recent])
    found = form.wanted()
    wanted = recent if len(recent) == 1 else [one for one in recent if one.event_id == found.event_id]
    budget = wanted[0] if wanted else None
    context = list_context(request, found) | {
        "filter": form,
        "budget": budget,
        "records": may_record(request) and budget is not None and not budget.is_locked,
        "across": True,
    }
    return render(request, "budgets/expenses/list.html", context)


@page("expenses.view")
@require_safe
def budget_expenses(request: PageRequest, budget_id: UUID) -> HttpResponse:
    budget = budget_or_404(request, budget_id)
    form = _filter_form(request)
    context = budget_context(request, budget, form.wanted()) | {"filter": form}
    return render(request, "budgets/expenses/of_budget.html", context)


def budget_context(request: PageRequest, budget: EventBudget, found: ExpenseFilter) -> dict[str, Any]:
    """What the list of one budget is drawn from; an answer after a change draws it anew."""
    return list_context(request, found, budget=budget) | {
        "budget": budget,
        "event": budget.event,
        "currency": budget.currency,
        "records": may_record(request) and not budget.is_locked,
        "tabs": tabs_of(budget, "expenses", request),
    }


def list_context(request: PageRequest, found: ExpenseFilter, *, budget: EventBudget | None = None) -> dict[str, Any]:
    now = timezone.now()
    rows = expenses_listed(found, **visible(request), now=now, budget_id=budget.pk if budget else None)
    listed = keyset_page(request, rows, by="created_at")
    return {
        "rows": [shown(expense, now=now) for expense in listed.rows],
        "sums": sums_of(rows) if listed.rows else [],
        "newer_url": listed.newer_url,
        "older_url": listed.older_url,
        "is_filtered": found.narrows,
        "bulk": may(request.role, "expenses.change"),
        "for_team": may(request.role, "expenses.view_internals"),
    }


def may_record(request: PageRequest) -> bool:
    """Clients record where the account lets them."""
    if not may(request.role, "expenses.record"):
        return False
    return request.role != Role.CLIENT or expense_policy().clients_add_expenses


def _filter_form(request: PageRequest, **more: Any) -> ExpenseFilterForm:
    return ExpenseFilterForm(
        request.GET,
        categories=Category.objects.order_by("sort_order", "name", "id"),
        vendors=Vendor.objects.order_by("name", "id")[:VENDORS_OFFERED],
        for_team=may(request.role, "vendors.view"),
        **more,
    )
