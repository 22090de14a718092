"""`/budgets/{id}/check-constraints` and `/budgets/check-constraints`: asking before spending. Changes nothing."""

from collections.abc import Sequence
from typing import Any
from uuid import UUID

from django.utils import timezone
from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from budgets.api.answers.percentages import percentage
from budgets.api.scoped_answers import LEVEL_CHOICES, RefusalAnswer, refusals_answer, usage_writer
from budgets.api.scoped_inputs import CheckInput, ScopesCheckInput, UsageAmountField
from budgets.api.scoped_views import ScopedViewSet
from budgets.models import ScopeType, ThresholdAction
from budgets.selectors.constraint_check import Verdict, check_constraints, check_scopes
from budgets.selectors.scoped_status import level_of
from budgets.services.constraints import Judgement
from budgetsite.money.amounts import amount_to_json
from budgetsite.money.api_fields import MoneyField, PercentageField


class JudgementAnswer(serializers.Serializer):
    budget_id = serializers.UUIDField()
    name = serializers.CharField()
    scope_type = serializers.ChoiceField(choices=ScopeType.choices)
    scope_id = serializers.CharField()
    depth = serializers.IntegerField()
    can_proceed = serializers.BooleanField()
    reason = serializers.CharField(help_text="Why not, or what to think of all the same.")
    actions = serializers.ListField(child=serializers.ChoiceField(choices=ThresholdAction.choices))
    limit = MoneyField()
    currency = serializers.CharField()
    remaining = UsageAmountField(help_text="What it has left now.")
    remaining_after = UsageAmountField(help_text="What would be left; negative when it does not fit.")
    percent_used = PercentageField()
    projected_percent = PercentageField()
    projected_status = serializers.ChoiceField(choices=LEVEL_CHOICES)


class VerdictAnswer(serializers.Serializer):
    can_proceed = serializers.BooleanField()
    reason = serializers.CharField()
    suggested_actions = serializers.ListField(
        child=serializers.ChoiceField(choices=ThresholdAction.choices),
        help_text="Of all thresholds that would be reached, the strictest first.",
    )
    projected_percent = PercentageField(help_text="The highest share that any of the budgets would be used to.")
    refusals = RefusalAnswer(many=True)
    estimated_cost = UsageAmountField()
    budgets = JudgementAnswer(many=True, help_text="All that were asked, from those named up to their tops.")


class ScopesVerdictAnswer(VerdictAnswer):
    without_budget = serializers.ListField(
        child=serializers.ChoiceField(choices=ScopeType.choices),
        help_text="The scopes that have no budget in force. They say nothing; where none has one, nothing may be spent."
        " A machine whose key reaches only some budgets is refused for each of these.",
    )


class CheckViewSet(ScopedViewSet):
    actions = {"one": "scoped_budgets.check", "scopes": "scoped_budgets.check"}
    amount_attr = "estimated_cost"
    filterset_class = None
    pagination_class = None

    @extend_schema(
        summary="Ask whether an amount fits a scoped budget and all above it",
        request=CheckInput,
        responses={200: VerdictAnswer},
    )
    def one(self, request: Request, scoped_budget_id: UUID) -> Response:
        """A question only: whoever spends after a yes may come too late, unless the amount is reserved.

        A no is a 200 too: `can_proceed` is false, and `refusals` names each budget that stands against it.
        """
        values = self.read_for(scoped_budget_id, CheckInput)
        verdict = check_constraints(budget_id=scoped_budget_id, now=timezone.now(), **values)
        return Response(verdict_answer(verdict))

    @extend_schema(
        summary="Ask whether an amount fits the budgets of several scopes",
        operation_id="budgets_check_scopes",
        request=ScopesCheckInput,
        responses={200: ScopesVerdictAnswer},
    )
    def scopes(self, request: Request) -> Response:
        """Every budget in force of each of them, and all that stand above these.

        A no is a 200 too: `can_proceed` is false, and `refusals` names each budget that stands against it.
        """
        values = self.read(ScopesCheckInput)
        scopes: dict[str, str] = values["scopes"]
        reach = None if self.api_key is None or not self.api_key.budget_ids else self.within_reach()
        verdict = check_scopes(reach=reach, now=timezone.now(), **values)
        return Response({**verdict_answer(verdict), "without_budget": _without_budget(scopes, verdict.judgements)})


def verdict_answer(verdict: Verdict) -> dict[str, Any]:
    currencies = {judgement.budget.currency for judgement in verdict.judgements}
    # Of several currencies, or none, an amount has the decimals that it needs.
    write = usage_writer(currencies.pop() if len(currencies) == 1 else "USD")
    return {
        "can_proceed": verdict.can_proceed,
        "reason": verdict.reason,
        "suggested_actions": [action.value for action in verdict.suggested_actions],
        "projected_percent": percentage(verdict.projected_percent),
        "refusals": refusals_answer(verdict.refusals),
        "estimated_cost": write(verdict.estimate),
        "budgets": [_judgement_answer(judgement) for judgement in verdict.judgements],
    }


def _judgement_answer(judgement: Judgement) -> dict[str, Any]:
    budget, before, after = judgement.budget, judgement.before, judgement.figures
    usage = usage_writer(budget.currency)
    return {
        "budget_id": str(budget.id),
        "name": budget.name,
        "scope_type": budget.scope_type,
        "scope_id": budget.scope_id,
        "depth": budget.depth,
        "can_proceed": judgement.refusal is None,
        "reason": judgement.caution if judgement.refusal is None else judgement.refusal.reason,
        "actions": [action.value for action in judgement.actions],
        "limit": amount_to_json(budget.amount, budget.currency),
        "currency": budget.currency,
        "remaining": usage(before.remaining),
        "remaining_after": usage(after.remaining),
        "percent_used": percentage(before.percent_used),
        "projected_percent": percentage(after.percent_used),
        "projected_status": level_of(after).value,
    }


def _without_budget(scopes: dict[str, str], judgements: Sequence[Judgement]) -> list[str]:
    asked = {(judgement.budget.scope_type, judgement.budget.scope_id) for judgement in judgements}
    return [scope_type for scope_type, scope_id in scopes.items() if (scope_type, scope_id) not in asked]
