"""`/budgets`, `/budgets/{id}`: the money of organizations, teams, people and projects."""

from uuid import UUID

from django.http import Http404
from django.utils import timezone
from drf_spectacular.utils import extend_schema
from rest_framework.request import Request
from rest_framework.response import Response

from budgets.api.scoped_answers import ChangedScopedBudgetAnswer, ScopedBudgetAnswer, scoped_budget_answer
from budgets.api.scoped_filters import ScopedBudgetFilter
from budgets.api.scoped_inputs import ScopedBudgetInput, ScopedBudgetUpdateInput, VersionInput
from budgets.api.scoped_views import ScopedViewSet
from budgets.services.scoped_budget import (
    Changed,
    create_scoped_budget,
    delete_scoped_budget,
    restore_scoped_budget,
    update_scoped_budget,
)
from budgetsite.api.versions import IF_MATCH, etag, sent_version
from budgetsite.tenancy.scope import deleted_rows_visible


class ScopedBudgetViewSet(ScopedViewSet):
    actions = {
        "list": "scoped_budgets.view",
        "create": "scoped_budgets.change",
        "retrieve": "scoped_budgets.view",
        "update": "scoped_budgets.change",
        "partial_update": "scoped_budgets.change",
        "destroy": "scoped_budgets.change",
        "restore": "budgets.restore",
    }
    filterset_class = ScopedBudgetFilter
    search_fields = ["name", "description", "scope_id"]
    ordering_fields = {
        "name": "name",
        "amount": "amount",
        "scope_type": "scope_type",
        "scope_id": "scope_id",
        "start_date": "start_date",
        "end_date": "end_date",
        "depth": "depth",
        "created_at": "created_at",
        "updated_at": "updated_at",
    }

    @extend_schema(summary="List scoped budgets, by name", responses=ScopedBudgetAnswer(many=True))
    def list(self, request: Request) -> Response:
        now = timezone.now()
        return self.page_of(self.get_queryset(), lambda budget: scoped_budget_answer(budget, now))

    @extend_schema(
        summary="Make a scoped budget", request=ScopedBudgetInput, responses={201: ChangedScopedBudgetAnswer}
    )
    def create(self, request: Request) -> Response:
        """More than its parent has is allowed, with a warning. Scope, parent and currency stay for good."""
        values = self.read(ScopedBudgetInput)
        parent_id = values.pop("parent_budget_id", None)
        made = create_scoped_budget(account=self.account, acting_user=self.user, parent_id=parent_id, **values)
        return self._changed(made, status=201)

    @extend_schema(summary="Read a scoped budget", responses=ScopedBudgetAnswer)
    def retrieve(self, request: Request, scoped_budget_id: UUID) -> Response:
        budget = self.find(scoped_budget_id)
        return Response(scoped_budget_answer(budget, timezone.now()), headers=etag(budget.version))

    @extend_schema(
        summary="Change a scoped budget",
        request=ScopedBudgetUpdateInput(partial=True),
        responses=ChangedScopedBudgetAnswer,
        parameters=[IF_MATCH],
    )
    def update(self, request: Request, scoped_budget_id: UUID) -> Response:
        """What is not sent stays. Scope, parent and currency may be sent as they are."""
        return self._change(scoped_budget_id)

    @extend_schema(
        summary="Change parts of a scoped budget",
        request=ScopedBudgetUpdateInput(partial=True),
        responses=ChangedScopedBudgetAnswer,
        parameters=[IF_MATCH],
    )
    def partial_update(self, request: Request, scoped_budget_id: UUID) -> Response:
        """Where windows begin or end otherwise, all that was spent is counted anew in the new ones."""
        return self._change(scoped_budget_id)

    @extend_schema(summary="Delete a scoped budget", request=None, responses={204: None}, parameters=[IF_MATCH])
    def destroy(self, request: Request, scoped_budget_id: UUID) -> Response:
        """What was spent from it goes on counting above. Refused while other budgets stand under it."""
        self.find(scoped_budget_id)
        version = sent_version(request, self.read(VersionInput, may_be_empty=True))
        delete_scoped_budget(budget_id=scoped_budget_id, acting_user=self.user, now=timezone.now(), version=version)
        return Response(status=204)

    @extend_schema(summary="Bring back a deleted scoped budget", request=None, responses=ScopedBudgetAnswer)
    def restore(self, request: Request, scoped_budget_id: UUID) -> Response:
        """Under the parent that it had, which has to be there. A budget that is not deleted stays as it is."""
        with deleted_rows_visible():
            budget = self.find(scoped_budget_id)
        if budget.is_deleted:
            restore_scoped_budget(budget=budget, acting_user=self.user)
        return self.retrieve(request, scoped_budget_id)

    def _change(self, budget_id: UUID) -> Response:
        budget = self.get_queryset().filter(pk=budget_id).values("currency").first()
        if budget is None:
            raise Http404
        values = self.read(ScopedBudgetUpdateInput, partial=True, currency=budget["currency"])
        version = sent_version(self.request, values)
        return self._changed(
            update_scoped_budget(budget_id=budget_id, version=version, acting_user=self.user, **values)
        )

    def _changed(self, changed: Changed, *, status: int = 200) -> Response:
        budget = self.find(changed.budget.pk)
        answer = scoped_budget_answer(budget, timezone.now())
        return Response({**answer, "warnings": changed.warnings}, status=status, headers=etag(budget.version))
