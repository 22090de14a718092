"""`/event-budgets/{id}/line-items`, its `bulk` and `reorder`, and each line."""

from typing import Any
from uuid import UUID

from django.http import Http404
from django.utils import timezone
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework.request import Request
from rest_framework.response import Response

from budgets.api import answers
from budgets.api.event_budget import BudgetViewSet
from budgets.api.inputs import VersionInput
from budgets.api.line_inputs import LineItemChangesInput, LineItemsInput, NewLineItemInput, OrderInput
from budgets.models import BudgetLineItem, LineKind
from budgets.selectors.event_budgets import lines_in_order
from budgets.services.line_item import (
    add_line_item,
    add_line_items,
    delete_line_item,
    reorder_line_items,
    update_line_item,
)
from budgetsite.api.refusals import field_refusal
from budgetsite.api.versions import IF_MATCH, etag, required_version, sent_version

ALL_KINDS = "all"
LINE_KIND = OpenApiParameter(
    "kind", enum=[*LineKind.values, ALL_KINDS], default=LineKind.COST.value, description="Which lines are listed."
)


class LineItemViewSet(BudgetViewSet):
    actions = {
        "list": "budgets.view",
        "create": "budgets.change",
        "bulk": "budgets.change",
        "reorder": "budgets.change",
        "retrieve": "budgets.view",
        "partial_update": "budgets.change",
        "destroy": "budgets.change",
    }
    tags = ["line items"]
    filterset_class = None
    amount_attrs = {"create": "budgeted_amount", "bulk": "line_items", "partial_update": "budgeted_amount"}

    @extend_schema(
        summary="List a budget's lines in their order",
        description="Those of cost, which add up to the budget's `lines_total_amount`, unless `kind` says otherwise.",
        responses=answers.LineItemAnswer(many=True),
        parameters=[LINE_KIND],
    )
    def list(self, request: Request, budget_id: UUID) -> Response:
        self.find(budget_id)
        lines = lines_in_order(budget_id)
        wanted = request.query_params.get("kind", LineKind.COST.value)
        if wanted not in (*LineKind.values, ALL_KINDS):
            raise field_refusal("kind", "invalid_choice", f"Choose one of: {', '.join([*LineKind.values, ALL_KINDS])}.")
        if not self.allows("budgets.view_internals"):
            # A client reads the costs, whatever was asked for.
            return self.page_of(lines.filter(kind=LineKind.COST), _for_client)
        return self.page_of(lines if wanted == ALL_KINDS else lines.filter(kind=wanted), answers.line_answer)

    @extend_schema(
        summary="Add a line",
        request=NewLineItemInput,
        responses={201: answers.LineItemAnswer},
        parameters=[IF_MATCH],
    )
    def create(self, request: Request, budget_id: UUID) -> Response:
        values = self.read(NewLineItemInput, currency=self.find(budget_id).currency, budget_id=budget_id)
        version = sent_version(request, values)
        line = add_line_item(budget_id=budget_id, acting_user=self.user, version=version, **values)
        return self._line(line, status=201)

    @extend_schema(
        summary="Add several lines, all or none",
        request=LineItemsInput,
        responses={201: answers.LineItemsAnswer},
        parameters=[IF_MATCH],
    )
    def bulk(self, request: Request, budget_id: UUID) -> Response:
        values = self.read(LineItemsInput, currency=self.find(budget_id).currency, budget_id=budget_id)
        version = sent_version(request, values)
        lines = add_line_items(
            budget_id=budget_id, acting_user=self.user, version=version, line_items=values["line_items"]
        )
        return self._lines(budget_id, lines, status=201)

    @extend_schema(
        summary="Put the lines into an order",
        request=OrderInput,
        responses=answers.LineItemsAnswer,
        parameters=[IF_MATCH],
    )
    def reorder(self, request: Request, budget_id: UUID) -> Response:
        self.find(budget_id)
        values = self.read(OrderInput)
        version = sent_version(request, values)
        reorder_line_items(budget_id=budget_id, line_item_ids=values["order"], acting_user=self.user, version=version)
        return self._lines(budget_id, lines_in_order(budget_id), status=200)

    @extend_schema(summary="Read a line", responses=answers.LineItemAnswer)
    def retrieve(self, request: Request, budget_id: UUID, line_item_id: UUID) -> Response:
        self.find(budget_id)
        line = self._find_line(budget_id, line_item_id)
        if self.allows("budgets.view_internals"):
            return self._line(line)
        if line.is_income:
            raise Http404
        return Response(_for_client(line), headers=etag(line.version))

    @extend_schema(
        summary="Change a line",
        request=LineItemChangesInput(partial=True),
        responses=answers.LineItemAnswer,
        parameters=[IF_MATCH],
    )
    def partial_update(self, request: Request, budget_id: UUID, line_item_id: UUID) -> Response:
        """`actual_amount` posts the difference to the ledger and leaves the version alone.

        Whatever was read may be sent back. The amount of a line with a unit price follows from that and its quantity;
        the quantity of a line with a driver is the driver's.
        """
        currency = self.find(budget_id).currency
        values = self.read(LineItemChangesInput, partial=True, currency=currency, budget_id=budget_id)
        kind = values.pop("kind", None)
        if kind is not None and kind != self._find_line(budget_id, line_item_id).kind:
            raise field_refusal(
                "kind", "kind_fixed", "A line stays what it was made. Add another, and delete this one."
            )
        version = required_version(request, values)
        line = update_line_item(
            budget_id=budget_id, line_item_id=line_item_id, version=version, acting_user=self.user, **values
        )
        return self._line(line)

    @extend_schema(summary="Delete a line", request=None, responses={204: None}, parameters=[IF_MATCH])
    def destroy(self, request: Request, budget_id: UUID, line_item_id: UUID) -> Response:
        self.find(budget_id)
        version = sent_version(request, self.read(VersionInput, may_be_empty=True))
        delete_line_item(
            budget_id=budget_id,
            line_item_id=line_item_id,
            acting_user=self.user,
            now=timezone.now(),
            version=version,
        )
        return Response(status=204)

    def _find_line(self, budget_id: UUID, line_item_id: UUID) -> BudgetLineItem:
        line = lines_in_order(budget_id).filter(pk=line_item_id).first()
        if line is None:
            raise Http404
        return line

    def _line(self, line: BudgetLineItem, *, status: int = 200) -> Response:
        return Response(answers.line_answer(line), status=status, headers=etag(line.version))

    def _lines(self, budget_id: UUID, lines: Any, *, status: int) -> Response:
        version = self.find(budget_id).version
        answer = {"version": version, "line_items": [answers.line_answer(line) for line in lines]}
        return Response(answer, status=status, headers=etag(version))


def _for_client(line: BudgetLineItem) -> dict[str, Any]:
    """Describe a line of cost without the notes, which are the team's."""
    return answers.line_answer(line) | {"notes": ""}
