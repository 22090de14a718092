"""`/budgets/{id}/what-if`: what would happen above if a scoped budget stood under another. Changes nothing."""

from collections.abc import Sequence
from typing import Any
from uuid import UUID

from django.utils import timezone
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from budgets.api.scoped_answers import StandingAnswer, ThresholdAnswer, standing_answer
from budgets.api.scoped_views import ScopedViewSet
from budgets.selectors.what_if import Effect, OtherCurrency, WhatIf, WouldStandUnderItself, what_if
from budgetsite.api.errors import field_error, translate_problems
from budgetsite.api.refusals import field_refusal

CHANGES = ["gains", "keeps", "loses"]


class EffectAnswer(serializers.Serializer):
    budget_id = serializers.UUIDField()
    name = serializers.CharField()
    change = serializers.ChoiceField(
        choices=CHANGES, help_text="Gains: it would carry the budget then. Keeps: then as now. Loses: no longer."
    )
    before = StandingAnswer(help_text="How it stands.")
    after = StandingAnswer(help_text="How it would stand.")
    breaks = serializers.BooleanField(help_text="One of the next four.")
    would_be_over = serializers.BooleanField()
    would_be_over_at_the_end = serializers.BooleanField(help_text="By its window's end, if it goes on like this.")
    newly_reached = ThresholdAnswer(many=True)
    newly_reached_at_the_end = ThresholdAnswer(many=True)
    no_longer_reached = ThresholdAnswer(many=True)


class WhatIfAnswer(serializers.Serializer):
    budget_id = serializers.UUIDField()
    parent_budget_id = serializers.UUIDField(allow_null=True, help_text="Null: it would stand on top.")
    changes_nothing = serializers.BooleanField(help_text="It stands there already.")
    would_break = serializers.BooleanField(help_text="At least one budget above would be over, or cross a threshold.")
    effects = EffectAnswer(many=True, help_text="From the new parent upwards, then those that it would leave.")


class WhatIfViewSet(ScopedViewSet):
    actions = {"retrieve": "scoped_budgets.view"}
    filterset_class = None
    pagination_class = None

    @extend_schema(
        summary="Ask what would happen if a scoped budget stood under another",
        parameters=[
            OpenApiParameter("parent_budget_id", UUID, description="Where it would stand; left out: on top."),
        ],
        responses=WhatIfAnswer,
    )
    def retrieve(self, request: Request, scoped_budget_id: UUID) -> Response:
        """A question only: no budget changes its place. A machine's key has to reach both budgets; of those above them
        it is shown the ones that it reaches.
        """
        self.find(scoped_budget_id)
        parent_id = _parent_in(request)
        if parent_id is not None:
            self.require_reach(parent_id)
        found = what_if(budget_id=scoped_budget_id, parent_id=parent_id, now=timezone.now())
        return Response(_answer(found, self._shown(found.effects)))

    def _shown(self, effects: Sequence[Effect]) -> Sequence[Effect]:
        if self.api_key is None or not self.api_key.budget_ids:
            return effects
        within = self.visible().filter(pk__in=[effect.budget.id for effect in effects])
        reached = set(within.values_list("pk", flat=True))
        return [effect for effect in effects if effect.budget.id in reached]


def _parent_in(request: Request) -> UUID | None:
    said = request.query_params.get("parent_budget_id")
    try:
        return UUID(said) if said else None
    except ValueError:
        raise field_refusal("parent_budget_id", "invalid", "Give the id of a budget, or leave it out.") from None


def _answer(found: WhatIf, shown: Sequence[Effect]) -> dict[str, Any]:
    return {
        "budget_id": str(found.budget.id),
        "parent_budget_id": None if found.parent is None else str(found.parent.id),
        "changes_nothing": found.changes_nothing,
        "would_break": bool(found.breaking),
        "effects": [_effect_answer(effect) for effect in shown],
    }


def _effect_answer(effect: Effect) -> dict[str, Any]:
    return {
        "budget_id": str(effect.budget.id),
        "name": effect.budget.name,
        "change": effect.change,
        "before": standing_answer(effect.before),
        "after": standing_answer(effect.after),
        "breaks": effect.breaks,
        "would_be_over": effect.would_be_over,
        "would_be_over_at_the_end": effect.would_be_over_at_the_end,
        "newly_reached": [one.as_json() for one in effect.newly_reached],
        "newly_reached_at_the_end": [one.as_json() for one in effect.newly_reached_at_the_end],
        "no_longer_reached": [one.as_json() for one in effect.no_longer_reached],
    }


translate_problems(
    {
        WouldStandUnderItself: field_error("parent_budget_id"),
        OtherCurrency: field_error("parent_budget_id"),
    }
)
