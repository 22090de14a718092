"""Which company budget pays for an event's: said on the event's budget, changed on a page that shows what moves."""

from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any
from uuid import UUID

from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils import timezone
from django.views.decorators.http import require_http_methods

from budgets.forms.funding import NOTHING, FunderForm, FundingForm
from budgets.models import EventBudget
from budgets.selectors.scoped_parents import possible_parents
from budgets.services.funding_change import FundingMove, PromisesDoNotFit, look_at_funding, set_funding
from budgets.services.funding_figures import Part
from budgets.services.problems import BudgetProblem
from budgets.services.scoped_figures import WindowFigures
from budgets.views.event_budget import budget_or_404
from budgets.views.paid_from import paid_from
from budgets.views.scoped_words import choice_of_parent, window_in_words
from budgetsite.accounts.permissions import may
from budgetsite.pages.access import PageRequest, page


@dataclass(frozen=True, slots=True)
class MovedRow:
    """What moves in one window of a company budget, and what is left in it before and after."""

    name: str
    window: str
    committed: Decimal
    actual: Decimal
    before: WindowFigures
    after: WindowFigures


@page("scoped_budgets.change")
@require_http_methods(["GET", "HEAD", "POST"])
def budget_funding(request: PageRequest, budget_id: UUID) -> HttpResponse:
    """Choose first; with a choice in the address it says what would move, and asks to confirm it."""
    budget = budget_or_404(request, budget_id)
    now = timezone.now()
    choices = [choice_of_parent(funder) for funder in possible_parents(now=now, currency=budget.currency)]
    form = FunderForm(
        request.GET if "funder" in request.GET else None,
        initial={"funder": str(budget.funded_by_id or NOTHING)},
        funders=[(key, label) for key, _currency, label in choices],
    )
    context: dict[str, Any] = {
        "budget": budget,
        "event": budget.event,
        "currency": budget.currency,
        "form": form,
        "has_funders": bool(choices),
        "paid_from": paid_from(request, budget, now=now),
        "cancel_url": reverse("budgets:detail", args=[budget.pk]),
    }
    if not form.is_bound or not form.is_valid():
        return render(request, "budgets/funding.html", context, status=422 if form.is_bound else 200)
    chosen = form.cleaned_data["funder"]
    return _confirm(request, budget, None if chosen == NOTHING else UUID(chosen), context, now=now)


def _confirm(
    request: PageRequest, budget: EventBudget, funder_id: UUID | None, context: dict[str, Any], *, now: datetime
) -> HttpResponse:
    move = look_at_funding(budget=budget, scoped_budget_id=funder_id, now=now)
    may_override = may(request.role, "scoped_budgets.override")
    needs_override = bool(move.refusals)
    form = FundingForm(request.POST if request.method == "POST" else None, needs_override=needs_override)
    status = 200
    if request.method == "POST":
        status = 422
        if form.is_valid():
            try:
                set_funding(
                    budget_id=budget.pk,
                    scoped_budget_id=funder_id,
                    acting_user=request.user,
                    acting_role=request.role,
                    now=now,
                    # Only what was shown is overridden.
                    override=needs_override,
                    reason=form.cleaned_data["reason"],
                )
            except PromisesDoNotFit:
                status, move = 409, look_at_funding(budget=budget, scoped_budget_id=funder_id, now=now)
                form = FundingForm(request.POST, needs_override=True)
            except BudgetProblem as problem:
                form.add_error(None, str(problem))
            else:
                messages.success(request, _said(move))
                return redirect("budgets:detail", budget.pk)
    context |= {
        "move": move,
        "confirm": form,
        "may_override": may_override,
        "gaining": [_row(part, part.before, part.after) for part in move.joining],
        "losing": [_row(part, part.after, part.before) for part in move.leaving],
        "new_path": _path(move.new_chain),
        "old_path": _path(move.old_chain),
    }
    return render(request, "budgets/funding.html", context, status=status)


def _row(part: Part, before: WindowFigures, after: WindowFigures) -> MovedRow:
    return MovedRow(part.budget.name, window_in_words(part.window), part.committed, part.actual, before, after)


def _path(chain: list[Any]) -> str:
    return " › ".join(budget.name for budget in reversed(chain))


def _said(move: FundingMove) -> str:
    if not move.new_chain:
        return "No company budget pays for this event any more."
    return f"Paid from {_path(move.new_chain)}. What was promised and spent so far counts there."
