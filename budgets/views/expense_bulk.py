"""Changing several expenses together: choose, look at what will and what will not work, then do it."""

from typing import Any
from uuid import UUID

from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.utils import timezone
from django.views.decorators.http import require_POST

from budgets.forms.expense_bulk import BulkForm
from budgets.models import Category, Expense
from budgets.selectors.expense_list import ExpenseFilter, expenses_listed
from budgets.selectors.expense_targets import targets_of, vendor_names
from budgets.services.expense_bulk import MOST_AT_ONCE, BulkOutcome
from budgets.services.expense_bulk_steps import change_many
from budgets.services.problems import BudgetProblem
from budgetsite.pages.access import PageRequest, page, visible


@page("expenses.change")
@require_POST
def expenses_bulk(request: PageRequest) -> HttpResponse:
    chosen = _chosen(request)
    if not chosen:
        messages.info(request, "Choose the expenses first: tick the box before each.")
        return redirect("budgets:expenses")
    budgets = {expense.budget_id for expense in chosen}
    targets = targets_of(chosen[0].budget_id) if len(budgets) == 1 else None
    form = BulkForm(
        request.POST if "choose" not in request.POST else None,
        lines=targets.lines if targets else [],
        categories=Category.objects.order_by("sort_order", "name", "id"),
        auto_id="bulk-%s",
    )
    context: dict[str, Any] = {
        "form": form,
        "chosen": chosen,
        "vendors": vendor_names(),
        "back": _way_back(chosen),
    }
    if not form.is_bound or not form.is_valid() or "change" in request.POST:
        status = 422 if form.is_bound and form.errors else 200
        return render(request, "budgets/expenses/bulk.html", context, status=status)
    does_it = "confirm" in request.POST
    try:
        outcomes = change_many(
            expense_ids=[expense.pk for expense in chosen],
            acting_user=request.user,
            acting_role=request.role,
            account=request.account,
            now=timezone.now(),
            dry_run=not does_it,
            **form.change(),
        )
    except BudgetProblem as problem:
        form.add_error(None, str(problem))
        return render(request, "budgets/expenses/bulk.html", context, status=409)
    if does_it:
        _tell(request, outcomes)
        return redirect(*_way_back(chosen))
    by_id = {expense.pk: expense for expense in chosen}
    context |= {
        "fine": [by_id[one.expense_id] for one in outcomes if one.ok],
        "refused": [(by_id[one.expense_id], one.error) for one in outcomes if not one.ok],
        "action": dict(form.fields["action"].choices)[form.cleaned_data["action"]],  # type: ignore[attr-defined]
    }
    return render(request, "budgets/expenses/bulk_preview.html", context)


def _chosen(request: PageRequest) -> list[Expense]:
    ids = []
    for text in request.POST.getlist("expense")[:MOST_AT_ONCE]:
        try:
            ids.append(UUID(text))
        except ValueError:
            continue
    rows = expenses_listed(ExpenseFilter(), **visible(request), now=timezone.now())
    return list(rows.filter(pk__in=ids).newest_first())


def _way_back(chosen: list[Expense]) -> tuple[Any, ...]:
    if len({expense.budget_id for expense in chosen}) == 1:
        return ("budgets:budget_expenses", chosen[0].budget_id)
    return ("budgets:expenses",)


def _tell(request: PageRequest, outcomes: list[BulkOutcome]) -> None:
    done = sum(one.ok for one in outcomes)
    if done:
        messages.success(request, f"{done} expense{'' if done == 1 else 's'} changed.")
    for error in dict.fromkeys(one.error for one in outcomes if one.error):
        messages.warning(request, f"Left as it was: {error}")
