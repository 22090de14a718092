"""A budget, alone and with its lines."""

from typing import Any

from rest_framework import serializers

from budgets.api.answers.line_item import LineItemAnswer, line_answer
from budgets.api.answers.percentages import percentage
from budgets.models import BudgetLineItem, BudgetStatus, EventBudget
from budgets.selectors.event_budgets import lines_in_order
from budgets.selectors.plan_as_of import BudgetAsOf
from budgetsite.money.amounts import amount_to_json
from budgetsite.money.api_fields import MoneyField, PercentageField


class AwaitingAnswer(serializers.Serializer):
    stage = serializers.IntegerField()
    role = serializers.CharField(help_text="Who decides, or someone above them.")
    since = serializers.DateTimeField()


class FunderAnswer(serializers.Serializer):
    id = serializers.UUIDField()
    name = serializers.CharField(help_text="Empty when it was deleted.")


class BudgetAnswer(serializers.Serializer):
    id = serializers.UUIDField()
    event_id = serializers.UUIDField()
    event_name = serializers.CharField()
    currency = serializers.CharField()
    status = serializers.ChoiceField(choices=BudgetStatus.choices)
    version = serializers.IntegerField()
    revision = serializers.IntegerField()
    total_budget_amount = MoneyField()
    total_follows_lines = serializers.BooleanField(help_text="The total is the sum of the lines.")
    in_force_amount = MoneyField(
        help_text="The total of the plan in force, which all figures are measured against: that of the approved plan"
        " while a revision is worked on, `total_budget_amount` otherwise."
    )
    is_under_revision = serializers.BooleanField()
    lines_total_amount = MoneyField()
    total_committed_amount = MoneyField()
    total_actual_amount = MoneyField()
    available_amount = MoneyField()
    variance_amount = MoneyField(help_text="Budgeted less actual: positive is under budget.")
    variance_percentage = PercentageField(allow_null=True)
    overrun_amount = MoneyField()
    utilization_percentage = PercentageField()
    is_over_budget = serializers.BooleanField()
    projected_income_amount = MoneyField(
        allow_null=True, help_text="What the lines of income expect; like all of income, null for a client."
    )
    total_income_amount = MoneyField(allow_null=True, help_text="What has come in.")
    projected_result_amount = MoneyField(allow_null=True, help_text="Expected income less the total.")
    result_amount = MoneyField(allow_null=True, help_text="Income less actual.")
    alerts_open = serializers.IntegerField(help_text="How many alerts are not resolved.")
    funded_by = FunderAnswer(
        allow_null=True, help_text="The scoped budget that pays; null where none does, and for a client."
    )
    notes = serializers.CharField()
    submitted_by = serializers.UUIDField(allow_null=True)
    submitted_at = serializers.DateTimeField(allow_null=True)
    approved_by = serializers.UUIDField(allow_null=True)
    approved_at = serializers.DateTimeField(allow_null=True)
    awaiting = AwaitingAnswer(allow_null=True, help_text="While it is in review: who is next, and since when.")
    created_at = serializers.DateTimeField()
    updated_at = serializers.DateTimeField()


class BudgetDetailAnswer(BudgetAnswer):
    line_items = LineItemAnswer(many=True, help_text="The lines of cost, which make up the total.")
    income_lines = LineItemAnswer(many=True, help_text="What comes in: it counts to the result alone.")


class WarningAnswer(serializers.Serializer):
    code = serializers.CharField()
    detail = serializers.CharField()


class FinalizedAnswer(BudgetDetailAnswer):
    warnings = WarningAnswer(many=True)


