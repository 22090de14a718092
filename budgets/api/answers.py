"""What the budgets' endpoints answer. Each answer is made by hand (a list of fifty costs half of what serializers take)
beside the serializer that describes it in the schema; a test holds the two together.
"""

from typing import Any

from rest_framework import serializers

from budgets.models import (
    BudgetDecision,
    BudgetLineItem,
    BudgetStatus,
    Category,
    EntryKind,
    EntrySource,
    EventBudget,
    LedgerEntry,
    LineKind,
)
from budgets.selectors.budget_history import Change
from budgets.selectors.event_budgets import lines_in_order
from budgetsite.money.amounts import amount_to_json
from budgetsite.money.api_fields import MoneyField, PercentageField


def _percentage(value: Any) -> str | None:
    return None if value is None else format(value, ".2f")


# --- Lines ------------------------------------------------------------------------------------------------------------


class LineItemAnswer(serializers.Serializer):
    id = serializers.UUIDField()
    kind = serializers.ChoiceField(choices=LineKind.choices)
    category = serializers.CharField(help_text="The category's name.")
    category_id = serializers.UUIDField()
    section = serializers.CharField()
    name = serializers.CharField()
    description = serializers.CharField()
    budgeted_amount = MoneyField()
    in_force_amount = MoneyField(help_text="What the plan in force has here: another amount while it is revised.")
    quantity = serializers.DecimalField(max_digits=15, decimal_places=3, allow_null=True)
    unit_price = MoneyField(allow_null=True, help_text="The amount is quantity × unit price.")
    driver = serializers.UUIDField(allow_null=True, help_text="The quantity of the budget that it follows.")
    committed_amount = MoneyField()
    actual_amount = MoneyField()
    available_amount = MoneyField()
    variance_amount = MoneyField(help_text="What is in force less actual; of income: what is still to come.")
    variance_percentage = PercentageField(allow_null=True)
    overrun_amount = MoneyField()
    utilization_percentage = PercentageField()
    sort_order = serializers.IntegerField()
    notes = serializers.CharField()
    version = serializers.IntegerField()


def line_answer(line: BudgetLineItem) -> dict[str, Any]:
    """Describe a line that was read with its category."""
    currency = line.currency
    return {
        "id": str(line.pk),
        "kind": line.kind,
        "category": line.category.name,
        "category_id": str(line.category_id),
        "section": line.section,
        "name": line.name,
        "description": line.description,
        "budgeted_amount": amount_to_json(line.budgeted_amount, currency),
        "in_force_amount": amount_to_json(line.in_force_amount, currency),
        "quantity": None if line.quantity is None else format(line.quantity, ".3f"),
        "unit_price": None if line.unit_price is None else amount_to_json(line.unit_price, currency),
        "driver": None if line.driver_id is None else str(line.driver_id),
        "committed_amount": amount_to_json(line.committed_amount, currency),
        "actual_amount": amount_to_json(line.actual_amount, currency),
        "available_amount": amount_to_json(line.available_amount, currency),
        "variance_amount": amount_to_json(line.variance_amount, currency),
        "variance_percentage": _percentage(line.variance_percentage),
        "overrun_amount": amount_to_json(line.overrun_amount, currency),
        "utilization_percentage": _percentage(line.utilization_percentage),
        "sort_order": line.sort_order,
        "notes": line.notes,
        "version": line.version,
    }


class LineItemsAnswer(serializers.Serializer):
    version = serializers.IntegerField(help_text="The budget's version now.")
    line_items = LineItemAnswer(many=True)


# --- Budgets ----------------------------------------------------------------------------------------------------------


