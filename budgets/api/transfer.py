"""`/event-budgets/{id}/transfers`: money moved between two lines of an approved plan."""

from typing import Any
from uuid import UUID

import django_filters
from django.http import Http404
from django.utils import timezone
from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.exceptions import APIException
from rest_framework.request import Request
from rest_framework.response import Response

from budgets.api.event_budget import BudgetViewSet
from budgets.models import BudgetTransfer, EventBudget, TransferStatus
from budgets.models.approval import APPROVING_ROLE_CHOICES
from budgets.selectors.transfers import transfer_of, transfers_of
from budgets.services import transfer_problems as problems
from budgets.services.transfer import decide_transfer, reverse_transfer, transfer_between_lines
from budgetsite.api.errors import conflict, field_error, forbidden, not_found, translate_problems
from budgetsite.api.refusals import Conflict, field_refusal
from budgetsite.api.versions import IF_MATCH, VersionField, etag, sent_version
from budgetsite.money.amounts import amount_to_json
from budgetsite.money.api_fields import MoneyField
from budgetsite.tenancy.scope import deleted_rows_visible

_LONGEST_REASON = 2000


class TransferInput(serializers.Serializer):
    from_line = serializers.UUIDField(help_text="The line that gives; what it has available is the most.")
    to_line = serializers.UUIDField(help_text="The line that receives; of the same budget, a line of cost as well.")
    amount = MoneyField(help_text="Above 0, in the budget's currency.")
    reason = serializers.CharField(max_length=_LONGEST_REASON, allow_blank=True)
    version = VersionField()

    def validate_amount(self, amount: Any) -> Any:
        if amount <= 0:
            raise serializers.ValidationError("Say how much is moved: an amount above 0.", code="not_positive")
        return amount


class DecisionInput(serializers.Serializer):
    reason = serializers.CharField(
        max_length=_LONGEST_REASON,
        required=False,
        allow_blank=True,
        allow_null=True,
        help_text="Needed to reject what somebody else asked for.",
    )


class ReversalInput(serializers.Serializer):
    reason = serializers.CharField(max_length=_LONGEST_REASON, required=False, allow_blank=True, allow_null=True)
    version = VersionField()


class TransferAnswer(serializers.Serializer):
    id = serializers.UUIDField()
    status = serializers.ChoiceField(
        choices=TransferStatus.choices,
        help_text="`pending` holds no money; `lapsed`: the budget was revised or closed while it waited.",
    )
    amount = MoneyField()
    currency = serializers.CharField()
    from_line = serializers.UUIDField()
    from_line_name = serializers.CharField()
    to_line = serializers.UUIDField()
    to_line_name = serializers.CharField()
    reason = serializers.CharField()
    needs_role = serializers.ChoiceField(
        choices=APPROVING_ROLE_CHOICES, allow_null=True, help_text="Who decides, or someone above them."
    )
    requested_by = serializers.UUIDField(allow_null=True)
    requested_by_name = serializers.CharField(allow_null=True)
    requested_at = serializers.DateTimeField()
    decided_by = serializers.UUIDField(allow_null=True, help_text="Null for what needed no approval.")
    decided_by_name = serializers.CharField(allow_null=True)
    decided_at = serializers.DateTimeField(allow_null=True)
    decision_reason = serializers.CharField()
    revision = serializers.IntegerField(help_text="The revision of the plan that it changes.")
    version = serializers.IntegerField(allow_null=True, help_text="The budget's version that it led to, once done.")
    reverses = serializers.UUIDField(allow_null=True, help_text="The transfer that this one takes back.")
    reversed_by = serializers.UUIDField(allow_null=True, help_text="The one that takes it back, waiting or done.")
    budget_version = serializers.IntegerField(help_text="The budget's version now.")


def transfer_answer(transfer: BudgetTransfer, budget_version: int) -> dict[str, Any]:
    """Describe a transfer of `transfers_of`."""
    return {
        "id": str(transfer.pk),
        "status": transfer.status,
        "amount": amount_to_json(transfer.amount, transfer.currency),
        "currency": transfer.currency,
        "from_line": str(transfer.from_line_id),
        "from_line_name": transfer.from_line.name,
        "to_line": str(transfer.to_line_id),
        "to_line_name": transfer.to_line.name,
        "reason": transfer.reason,
        "needs_role": transfer.needs_role or None,
        "requested_by": transfer.requested_by_id,
        "requested_by_name": str(transfer.requested_by) if transfer.requested_by else None,
        "requested_at": transfer.created_at,
        "decided_by": transfer.decided_by_id,
        "decided_by_name": str(transfer.decided_by) if transfer.decided_by else None,
        "decided_at": transfer.decided_at,
        "decision_reason": transfer.decision_reason,
        "revision": transfer.revision,
        "version": transfer.version,
        "reverses": transfer.reverses_id,
        "reversed_by": transfer.reversal_id,  # type: ignore[attr-defined]
        "budget_version": budget_version,
    }


class TransferFilter(django_filters.FilterSet):
    status = django_filters.ChoiceFilter(choices=TransferStatus.choices, label="What has become of it.")


