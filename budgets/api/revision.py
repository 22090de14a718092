"""`/event-budgets/{id}/revisions`: the plans of a budget, compared; and a budget `?as_of=` a moment."""

from typing import Any
from uuid import UUID

from django.utils import timezone
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework import serializers
from rest_framework.exceptions import NotFound
from rest_framework.request import Request
from rest_framework.response import Response

from budgets.api import answers
from budgets.api.event_budget import BudgetViewSet
from budgets.models import BudgetTransfer, EventBudget, LineKind
from budgets.selectors import plan_diff as comparing
from budgets.selectors.plan_diff import LineDifference, PlanDiff, plan_diff
from budgets.selectors.revisions import (
    REVISION_STATES,
    PlannedLine,
    RevisionEntry,
    lines_of_plan,
    revision_entry,
    revisions_of,
    transfers_between,
)
from budgets.services import revision_discard
from budgets.services.ledger import LineRemoved
from budgets.services.revision_discard import discard_revision
from budgetsite.accounts.models import User
from budgetsite.api.errors import conflict, field_error, not_found, translate_problems
from budgetsite.api.refusals import field_refusal
from budgetsite.api.versions import IF_MATCH, VersionField, required_version
from budgetsite.money.amounts import amount_to_json
from budgetsite.money.api_fields import MoneyField

_LONGEST_REASON = 2000


class DiscardInput(serializers.Serializer):
    version = VersionField()
    reason = serializers.CharField(max_length=_LONGEST_REASON, required=False, allow_blank=True, allow_null=True)


# --- What is answered -------------------------------------------------------------------------------------------------


class RevisionAnswer(serializers.Serializer):
    number = serializers.IntegerField()
    state = serializers.ChoiceField(
        choices=REVISION_STATES, help_text="`draft` or `review`: the one that is being worked on."
    )
    currency = serializers.CharField()
    total_budget_amount = MoneyField()
    total_follows_lines = serializers.BooleanField()
    projected_income_amount = MoneyField()
    lines_count = serializers.IntegerField()
    notes = serializers.CharField()
    reason = serializers.CharField(help_text="Why the plan before it was opened again; empty for the first.")
    version = serializers.IntegerField(allow_null=True, help_text="The budget's version that the approval led to.")
    submitted_by = serializers.UUIDField(allow_null=True)
    submitted_by_name = serializers.CharField(allow_null=True)
    submitted_at = serializers.DateTimeField(allow_null=True)
    approved_by = serializers.UUIDField(allow_null=True)
    approved_by_name = serializers.CharField(allow_null=True)
    approved_at = serializers.DateTimeField(allow_null=True)


def revision_answer(entry: RevisionEntry) -> dict[str, Any]:
    return {
        "number": entry.number,
        "state": entry.state,
        "currency": entry.currency,
        "total_budget_amount": amount_to_json(entry.total_budget_amount, entry.currency),
        "total_follows_lines": entry.total_follows_lines,
        "projected_income_amount": amount_to_json(entry.projected_income_amount, entry.currency),
        "lines_count": entry.lines_count,
        "notes": entry.notes,
        "reason": entry.reason,
        "version": entry.version,
        "submitted_by": _id(entry.submitted_by),
        "submitted_by_name": _name(entry.submitted_by),
        "submitted_at": entry.submitted_at,
        "approved_by": _id(entry.approved_by),
        "approved_by_name": _name(entry.approved_by),
        "approved_at": entry.approved_at,
    }


class PlannedLineAnswer(serializers.Serializer):
    line_item_id = serializers.UUIDField()
    kind = serializers.ChoiceField(choices=LineKind.choices)
    category = serializers.CharField()
    category_id = serializers.UUIDField()
    section = serializers.CharField()
    name = serializers.CharField()
    description = serializers.CharField()
    budgeted_amount = MoneyField(help_text="As it was approved.")
    transferred_amount = MoneyField(help_text="What transfers have moved here since, or from here (negative).")
    quantity = serializers.DecimalField(max_digits=15, decimal_places=3, allow_null=True)
    unit_price = MoneyField(allow_null=True)
    sort_order = serializers.IntegerField()
    notes = serializers.CharField()


def planned_line_answer(line: PlannedLine, currency: str) -> dict[str, Any]:
    return {
        "line_item_id": str(line.line_item_id),
        "kind": line.kind,
        "category": line.category,
        "category_id": str(line.category_id),
        "section": line.section,
        "name": line.name,
        "description": line.description,
        "budgeted_amount": amount_to_json(line.budgeted_amount, currency),
        "transferred_amount": amount_to_json(line.transferred, currency),
        "quantity": _shown("quantity", line.quantity, currency),
        "unit_price": _shown("unit_price", line.unit_price, currency),
        "sort_order": line.sort_order,
        "notes": line.notes,
    }