class AwaitingAnswer(serializers.Serializer):
    stage = serializers.IntegerField()
    role = serializers.CharField(help_text="Who decides, or someone above them.")
    since = serializers.DateTimeField()


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
    projected_income_amount = MoneyField(help_text="What the lines of income expect.")
    total_income_amount = MoneyField(help_text="What has come in.")
    projected_result_amount = MoneyField(help_text="Expected income less the total.")
    result_amount = MoneyField(help_text="Income less actual.")
    alerts_open = serializers.IntegerField(help_text="How many alerts are not resolved.")
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
        "variance_percentage": _percentage(budget.variance_percentage),
        "overrun_amount": amount_to_json(budget.overrun_amount, currency),
        "utilization_percentage": _percentage(budget.utilization_percentage),
        "is_over_budget": budget.is_over_budget,
        "projected_income_amount": amount_to_json(budget.projected_income_amount, currency),
        "total_income_amount": amount_to_json(budget.total_income_amount, currency),
        "projected_result_amount": amount_to_json(budget.projected_result_amount, currency),
        "result_amount": amount_to_json(budget.result_amount, currency),
        "alerts_open": budget.alerts_open,  # type: ignore[attr-defined]
        "notes": budget.notes,
        "submitted_by": budget.submitted_by_id,
        "submitted_at": budget.submitted_at,
        "approved_by": budget.approved_by_id,
        "approved_at": budget.approved_at,
        "awaiting": _awaiting(budget),
        "created_at": budget.created_at,
        "updated_at": budget.updated_at,
    }


def _awaiting(budget: EventBudget) -> dict[str, Any] | None:
    if budget.awaiting_stage is None:
        return None
    return {"stage": budget.awaiting_stage, "role": budget.awaiting_role, "since": budget.awaiting_since}


def budget_detail(budget: EventBudget) -> dict[str, Any]:
    """Describe a budget of `budgets_in_sight` with its lines, which are read here: one statement."""
    lines = list(lines_in_order(budget.pk))
    return {
        **budget_answer(budget),
        "line_items": [line_answer(line) for line in lines if not line.is_income],
        "income_lines": [line_answer(line) for line in lines if line.is_income],
    }


# --- Sums -------------------------------------------------------------------------------------------------------------


class StatusSumAnswer(serializers.Serializer):
    status = serializers.ChoiceField(choices=BudgetStatus.choices)
    currency = serializers.CharField()
    count = serializers.IntegerField()
    total_budget_amount = MoneyField()
    total_committed_amount = MoneyField()
    total_actual_amount = MoneyField()


class CategorySumAnswer(serializers.Serializer):
    category_id = serializers.UUIDField()
    category = serializers.CharField()
    currency = serializers.CharField()
    line_count = serializers.IntegerField()
    budgeted_amount = MoneyField()
    committed_amount = MoneyField()
    actual_amount = MoneyField()


class SummaryAnswer(serializers.Serializer):
    count = serializers.IntegerField()
    over_budget = serializers.IntegerField()
    counts = serializers.DictField(
        child=serializers.IntegerField(), help_text="Status → how many; every status is there."
    )
    by_status = StatusSumAnswer(many=True, help_text="Amounts in different currencies are never added.")
    by_category = CategorySumAnswer(many=True)


def with_amounts(row: dict[str, Any]) -> dict[str, Any]:
    """Return a row of sums with its amounts as the answer carries them, in the row's currency."""
    return {
        name: amount_to_json(value, row["currency"]) if name.endswith("_amount") else value
        for name, value in row.items()
    }


# --- Categories -------------------------------------------------------------------------------------------------------


class CategoryFiguresAnswer(serializers.Serializer):
    currency = serializers.CharField()
    line_count = serializers.IntegerField()
    budgeted_amount = MoneyField()
    committed_amount = MoneyField()
    actual_amount = MoneyField()


class CategoryStatisticsAnswer(serializers.Serializer):
    line_count = serializers.IntegerField()
    by_currency = CategoryFiguresAnswer(many=True)


class CategoryAnswer(serializers.Serializer):
    id = serializers.UUIDField()
    name = serializers.CharField()
    for_events = serializers.BooleanField()
    for_weddings = serializers.BooleanField()
    benchmark_share = PercentageField(
        allow_null=True,
        help_text="What is typically spent on it, in percent of the total. Typical shares add up to more than 100.",
    )
    sort_order = serializers.IntegerField()
    statistics = CategoryStatisticsAnswer(help_text="Over the lines of the budgets that you may see.")


def category_answer(category: Category, figures: list[dict[str, Any]]) -> dict[str, Any]:
    """Describe a category with its figures, a row for each currency as `statistics_of` gives them."""
    return {
        "id": str(category.pk),
        "name": category.name,
        "for_events": category.for_events,
        "for_weddings": category.for_weddings,
        "benchmark_share": _percentage(category.benchmark_share),
        "sort_order": category.sort_order,
        "statistics": {
            "line_count": sum(row["line_count"] for row in figures),
            "by_currency": [
                {name: value for name, value in with_amounts(row).items() if name != "category_id"} for row in figures
            ],
        },
    }


