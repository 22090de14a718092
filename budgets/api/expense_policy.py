"""`/expense-policy`: what the account allows of expenses."""

import re
from decimal import Decimal
from typing import Any

from django.db.models import QuerySet
from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from budgets.models import ExpensePolicy
from budgets.services.expense_policy import change_expense_policy, expense_policy
from budgetsite.api.views import ContractViewSet
from budgetsite.money.amounts import amount_to_json
from budgetsite.money.api_fields import MoneyField

MOST_HOSTS = 50
_HOST = re.compile(r"(?:[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?\.)+[a-z0-9-]{2,63}", re.IGNORECASE)


class HostField(serializers.CharField):
    def __init__(self, **kwargs: Any) -> None:
        super().__init__(max_length=253, **kwargs)

    def to_internal_value(self, data: Any) -> str:
        host = str(super().to_internal_value(data)).lower().rstrip(".")
        if not _HOST.fullmatch(host):
            raise serializers.ValidationError(
                "Write a host's name alone, such as drive.example.org: no https://, no path.", code="invalid_host"
            )
        return host


class ExpensePolicyInput(serializers.Serializer):
    largest_amount = MoneyField(
        minimum=Decimal("0.001"), required=False, help_text="No expense may be larger, in its own currency."
    )
    receipt_hosts = serializers.ListField(
        child=HostField(), max_length=MOST_HOSTS, required=False, help_text="Receipts may be links to these hosts."
    )
    clients_add_expenses = serializers.BooleanField(
        required=False, help_text="Clients may note expenses of their own event; the team decides on them."
    )
    clients_add_payments = serializers.BooleanField(
        required=False, help_text="Clients may note what they have paid themselves for their own event."
    )


class ExpensePolicyAnswer(serializers.Serializer):
    largest_amount = MoneyField()
    currency = serializers.CharField(help_text="The account's, in whose decimals `largest_amount` is written.")
    receipt_hosts = serializers.ListField(child=serializers.CharField())
    clients_add_expenses = serializers.BooleanField()
    clients_add_payments = serializers.BooleanField()


class ExpensePolicyViewSet(ContractViewSet):
    """From which amount on an expense needs approval, the approval rules say (subject `expense`)."""

    model = ExpensePolicy
    tags = ["expense policy"]
    actions = {"retrieve": "expense_policy.view", "partial_update": "expense_policy.change"}
    amount_attr = "largest_amount"

    def visible(self) -> QuerySet[Any]:
        return ExpensePolicy.objects.all()

    @extend_schema(summary="Read what the account allows of expenses", responses=ExpensePolicyAnswer)
    def retrieve(self, request: Request) -> Response:
        return Response(self._describe(expense_policy()))

    @extend_schema(
        summary="Change what the account allows of expenses",
        request=ExpensePolicyInput(partial=True),
        responses=ExpensePolicyAnswer,
    )
    def partial_update(self, request: Request) -> Response:
        """For what is recorded from now on."""
        values = self.read(ExpensePolicyInput, partial=True, currency=self.account.currency)
        return Response(self._describe(change_expense_policy(acting_user=self.user, **values)))

    def _describe(self, policy: ExpensePolicy) -> dict[str, Any]:
        currency = self.account.currency
        return {
            "largest_amount": amount_to_json(policy.largest_amount, currency),
            "currency": currency,
            "receipt_hosts": policy.receipt_hosts,
            "clients_add_expenses": policy.clients_add_expenses,
            "clients_add_payments": policy.clients_add_payments,
        }