class PlanTransferAnswer(serializers.Serializer):
    id = serializers.UUIDField()
    revision = serializers.IntegerField(help_text="The revision of the plan that it changed.")
    from_line = serializers.UUIDField()
    from_line_name = serializers.CharField()
    to_line = serializers.UUIDField()
    to_line_name = serializers.CharField()
    amount = MoneyField()
    reason = serializers.CharField()
    version = serializers.IntegerField(help_text="The budget's version that it led to.")


def plan_transfer_answer(transfer: BudgetTransfer) -> dict[str, Any]:
    return {
        "id": str(transfer.pk),
        "revision": transfer.revision,
        "from_line": str(transfer.from_line_id),
        "from_line_name": transfer.from_line.name,
        "to_line": str(transfer.to_line_id),
        "to_line_name": transfer.to_line.name,
        "amount": amount_to_json(transfer.amount, transfer.currency),
        "reason": transfer.reason,
        "version": transfer.version,
    }


class RevisionDetailAnswer(RevisionAnswer):
    line_items = PlannedLineAnswer(many=True, help_text="The lines of cost, which make up the total.")
    income_lines = PlannedLineAnswer(many=True)
    transfers = PlanTransferAnswer(many=True, help_text="Done on this plan, the first one first.")


class FieldDifferenceAnswer(serializers.Serializer):
    field = serializers.ChoiceField(choices=comparing.COMPARED)
    before = serializers.CharField(allow_null=True)
    after = serializers.CharField(allow_null=True)


class LineDifferenceAnswer(serializers.Serializer):
    line_item_id = serializers.UUIDField()
    change = serializers.ChoiceField(choices=(comparing.ADDED, comparing.REMOVED, comparing.CHANGED))
    kind = serializers.ChoiceField(choices=LineKind.choices)
    name = serializers.CharField(help_text="In the later plan; in the earlier one for a line that was removed.")
    category = serializers.CharField()
    category_id = serializers.UUIDField()
    section = serializers.CharField()
    before_amount = MoneyField(help_text="What was in force before, transfers included; 0 for a line that was added.")
    after_amount = MoneyField(help_text="0 for a line that was removed.")
    difference_amount = MoneyField(help_text="After less before.")
    transferred_before_amount = MoneyField(help_text="The part of `before_amount` that transfers had moved here.")
    transferred_between_amount = MoneyField(
        help_text="The part of `difference_amount` that transfers of revisions in between made."
    )
    changes = FieldDifferenceAnswer(many=True, help_text="What else is different of a changed line.")


def line_difference_answer(line: LineDifference, currency: str) -> dict[str, Any]:
    return {
        "line_item_id": str(line.line_item_id),
        "change": line.what,
        "kind": line.kind,
        "name": line.name,
        "category": line.category,
        "category_id": str(line.category_id),
        "section": line.section,
        "before_amount": amount_to_json(line.before, currency),
        "after_amount": amount_to_json(line.after, currency),
        "difference_amount": amount_to_json(line.difference, currency),
        "transferred_before_amount": amount_to_json(line.transferred_before, currency),
        "transferred_between_amount": amount_to_json(line.transferred_between, currency),
        "changes": [
            {
                "field": field.name,
                "before": _shown(field.name, field.before, currency),
                "after": _shown(field.name, field.after, currency),
            }
            for field in line.fields
        ],
    }


class PlanDiffAnswer(serializers.Serializer):
    number = serializers.IntegerField()
    state = serializers.ChoiceField(choices=REVISION_STATES)
    against = serializers.IntegerField(allow_null=True, help_text="Null for the first plan: all of it is new.")
    currency = serializers.CharField()
    total_before_amount = MoneyField()
    total_after_amount = MoneyField()
    total_difference_amount = MoneyField()
    income_before_amount = MoneyField()
    income_after_amount = MoneyField()
    income_difference_amount = MoneyField()
    added_count = serializers.IntegerField()
    removed_count = serializers.IntegerField()
    changed_count = serializers.IntegerField()
    unchanged_count = serializers.IntegerField()
    lines = LineDifferenceAnswer(many=True, help_text="The lines that differ, category by category.")
    transfers = PlanTransferAnswer(
        many=True, help_text="Done between the two plans; those of the earlier one are part of what was in force."
    )