# --- The ledger and the story ----------------------------------------------------------------------------------------


class LedgerEntryAnswer(serializers.Serializer):
    id = serializers.UUIDField()
    seq = serializers.IntegerField()
    kind = serializers.ChoiceField(choices=EntryKind.choices)
    committed_delta = MoneyField()
    actual_delta = MoneyField()
    currency = serializers.CharField()
    occurred_at = serializers.DateTimeField()
    source = serializers.ChoiceField(choices=EntrySource.choices)  # type: ignore[assignment]
    source_id = serializers.CharField()
    line_item_id = serializers.UUIDField(allow_null=True)
    actor = serializers.UUIDField(allow_null=True)
    actor_name = serializers.CharField(allow_null=True)
    description = serializers.CharField()
    prev_hash = serializers.CharField(help_text="Hexadecimal; empty before the first entry.")
    hash = serializers.CharField()


def entry_answer(entry: LedgerEntry) -> dict[str, Any]:
    return {
        "id": str(entry.pk),
        "seq": entry.seq,
        "kind": entry.kind,
        "committed_delta": amount_to_json(entry.committed_delta, entry.currency),
        "actual_delta": amount_to_json(entry.actual_delta, entry.currency),
        "currency": entry.currency,
        "occurred_at": entry.occurred_at,
        "source": entry.source,
        "source_id": entry.source_id,
        "line_item_id": entry.line_item_id,
        "actor": entry.actor_id,
        "actor_name": str(entry.actor) if entry.actor else None,
        "description": entry.description,
        "prev_hash": bytes(entry.prev_hash).hex(),
        "hash": bytes(entry.hash).hex(),
    }


class PersonAnswer(serializers.Serializer):
    id = serializers.UUIDField()
    name = serializers.CharField()


class DecisionAnswer(serializers.Serializer):
    id = serializers.UUIDField()
    action = serializers.CharField()
    stage = serializers.IntegerField()
    from_status = serializers.ChoiceField(choices=BudgetStatus.choices)
    to_status = serializers.ChoiceField(choices=BudgetStatus.choices)
    version = serializers.IntegerField(help_text="The version that it led to.")
    revision = serializers.IntegerField(help_text="The revision of the plan that it was about.")
    actor = serializers.UUIDField(allow_null=True)
    actor_name = serializers.CharField(allow_null=True)
    role = serializers.CharField()
    reason = serializers.CharField()
    created_at = serializers.DateTimeField()


def decision_answer(decision: BudgetDecision) -> dict[str, Any]:
    return {
        "id": str(decision.pk),
        "action": decision.action,
        "stage": decision.stage,
        "from_status": decision.from_status,
        "to_status": decision.to_status,
        "version": decision.version,
        "revision": decision.revision,
        "actor": decision.actor_id,
        "actor_name": str(decision.actor) if decision.actor else None,
        "role": decision.role,
        "reason": decision.reason,
        "created_at": decision.created_at,
    }


class FieldChangeAnswer(serializers.Serializer):
    field = serializers.CharField()
    old = serializers.CharField(allow_null=True)
    new = serializers.CharField(allow_null=True)


class ChangeAnswer(serializers.Serializer):
    at = serializers.DateTimeField()
    by = PersonAnswer(allow_null=True, help_text="Null for what no person did.")
    kind = serializers.ChoiceField(choices=["budget", "line_item"])
    object_id = serializers.UUIDField()
    name = serializers.CharField(help_text="The line's name; empty for the budget itself.")
    action = serializers.ChoiceField(choices=["created", "changed", "deleted", "restored"])
    reason = serializers.CharField()
    version = serializers.IntegerField()
    changes = FieldChangeAnswer(many=True)


def change_answer(change: Change, currency: str) -> dict[str, Any]:
    def shown(name: str, value: Any) -> Any:
        return amount_to_json(value, currency) if name.endswith("_amount") and value is not None else value

    return {
        "at": change.place.at,
        "by": {"id": str(change.by.pk), "name": str(change.by)} if change.by else None,
        "kind": change.place.kind,
        "object_id": str(change.object_id),
        "name": change.title,
        "action": change.action,
        "reason": change.reason,
        "version": change.version,
        "changes": [
            {"field": field.name, "old": shown(field.name, field.old), "new": shown(field.name, field.new)}
            for field in change.fields
        ],
    }
