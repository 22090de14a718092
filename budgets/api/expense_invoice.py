"""`/expenses/{id}/invoices`: the bills and credit notes that came for an expense."""

from typing import Any
from uuid import UUID

from django.db.models import QuerySet
from drf_spectacular.utils import extend_schema
from rest_framework.request import Request
from rest_framework.response import Response

from budgets.api.answers.expense import InvoiceAnswer, invoice_answer
from budgets.api.expense import ExpenseRowsViewSet
from budgets.models import ExpenseInvoice


class ExpenseInvoiceViewSet(ExpenseRowsViewSet):
    actions = {"list": "expenses.view"}

    @extend_schema(summary="List an expense's bills in their order", responses=InvoiceAnswer(many=True))
    def list(self, request: Request, expense_id: UUID) -> Response:
        """With those that were cancelled. A bill is entered by POST …/invoice, and taken back by …/cancel."""
        expense = self.find(expense_id)
        bills: QuerySet[Any] = ExpenseInvoice.objects.filter(expense_id=expense_id).order_by("created_at", "id")
        return self.page_of(
            bills,
            lambda bill: invoice_answer(bill, currency=expense["currency"], budget_currency=expense["budget_currency"]),
        )
