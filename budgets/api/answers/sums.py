"""Sums over several budgets."""

from typing import Any

from rest_framework import serializers

from budgets.models import BudgetStatus
from budgetsite.money.amounts import amount_to_json
from budgetsite.money.api_fields import MoneyField


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