def budget_answer(budget: EventBudget) -> dict[str, Any]:
    """Describe a budget of `budgets_in_sight`."""
    currency = budget.currency
    return {
        "id": str(budget.pk),
        "event_id": str(budget.event_id),
        "event_name": budget.event.name,
        "currency": currency,
        "status": budget.status,
        "version": budget.version,
        "revision": budget.revision,
        "total_budget_amount": amount_to_json(budget.total_budget_amount, currency),
        "total_follows_lines": budget.total_follows_lines,
        "in_force_amount": amount_to_json(budget.in_force_amount, currency),
        "is_under_revision": budget.is_under_revision,
        "lines_total_amount": amount_to_json(budget.lines_total_amount, currency),
        "total_committed_amount": amount_to_json(budget.total_committed_amount, currency),
        "total_actual_amount": amount_to_json(budget.total_actual_amount, currency),
        "available_amount": amount_to_json(budget.available_amount, currency),
        "variance_amount": amount_to_json(budget.variance_amount, currency),
        "variance_percentage": percentage(budget.variance_percentage),
        "overrun_amount": amount_to_json(budget.overrun_amount, currency),
        "utilization_percentage": percentage(budget.utilization_percentage),
        "is_over_budget": budget.is_over_budget,
        "projected_income_amount": amount_to_json(budget.projected_income_amount, currency),
        "total_income_amount": amount_to_json(budget.total_income_amount, currency),
        "projected_result_amount": amount_to_json(budget.projected_result_amount, currency),
        "result_amount": amount_to_json(budget.result_amount, currency),
        "alerts_open": budget.alerts_open,  # type: ignore[attr-defined]
        "funded_by": _funder(budget),
        "notes": budget.notes,
        "submitted_by": budget.submitted_by_id,
        "submitted_at": budget.submitted_at,
        "approved_by": budget.approved_by_id,
        "approved_at": budget.approved_at,
        "awaiting": _awaiting(budget),
        "created_at": budget.created_at,
        "updated_at": budget.updated_at,
    }


def _funder(budget: EventBudget) -> dict[str, Any] | None:
    if budget.funded_by_id is None:
        return None
    # A deleted one is out of sight.
    funder = budget.funded_by
    return {"id": str(budget.funded_by_id), "name": "" if funder is None else funder.name}


def _awaiting(budget: EventBudget) -> dict[str, Any] | None:
    if budget.awaiting_stage is None:
        return None
    return {"stage": budget.awaiting_stage, "role": budget.awaiting_role, "since": budget.awaiting_since}


class BudgetAsOfAnswer(BudgetDetailAnswer):
    """With `as_of` alone: the budget as it was known at that moment."""

    as_of = serializers.DateTimeField(required=False)
    revision_in_force = serializers.IntegerField(
        required=False, allow_null=True, help_text="The plan that was in force then; null before the first approval."
    )
    lines_left_out = LineItemAnswer(
        many=True,
        required=False,
        help_text="Lines of the plan in force then that the revision being worked on then no longer had.",
    )


def budget_detail(budget: EventBudget) -> dict[str, Any]:
    """Describe a budget of `budgets_in_sight` with its lines, which are read here: one statement."""
    return detail_answer(budget, list(lines_in_order(budget.pk)))


def without_internals(answer: dict[str, Any]) -> dict[str, Any]:
    """Take from a budget's answer what the team keeps to itself: income, the result, who pays, and notes of lines."""
    hidden = dict.fromkeys(
        ("projected_income_amount", "total_income_amount", "projected_result_amount", "result_amount", "funded_by")
    )
    if "line_items" not in answer:
        return answer | hidden
    lines = [line | {"notes": ""} for line in answer["line_items"]]
    return answer | hidden | {"line_items": lines, "income_lines": []}


def as_of_answer(found: BudgetAsOf) -> dict[str, Any]:
    return {
        **detail_answer(found.budget, found.lines),
        "as_of": found.moment,
        "revision_in_force": found.revision_in_force,
        "lines_left_out": [line_answer(line) for line in found.left_out],
    }


def detail_answer(budget: EventBudget, lines: list[BudgetLineItem]) -> dict[str, Any]:
    return {
        **budget_answer(budget),
        "line_items": [line_answer(line) for line in lines if not line.is_income],
        "income_lines": [line_answer(line) for line in lines if line.is_income],
    }
