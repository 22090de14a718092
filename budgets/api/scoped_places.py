"""`/budgets/scope/{type}/{id}` and `/budgets/hierarchy/{type}/{id}`: the budgets of a scope, and what is below them."""

from typing import Any

from django.utils import timezone
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from budgets.api.scoped_answers import (
    ScopedBudgetAnswer,
    StandingAnswer,
    scoped_budget_answer,
    standing_answer,
)
from budgets.api.scoped_filters import ScopeFilter
from budgets.api.scoped_inputs import LONGEST_SCOPE_ID, UsageAmountField
from budgets.api.scoped_views import ScopedViewSet
from budgets.models import ScopeType
from budgets.selectors.scoped_budgets import Node, not_over, trees_of
from budgetsite.api.refusals import field_refusal
from budgetsite.money.api_fields import MoneyField, PercentageField
from budgetsite.tenancy.scope import deleted_rows_visible

_SCOPE = [
    OpenApiParameter("scope_type", enum=ScopeType.values, location=OpenApiParameter.PATH),
    OpenApiParameter("scope_id", str, OpenApiParameter.PATH, description="As it was written, percent-encoded."),
]


def _include_inactive(description: str) -> OpenApiParameter:
    return OpenApiParameter("include_inactive", bool, description=description)


class NodeAnswer(StandingAnswer):
    """A standing by its other names, too: those of the words that every screen uses."""

    id = serializers.UUIDField()
    level = serializers.IntegerField(help_text="0 for the top of this tree.")
    budgeted = MoneyField()
    committed = UsageAmountField()
    actual = UsageAmountField()
    percent = PercentageField()
    projected = MoneyField()
    children = serializers.ListField(child=serializers.DictField(), help_text="Nodes like this one, by name.")


class HierarchyAnswer(serializers.Serializer):
    scope_type = serializers.ChoiceField(choices=ScopeType.choices)
    scope_id = serializers.CharField()
    count = serializers.IntegerField(help_text="How many budgets there are in all.")
    results = NodeAnswer(many=True, help_text="The scope's budgets that stand under no other of its own.")


class ScopeViewSet(ScopedViewSet):
    actions = {"list": "scoped_budgets.view", "hierarchy": "scoped_budgets.view"}
    filterset_class = ScopeFilter
    search_fields = ["name", "description"]
    ordering_fields = {"name": "name", "amount": "amount", "start_date": "start_date", "created_at": "created_at"}

    @extend_schema(
        summary="List the budgets of a scope, by name",
        parameters=[*_SCOPE, _include_inactive("Those too that are over; for people, those that were deleted.")],
        responses=ScopedBudgetAnswer(many=True),
    )
    def list(self, request: Request, scope_type: str, scope_id: str) -> Response:
        now = timezone.now()
        if not self._wants_inactive(request):
            budgets = not_over(self._of_scope(scope_type, scope_id), now=now)
            return self.page_of(budgets, lambda budget: scoped_budget_answer(budget, now))
        if self.api_key is not None:
            budgets = self._of_scope(scope_type, scope_id)
            return self.page_of(budgets, lambda budget: scoped_budget_answer(budget, now))
        with deleted_rows_visible():
            budgets = self._of_scope(scope_type, scope_id)
            return self.page_of(budgets, lambda budget: scoped_budget_answer(budget, now))

    @extend_schema(
        summary="Read the tree of a scope's budgets",
        parameters=[*_SCOPE, _include_inactive("Those too that are over.")],
        responses=HierarchyAnswer,
        filters=True,
    )
    def hierarchy(self, request: Request, scope_type: str, scope_id: str) -> Response:
        """Each node with the figures of its present window, of itself and all below it."""
        now = timezone.now()
        roots, kept = self.filter_queryset(self._of_scope(scope_type, scope_id)), self.get_queryset()
        if not self._wants_inactive(request):
            roots, kept = not_over(roots, now=now), not_over(kept, now=now)
        trees = trees_of(list(roots), kept=kept, now=now)
        return Response(
            {
                "scope_type": scope_type,
                "scope_id": scope_id,
                "count": trees.size,
                "results": [node_answer(node) for node in trees.roots],
            }
        )

    def _of_scope(self, scope_type: str, scope_id: str) -> Any:
        """Return the scope's budgets. A slash at the end of the address is not taken for one of the id, if that
        is no scope's."""
        if scope_type not in ScopeType.values:
            valid = ", ".join(ScopeType.values)
            raise field_refusal("scope_type", "invalid_choice", f"“{scope_type}” is no scope. There are: {valid}.")
        if len(scope_id) > LONGEST_SCOPE_ID + 1:
            raise field_refusal("scope_id", "max_length", f"A scope's id has up to {LONGEST_SCOPE_ID} characters.")
        if "\0" in scope_id:
            raise field_refusal("scope_id", "invalid", "No scope's id has such a character.")
        budgets: Any = self.get_queryset()
        found = budgets.of_scope(scope_type, scope_id)
        if scope_id.endswith("/") and not found.exists():
            return budgets.of_scope(scope_type, scope_id.removesuffix("/"))
        return found

    def _wants_inactive(self, request: Request) -> bool:
        return truth(request, "include_inactive")


def truth(request: Request, name: str) -> bool:
    """Return a parameter that is true or false; left out, false."""
    said = request.query_params.get(name, "").strip().lower()
    if said in ("true", "1"):
        return True
    if said in ("", "false", "0"):
        return False
    raise field_refusal(name, "invalid", "Write true or false.")


def node_answer(node: Node) -> dict[str, Any]:
    answer = standing_answer(node.standing)
    return {
        "id": answer["budget_id"],
        "level": node.level,
        **answer,
        "budgeted": answer["limit"],
        "committed": answer["committed_amount"],
        "actual": answer["current_amount"],
        "percent": answer["percent_used"],
        "projected": answer["projected_total"],
        "children": [node_answer(child) for child in node.children],
    }