class TransferViewSet(BudgetViewSet):
    # Whoever asked may take a waiting one back by rejecting it; the service knows who else may.
    actions = {
        "list": "ledger.view",
        "create": "budgets.transfer",
        "retrieve": "ledger.view",
        "approve": "budgets.decide_transfer",
        "reject": "budgets.transfer",
        "reverse": "budgets.transfer",
    }
    tags = ["transfers"]
    filterset_class = TransferFilter
    search_fields: list[str] = []

    @extend_schema(summary="List a budget's transfers, newest first", responses=TransferAnswer(many=True))
    def list(self, request: Request, budget_id: UUID) -> Response:
        budget = self.find(budget_id)
        # A line may have been deleted since, in a revision.
        with deleted_rows_visible():
            return self.page_of(transfers_of(budget.pk), lambda row: transfer_answer(row, budget.version))

    @extend_schema(
        summary="Move money between two lines",
        request=TransferInput,
        responses={201: TransferAnswer},
        parameters=[IF_MATCH],
    )
    def create(self, request: Request, budget_id: UUID) -> Response:
        """While the plan is approved or active. Above the account's limits it waits, `pending`, for an approval."""
        values = self.read(TransferInput, currency=self.find(budget_id).currency)
        transfer = transfer_between_lines(
            budget_id=budget_id,
            from_line_id=values["from_line"],
            to_line_id=values["to_line"],
            amount=values["amount"],
            reason=values["reason"],
            acting_user=self.user,
            acting_role=self.role,
            account=self.account,
            now=timezone.now(),
            version=sent_version(request, values),
        )
        return self._answer(self.find(budget_id), transfer.pk, status=201)

    @extend_schema(summary="Read a transfer", responses=TransferAnswer)
    def retrieve(self, request: Request, budget_id: UUID, transfer_id: UUID) -> Response:
        return self._answer(self.find(budget_id), transfer_id)

    @extend_schema(summary="Approve a transfer that waits", request=DecisionInput, responses=TransferAnswer)
    def approve(self, request: Request, budget_id: UUID, transfer_id: UUID) -> Response:
        """By someone with the role that it needs, other than who asked. What is available is looked at again."""
        return self._decide(budget_id, transfer_id, approve=True)

    @extend_schema(
        summary="Reject a transfer that waits, with a reason", request=DecisionInput, responses=TransferAnswer
    )
    def reject(self, request: Request, budget_id: UUID, transfer_id: UUID) -> Response:
        """By someone with the role that it needs; whoever asked may withdraw it, without a reason."""
        return self._decide(budget_id, transfer_id, approve=False)

    @extend_schema(
        summary="Take a transfer back, once",
        request=ReversalInput,
        responses={201: TransferAnswer},
        parameters=[IF_MATCH],
    )
    def reverse(self, request: Request, budget_id: UUID, transfer_id: UUID) -> Response:
        """By a second transfer the other way, under the same rules; the answer is that one."""
        self.find(budget_id)
        values = self.read(ReversalInput, may_be_empty=True)
        reversal = reverse_transfer(
            budget_id=budget_id,
            transfer_id=transfer_id,
            reason=values.get("reason") or "",
            acting_user=self.user,
            acting_role=self.role,
            account=self.account,
            now=timezone.now(),
            version=sent_version(request, values),
        )
        return self._answer(self.find(budget_id), reversal.pk, status=201)

    def _decide(self, budget_id: UUID, transfer_id: UUID, *, approve: bool) -> Response:
        self.find(budget_id)
        values = self.read(DecisionInput, may_be_empty=True)
        decide_transfer(
            budget_id=budget_id,
            transfer_id=transfer_id,
            approve=approve,
            acting_user=self.user,
            acting_role=self.role,
            account=self.account,
            now=timezone.now(),
            reason=values.get("reason") or "",
        )
        return self._answer(self.find(budget_id), transfer_id)

    def _answer(self, budget: EventBudget, transfer_id: UUID, *, status: int = 200) -> Response:
        transfer = transfer_of(budget.pk, transfer_id)
        if transfer is None:
            raise Http404
        return Response(transfer_answer(transfer, budget.version), status=status, headers=etag(budget.version))


def _exceeds_available(error: problems.TransferExceedsAvailable, view: Any) -> APIException:
    """Only a new transfer names its amount itself."""
    if getattr(view, "action", None) == "create":
        return field_refusal("amount", error.code, str(error))
    return Conflict(error.code, str(error))


def _income_line(error: problems.IncomeLine, view: Any) -> APIException:
    return field_refusal(error.end, error.code, str(error))


translate_problems(
    {
        problems.TransferNotFound: not_found,
        problems.TransferNotAllowed: forbidden,
        problems.SameLine: field_error("to_line"),
        problems.IncomeLine: _income_line,
        problems.TransferExceedsAvailable: _exceeds_available,
        problems.TransferDecided: conflict("status"),
        problems.AlreadyReversed: conflict("reversed_by"),
    }
)
