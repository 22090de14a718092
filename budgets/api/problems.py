"""What the refusals of the budgets' services mean to a client."""

from typing import Any

from rest_framework.exceptions import APIException

from budgets.api.answers import budget_detail, changed_field_answer
from budgets.models import BudgetLineItem, EventBudget, PlanDriver
from budgets.selectors.budget_changes import driver_changes_since, line_changes_since, plan_changes_since
from budgets.selectors.changed_fields import ChangedField
from budgets.selectors.event_budgets import budgets_in_sight
from budgets.services import problems
from budgets.services.workflow import RoleNotAllowed
from budgetsite.api.errors import conflict, field_error, forbidden_with, not_found, translate_problems
from budgetsite.api.refusals import Conflict, field_refusal


def _stale_version(error: problems.StaleVersion, view: Any) -> APIException:
    """Answer with the budget as it is now, as its own address answers it, so that the client can go on from there.

    `changes` has field by field what is another than in the version that was sent: of the line or the driver that is
    stale, or of the budget and its lines.
    """
    request = view.request
    budget = budgets_in_sight(user_id=request.user.pk, role=request.role).get(pk=error.budget_id)
    changes = [changed_field_answer(change, budget.currency) for change in _changes(error, budget)]
    return Conflict(error.code, str(error), current=budget_detail(budget), changes=changes)


def _changes(error: problems.StaleVersion, budget: EventBudget) -> list[ChangedField]:
    if error.line_item_id is not None:
        line = BudgetLineItem.objects.get(pk=error.line_item_id)
        return line_changes_since(line, version=error.sent)
    if error.driver_id is not None:
        return driver_changes_since(PlanDriver.objects.get(pk=error.driver_id), version=error.sent)
    return plan_changes_since(budget, version=error.sent)


def _lines_exceed_total(error: problems.LinesExceedTotal, view: Any) -> APIException:
    attr = getattr(view, "amount_attrs", {}).get(getattr(view, "action", None), "total_budget_amount")
    return field_refusal(attr, error.code, str(error))


translate_problems(
    {
        problems.BudgetProblem: conflict(),
        problems.BudgetNotFound: not_found,
        problems.EventNotFound: not_found,
        problems.LineNotFound: not_found,
        problems.DriverNotFound: field_error("driver"),
        problems.IncompletePrice: field_error("unit_price"),
        problems.PricedLine: field_error("budgeted_amount"),
        problems.ApprovalRefused: conflict("allowed"),
        problems.StageNotYours: forbidden_with("allowed"),
        problems.StaleVersion: _stale_version,
        problems.LinesExceedTotal: _lines_exceed_total,
        problems.TotalOutOfRange: field_error("non_field_errors"),
        problems.UnknownCategory: field_error("category"),
        problems.ReasonRequired: field_error("reason"),
        problems.BudgetExists: conflict("budget_id"),
        problems.InvalidTransition: conflict("allowed"),
        RoleNotAllowed: forbidden_with("allowed"),
    }
)
