"""`/event-budgets/{id}/stages`: where a submitted plan stands."""

from typing import Any
from uuid import UUID

from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from budgets.api.event_budget import BudgetViewSet
from budgets.models import APPROVING_ROLE_CHOICES, ApprovalStage, BudgetStatus, EventBudget
from budgets.services.approval import stages_of_submission

STATES = ["done", "current", "ahead"]


class StageAnswer(serializers.Serializer):
    id = serializers.UUIDField()
    submission = serializers.IntegerField(help_text="The version that the submission led to.")
    stage = serializers.IntegerField()
    role = serializers.ChoiceField(choices=APPROVING_ROLE_CHOICES, help_text="Who decides, or someone above them.")
    because = serializers.CharField(help_text="Why it is needed, as the rules were at the submission; empty: always.")
    state = serializers.ChoiceField(choices=STATES)
    waiting_since = serializers.DateTimeField(allow_null=True, help_text="Of the stage that is next.")
    decided_by = serializers.UUIDField(allow_null=True)
    decided_by_name = serializers.CharField(allow_null=True)
    decided_at = serializers.DateTimeField(allow_null=True)


class StageViewSet(BudgetViewSet):
    actions = {"list": "budgets.view"}
    tags = ["budget workflow"]
    filterset_class = None
    filter_backends = []

    @extend_schema(summary="Read the stages that a submitted plan has to pass", responses=StageAnswer(many=True))
    def list(self, request: Request, budget_id: UUID) -> Response:
        """Those of the last submission, in their order. A draft has none: what was submitted before has lapsed."""
        budget = self.find(budget_id)
        stages = stages_of_submission(budget.pk)
        if budget.status == BudgetStatus.DRAFT:
            stages = stages.none()
        return self.page_of(stages, lambda stage: stage_answer(stage, budget))


def stage_answer(stage: ApprovalStage, budget: EventBudget) -> dict[str, Any]:
    is_current = stage.decided_at is None and stage.stage == budget.awaiting_stage
    return {
        "id": str(stage.pk),
        "submission": stage.submission,
        "stage": stage.stage,
        "role": stage.role,
        "because": stage.because,
        "state": "done" if stage.decided_at else "current" if is_current else "ahead",
        "waiting_since": budget.awaiting_since if is_current else None,
        "decided_by": stage.decided_by_id,
        "decided_by_name": str(stage.decided_by) if stage.decided_by else None,
        "decided_at": stage.decided_at,
    }
