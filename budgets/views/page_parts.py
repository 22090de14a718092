"""What the budget's page and its pieces, swapped in after a change, are drawn from."""

from typing import Any

from alerts.selectors import open_alerts_of
from budgets.models import EventBudget
from budgets.selectors.budget_page import PlanPage
from budgets.selectors.drivers import drivers_of
from budgets.views.rights import rights_on
from budgets.views.verdict import verdict_on
from budgetsite.accounts.permissions import may
from budgetsite.pages.access import PageRequest
from budgetsite.pages.budget_tabs import budget_tabs


def figures_context(request: PageRequest, budget: EventBudget, plan: PlanPage | None = None) -> dict[str, Any]:
    """What stands above and around the lines: the answer, the figures and what one may do."""
    rights = rights_on(budget, request)
    drivers = list(drivers_of(budget.pk))
    expected = budget.event.expected_guests
    alerts = list(open_alerts_of(budget.pk)) if may(request.role, "alerts.view") else []
    return {
        "alerts": alerts,
        "budget": budget,
        "event": budget.event,
        "currency": budget.currency,
        "rights": rights,
        "drivers": drivers,
        "guests_apart": next(
            (one for one in drivers if one.follows_guests and expected is not None and one.quantity != expected), None
        ),
        "verdict": verdict_on(budget),
        "plan": plan,
        "not_on_lines": budget.total_budget_amount - budget.lines_total_amount,
        "has_income": bool(budget.projected_income_amount or budget.total_income_amount),
        "still_to_come": budget.projected_income_amount - budget.total_income_amount,
    }


def tabs_of(budget: EventBudget, current: str, request: PageRequest) -> list[dict[str, Any]]:
    return budget_tabs(budget_id=budget.pk, event_id=budget.event_id, current=current, role=request.role)
