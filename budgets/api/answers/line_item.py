"""A line of a plan."""

from typing import Any

from rest_framework import serializers

from budgets.api.answers.percentages import percentage
from budgets.models import BudgetLineItem, LineKind
from budgetsite.money.amounts import amount_to_json
from budgetsite.money.api_fields import MoneyField, PercentageField


class LineItemAnswer(serializers.Serializer):
    id = serializers.UUIDField()
    kind = serializers.ChoiceField(choices=LineKind.choices)
    category = serializers.CharField(help_text="The category's name.")
    category_id = serializers.UUIDField()
    is_unbudgeted = serializers.BooleanField(help_text="Made by spending that the plan has no line for.")
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
        "is_unbudgeted": line.is_unbudgeted,
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
        "variance_percentage": percentage(line.variance_percentage),
        "overrun_amount": amount_to_json(line.overrun_amount, currency),
        "utilization_percentage": percentage(line.utilization_percentage),
        "sort_order": line.sort_order,
        "notes": line.notes,
        "version": line.version,
    }


class LineItemsAnswer(serializers.Serializer):
    version = serializers.IntegerField(help_text="The budget's version now.")
    line_items = LineItemAnswer(many=True)