def plan_diff_answer(diff: PlanDiff) -> dict[str, Any]:
    currency = diff.after.currency
    return {
        "number": diff.after.number,
        "state": diff.after.state,
        "against": None if diff.before is None else diff.before.number,
        "currency": currency,
        "total_before_amount": amount_to_json(diff.total_before, currency),
        "total_after_amount": amount_to_json(diff.after.total_budget_amount, currency),
        "total_difference_amount": amount_to_json(diff.total_difference, currency),
        "income_before_amount": amount_to_json(diff.income_before, currency),
        "income_after_amount": amount_to_json(diff.after.projected_income_amount, currency),
        "income_difference_amount": amount_to_json(diff.income_difference, currency),
        "added_count": diff.count(comparing.ADDED),
        "removed_count": diff.count(comparing.REMOVED),
        "changed_count": diff.count(comparing.CHANGED),
        "unchanged_count": diff.unchanged_count,
        "lines": [line_difference_answer(line, currency) for line in diff.lines],
        "transfers": [plan_transfer_answer(transfer) for transfer in diff.transfers],
    }


def _shown(name: str, value: Any, currency: str) -> Any:
    if value is None:
        return None
    if name == "unit_price":
        return amount_to_json(value, currency)
    return format(value, ".3f") if name == "quantity" else value


def _id(user: User | None) -> str | None:
    return None if user is None else str(user.pk)


def _name(user: User | None) -> str | None:
    return None if user is None else str(user)


# --- The views --------------------------------------------------------------------------------------------------------


class RevisionViewSet(BudgetViewSet):
    actions = {
        "list": "budgets.view_internals",
        "retrieve": "budgets.view_internals",
        "diff": "budgets.view_internals",
        "destroy": "budgets.revise",
    }
    tags = ["revisions"]
    filterset_class = None

    @extend_schema(summary="List a budget's plans, newest first", responses=RevisionAnswer(many=True))
    def list(self, request: Request, budget_id: UUID) -> Response:
        """The plan that is being worked on comes first, then those that were approved."""
        entries = self.paginate_queryset(revisions_of(self.find(budget_id)))
        return self.get_paginated_response([revision_answer(entry) for entry in entries or []])

    @extend_schema(summary="Read one plan with its lines", responses=RevisionDetailAnswer)
    def retrieve(self, request: Request, budget_id: UUID, number: int) -> Response:
        budget = self.find(budget_id)
        entry = _entry_or_404(budget, number)
        lines = lines_of_plan(budget, entry)
        transfers = transfers_between(budget, first=number, last=number)
        return Response(
            {
                **revision_answer(entry),
                "line_items": [planned_line_answer(line, entry.currency) for line in lines if not line.is_income],
                "income_lines": [planned_line_answer(line, entry.currency) for line in lines if line.is_income],
                "transfers": [plan_transfer_answer(transfer) for transfer in transfers],
            }
        )

    @extend_schema(
        summary="Compare a plan with an earlier one, line by line",
        parameters=[
            OpenApiParameter(
                "against",
                {"type": "integer", "minimum": 1},
                description="The earlier revision, as it was in force in the end; by default the one before.",
            )
        ],
        responses=PlanDiffAnswer,
    )
    def diff(self, request: Request, budget_id: UUID, number: int) -> Response:
        against = _revision_number(request.query_params.get("against"))
        return Response(plan_diff_answer(plan_diff(self.find(budget_id), number, against)))

    @extend_schema(
        summary="Discard the revision that is being worked on",
        request=DiscardInput,
        responses={200: answers.BudgetDetailAnswer},
        parameters=[IF_MATCH],
    )
    def destroy(self, request: Request, budget_id: UUID, number: int) -> Response:
        """The plan in force is the budget's plan again; what was spent meanwhile stays."""
        _entry_or_404(self.find(budget_id), number)
        values = self.read(DiscardInput, may_be_empty=True)
        discard_revision(
            budget_id=budget_id,
            number=number,
            version=required_version(request, values),
            acting_user=self.user,
            acting_role=self.role,
            now=timezone.now(),
            reason=values.get("reason") or "",
        )
        return self.answer_budget(budget_id)


def _entry_or_404(budget: EventBudget, number: int) -> RevisionEntry:
    entry = revision_entry(budget, number)
    if entry is None:
        raise NotFound(str(comparing.NoSuchRevision(number)))
    return entry


def _revision_number(text: str | None) -> int | None:
    if text is None:
        return None
    if not (text.isascii() and text.isdigit() and 0 < len(text) < 9 and int(text)):
        raise field_refusal("against", "invalid", "Write the number of an earlier revision, such as 1.")
    return int(text)


translate_problems(
    {
        comparing.NoSuchRevision: not_found,
        comparing.NotAnEarlierRevision: field_error("against"),
        revision_discard.AddedLinesCarryMoney: conflict("line_item_ids"),
        LineRemoved: conflict(),
    }
)
