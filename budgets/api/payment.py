"""`/expenses/{id}/payments`: what is paid of an expense, and the instalments that are still to be."""

from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

import django_filters
from django.db.models import QuerySet
from django.http import Http404
from django.utils import timezone
from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from budgets.api.expense import ExpenseRowsViewSet
from budgets.api.expense_inputs import PaymentCancelInput, PaymentChangesInput, PaymentInput
from budgets.models import ExpensePayment, PaymentMethod
from budgets.services.payment import add_payment, cancel_payment, change_payment
from budgetsite.api.filters import TruthFilter
from budgetsite.api.keyset import KeysetPagination
from budgetsite.api.versions import sent_version
from budgetsite.money.amounts import amount_to_json
from budgetsite.money.api_fields import MoneyField

PAYMENT_STATES = ("planned", "overdue", "paid", "cancelled")


class PaymentAnswer(serializers.Serializer):
    id = serializers.UUIDField()
    expense_id = serializers.UUIDField()
    amount = MoneyField(help_text="In the expense's currency; negative where money comes back.")
    currency = serializers.CharField()
    status = serializers.ChoiceField(
        choices=PAYMENT_STATES, help_text="Overdue: planned for a day that has passed where the event is."
    )
    due_date = serializers.DateField(allow_null=True)
    paid_at = serializers.DateTimeField(allow_null=True)
    method = serializers.CharField(help_text=f"One of {', '.join(PaymentMethod.values)}, or empty.")
    reference = serializers.CharField(help_text="Shown to the team, and to the client who entered it.")
    recorded_by = serializers.UUIDField(allow_null=True)
    cancelled_at = serializers.DateTimeField(allow_null=True)
    cancel_reason = serializers.CharField()
    created_at = serializers.DateTimeField()
    updated_at = serializers.DateTimeField()


def _payments_of(expense_id: UUID) -> QuerySet[Any]:
    return ExpensePayment.objects.filter(expense_id=expense_id)


class PaymentFilter(django_filters.FilterSet):
    paid = TruthFilter(method="that_are_paid", label="Paid, or still to be paid.")
    cancelled = TruthFilter(method="that_are_cancelled", label="Only those that were taken back.")

    def that_are_paid(self, rows: QuerySet[Any], name: str, value: bool) -> QuerySet[Any]:
        return rows.filter(paid_at__isnull=not value)

    def that_are_cancelled(self, rows: QuerySet[Any], name: str, value: bool) -> QuerySet[Any]:
        return rows.filter(cancelled_at__isnull=not value)


class PaymentViewSet(ExpenseRowsViewSet):
    actions = {
        "list": "expenses.view",
        "create": "expenses.pay",
        "retrieve": "expenses.view",
        "partial_update": "expenses.pay",
        "destroy": "expenses.pay",
    }
    tags = ["payments"]
    pagination_class = KeysetPagination
    cursor_ordering = "-created_at"
    ordering_fields = {"created_at": "created_at", "due_date": "due_date", "paid_at": "paid_at", "amount": "amount"}
    filterset_class = PaymentFilter

    @extend_schema(summary="List an expense's payments, newest first", responses=PaymentAnswer(many=True))
    def list(self, request: Request, expense_id: UUID) -> Response:
        """With those that were taken back, which are `cancelled` and no longer count."""
        expense = self.find(expense_id)
        return self.page_of(_payments_of(expense_id), lambda payment: self._describe(payment, expense))

    @extend_schema(
        summary="Note what was paid, or plan an instalment", request=PaymentInput, responses={201: PaymentAnswer}
    )
    def create(self, request: Request, expense_id: UUID) -> Response:
        """Paid at `paid_at`; with `due_date` alone to be paid until then; with neither, paid now.

        What is beyond the bills is refused: 409 `payment_exceeds_invoiced` with the `open_amount`.
        """
        expense = self.find(expense_id)
        values = self._read(PaymentInput, expense)
        payment = add_payment(expense_id=expense_id, version=sent_version(request, values), **self.acting, **values)
        return self._answer(payment.pk, expense, status=201)

    @extend_schema(summary="Read a payment", responses=PaymentAnswer)
    def retrieve(self, request: Request, expense_id: UUID, payment_id: UUID) -> Response:
        return self._answer(payment_id, self.find(expense_id))

    @extend_schema(
        summary="Correct a payment, or note that an instalment was paid",
        request=PaymentChangesInput,
        responses=PaymentAnswer,
    )
    def partial_update(self, request: Request, expense_id: UUID, payment_id: UUID) -> Response:
        expense = self.find(expense_id)
        values = self._read(PaymentChangesInput, expense)
        version = sent_version(request, values)
        change_payment(expense_id=expense_id, payment_id=payment_id, version=version, **self.acting, **values)
        return self._answer(payment_id, expense)

    @extend_schema(summary="Take a payment back", request=None, responses={204: None})
    def destroy(self, request: Request, expense_id: UUID, payment_id: UUID) -> Response:
        """It stays to be read, as cancelled."""
        self.find(expense_id)
        values = self.read(PaymentCancelInput, may_be_empty=True)
        cancel_payment(expense_id=expense_id, payment_id=payment_id, **self.acting, **values)
        return Response(status=204)

    def _read(self, serializer: type[serializers.Serializer], expense: dict[str, Any]) -> dict[str, Any]:
        return self.read(serializer, currency=expense["currency"], timezone=expense["event_timezone"])

    def _answer(self, payment_id: UUID, expense: dict[str, Any], *, status: int = 200) -> Response:
        payment = _payments_of(expense["id"]).filter(pk=payment_id).first()
        if payment is None:
            raise Http404
        return Response(self._describe(payment, expense), status=status)

    def _state(self, payment: ExpensePayment, zone: str) -> str:
        if payment.cancelled_at is not None:
            return "cancelled"
        if payment.paid_at is not None:
            return "paid"
        late = payment.due_date is not None and payment.due_date < timezone.now().astimezone(ZoneInfo(zone)).date()
        return "overdue" if late else "planned"

    def _describe(self, payment: ExpensePayment, expense: dict[str, Any]) -> dict[str, Any]:
        own = payment.recorded_by_id == self.user.pk
        shown = own or self.allows("expenses.view_internals")
        return {
            "id": str(payment.pk),
            "expense_id": str(payment.expense_id),
            "amount": amount_to_json(payment.amount, expense["currency"]),
            "currency": expense["currency"],
            "status": self._state(payment, expense["event_timezone"]),
            "due_date": payment.due_date,
            "paid_at": payment.paid_at,
            "method": payment.method,
            "reference": payment.reference if shown else "",
            "recorded_by": payment.recorded_by_id if shown else None,
            "cancelled_at": payment.cancelled_at,
            "cancel_reason": payment.cancel_reason if shown else "",
            "created_at": payment.created_at,
            "updated_at": payment.updated_at,
        }
