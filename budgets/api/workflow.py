"""The moves of a budget's status: `POST /event-budgets/{id}/submit` and its like."""

from typing import Any
from uuid import UUID

from django.utils import timezone
from drf_spectacular.utils import extend_schema
from rest_framework.request import Request
from rest_framework.response import Response

from budgets.api import answers
from budgets.api.event_budget import BudgetViewSet
from budgets.api.inputs import MoveInput
from budgets.selectors.decisions import decisions_on
from budgets.services.workflow import MOVES, move_budget
from budgetsite.api.versions import IF_MATCH, required_version


def _described(summary: str, answer: type = answers.BudgetDetailAnswer):
    return extend_schema(summary=summary, request=MoveInput, responses={200: answer}, parameters=[IF_MATCH])


class WorkflowViewSet(BudgetViewSet):
    actions = {name: f"budgets.{name}" for name in MOVES}
    tags = ["budget workflow"]

    @_described("Hand a draft in for approval")
    def submit(self, request: Request, budget_id: UUID) -> Response:
        return self._move(request, budget_id, "submit")

    @_described("Approve a budget in review")
    def approve(self, request: Request, budget_id: UUID) -> Response:
        """By someone else than who submitted it, unless the account has switched four eyes off."""
        return self._move(request, budget_id, "approve")

    @_described("Send a budget in review back to draft, with a reason")
    def reject(self, request: Request, budget_id: UUID) -> Response:
        return self._move(request, budget_id, "reject")

    @_described("Begin to spend from an approved budget")
    def activate(self, request: Request, budget_id: UUID) -> Response:
        return self._move(request, budget_id, "activate")

    @_described("Close a budget for good", answers.FinalizedAnswer)
    def finalize(self, request: Request, budget_id: UUID) -> Response:
        """Refused beyond a variance of 20 % unless an owner overrides with a reason; warned of beyond 10 %."""
        return self._move(request, budget_id, "finalize")

    @_described("Put a finalized budget away")
    def archive(self, request: Request, budget_id: UUID) -> Response:
        return self._move(request, budget_id, "archive")

    @_described("Open an approved plan again, with a reason")
    def revise(self, request: Request, budget_id: UUID) -> Response:
        return self._move(request, budget_id, "revise")

    def _move(self, request: Request, budget_id: UUID, action: str) -> Response:
        self.find(budget_id)
        values = self.read(MoveInput, may_be_empty=True)
        moved = move_budget(
            action=action,
            budget_id=budget_id,
            version=required_version(request, values),
            acting_user=self.user,
            acting_role=self.role,
            account=self.account,
            now=timezone.now(),
            reason=values.get("reason") or "",
            override=values["override"],
        )
        members: dict[str, Any] = {"warnings": moved.warnings} if action == "finalize" else {}
        return self.answer_budget(budget_id, **members)


class DecisionViewSet(BudgetViewSet):
    actions = {"list": "budgets.view"}
    tags = ["budget workflow"]
    filterset_class = None

    @extend_schema(
        summary="Read who submitted, approved, sent back and closed a budget, newest first",
        responses=answers.DecisionAnswer(many=True),
    )
    def list(self, request: Request, budget_id: UUID) -> Response:
        budget = self.find(budget_id)
        decisions = decisions_on(budget.pk, for_team=self.allows("budgets.view_internals"))
        # A later decision of the plan has a higher version; the time alone could tie.
        return self.page_of(decisions.order_by("-version", "-created_at", "-id"), answers.decision_answer)
