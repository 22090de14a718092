"""`/event-budgets/{id}/last-year`: the budget that one was copied from, beside it; and what refuses a copy."""

from typing import Any
from uuid import UUID

from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from budgets.api.event_budget import BudgetViewSet
from budgets.selectors.last_year import earlier_budget_of, last_year_of
from budgets.services.budget_copy import CopyExceedsTotal, CopyInOtherCurrency, InvalidFactor
from budgetsite.api.errors import field_error, translate_problems
from budgetsite.money.amounts import amount_to_json
from budgetsite.money.api_fields import MoneyField


class EarlierLineAnswer(serializers.Serializer):
    line_item_id = serializers.UUIDField(help_text="This year's line.")
    budgeted_amount = MoneyField(help_text="What was planned for it then, as the plan in force has it.")
    actual_amount = MoneyField(help_text="What came of it.")


class EarlierBudgetAnswer(serializers.Serializer):
    budget_id = serializers.UUIDField()
    event_id = serializers.UUIDField()
    event_name = serializers.CharField()
    currency = serializers.CharField()
    total_budget_amount = MoneyField()
    total_actual_amount = MoneyField()
    lines = EarlierLineAnswer(many=True, help_text="Of the lines that were copied and are still there.")


class LastYearAnswer(serializers.Serializer):
    last_year = EarlierBudgetAnswer(
        allow_null=True, help_text="Null for a budget that was not copied, or from one that you may not see."
    )


class LastYearViewSet(BudgetViewSet):
    actions = {"retrieve": "budgets.view"}
    filterset_class = None

    @extend_schema(summary="Read the figures of the budget that this one was copied from", responses=LastYearAnswer)
    def retrieve(self, request: Request, budget_id: UUID) -> Response:
        budget = self.find(budget_id)
        sight: dict[str, Any] = {"user_id": self.user.pk, "role": self.role}
        earlier = earlier_budget_of(budget, **sight)
        if earlier is None:
            return Response({"last_year": None})
        currency = earlier.currency
        lines = [
            {
                "line_item_id": str(line_id),
                "budgeted_amount": amount_to_json(figures.planned, currency),
                "actual_amount": amount_to_json(figures.actual, currency),
            }
            for line_id, figures in last_year_of(budget, **sight).items()
        ]
        answer = {
            "budget_id": str(earlier.pk),
            "event_id": str(earlier.event_id),
            "event_name": earlier.event.name,
            "currency": currency,
            "total_budget_amount": amount_to_json(earlier.in_force_amount, currency),
            "total_actual_amount": amount_to_json(earlier.total_actual_amount, currency),
            "lines": lines,
        }
        return Response({"last_year": answer})


translate_problems(
    {
        InvalidFactor: field_error("factor"),
        CopyInOtherCurrency: field_error("copy_from"),
        CopyExceedsTotal: field_error("total_budget_amount"),
    }
)
