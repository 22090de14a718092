"""`/expenses`: what is bought for events, from the plan to the promise to the bill."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any
from uuid import UUID

from django.db.models import QuerySet
from django.http import Http404
from django.utils import timezone
from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from budgets.api.answers.expense import ExpenseAnswer, ExpenseReader
from budgets.api.expense_filters import ExpenseFilter
from budgets.api.expense_inputs import (
    BulkExpensesInput,
    CancelInput,
    CurrencyAloneInput,
    ExpenseChangesInput,
    ExpenseInput,
    ExpenseTargetInput,
    InvoiceInput,
    OverridingStepInput,
    StepInput,
)
from budgets.models import Expense
from budgets.selectors.expense_rows import expense_rows, row_of
from budgets.services.expense import delete_expense, record_expense
from budgets.services.expense_bulk import change_expenses
from budgets.services.expense_change import change_expense
from budgets.services.expense_stages import (
    approve_expense,
    cancel_expense,
    commit_expense,
    invoice_expense,
    reject_expense,
)
from budgets.services.problems import LineNotFound, WrongKindOfLine
from budgetsite.api.keyset import KeysetPagination
from budgetsite.api.refusals import field_refusal
from budgetsite.api.versions import IF_MATCH, etag, required_version, sent_version
from budgetsite.api.views import ContractViewSet
from events.models import Event

# What may be null in a request, and is left as it is then.
_KEPT_WHEN_NULL = ("line_item_id", "category", "currency", "exchange_rate", "expense_date")


class BulkOutcomeAnswer(serializers.Serializer):
    id = serializers.UUIDField()
    ok = serializers.BooleanField()
    error = serializers.CharField(allow_null=True, help_text="Why this one was left as it is.")
    code = serializers.CharField(allow_null=True)


class BulkExpensesAnswer(serializers.Serializer):
    results = BulkOutcomeAnswer(many=True)


class ExpenseRowsViewSet(ContractViewSet):
    """What all views of expenses have in common: the expenses that the asking person may see, as rows."""

    model = Expense
    tags = ["expenses"]
    amount_attr = "amount"

    def visible(self) -> QuerySet[Any]:
        return expense_rows(user_id=self.user.pk, role=self.role, with_notes=self.allows("expenses.view_internals"))

    def reader(self) -> ExpenseReader:
        return ExpenseReader.at(timezone.now(), user_id=self.user.pk, role=self.role)

    def answer_expense(self, expense_id: UUID, *, status: int = 200, **members: Any) -> Response:
        """Answer the expense as it is now, with its version."""
        row = self.find(expense_id)
        return Response({**self.reader().describe(row), **members}, status=status, headers=etag(row["version"]))

    @property
    def acting(self) -> dict[str, Any]:
        return {"acting_user": self.user, "acting_role": self.role, "now": timezone.now()}


class ExpenseViewSet(ExpenseRowsViewSet):
    # A client changes and withdraws what they recorded themselves until it is agreed to; the services see to it.
    actions = {
        "list": "expenses.view",
        "create": "expenses.record",
        "bulk": "expenses.change",
        "retrieve": "expenses.view",
        "update": "expenses.record",
        "partial_update": "expenses.record",
        "destroy": "expenses.record",
        "approve": "expenses.approve",
        "reject": "expenses.record",
        "commit": "expenses.change",
        "invoice": "expenses.change",
        "cancel": "expenses.change",
    }
    pagination_class = KeysetPagination
    cursor_ordering = "-created_at"
    ordering_fields = {
        "created_at": "created_at",
        "amount": "amount",
        "due_date": "due_date",
        "next_due_date": "next_due_date",
        "expense_date": "expense_date",
    }
    search_fields = ["description", "vendor__name", "invoice_number", "line_item__name", "event__name"]
    filterset_class = ExpenseFilter

    @extend_schema(summary="List expenses, newest first", responses=ExpenseAnswer(many=True))
    def list(self, request: Request) -> Response:
        found = Expense.objects.visible_to(user_id=self.user.pk, role=self.role)
        return self.page_of(found, self.reader().describe)

    def rows_of_page(self, keys: QuerySet[Any]) -> QuerySet[Any]:
        return self.visible().filter(pk__in=keys)

    @extend_schema(summary="Record an expense", request=ExpenseInput, responses={201: ExpenseAnswer})
    def create(self, request: Request) -> Response:
        """As far as `stage` says: `planned` moves no money, `committed` promises it, `invoiced` enters its bill.

        Above the account's limits, and whenever a client records it, it waits for approval (`approval: pending`) and
        goes that far once it is approved. A vendor whose name is new is made; a category without a line gets one.
        """
        target = self.read(ExpenseTargetInput)
        event = Event.objects.visible_to(user_id=self.user.pk, role=self.role).filter(pk=target["event_id"]).first()
        if event is None:
            raise Http404
        values = self.read(ExpenseInput, currency=target.get("currency") or event.currency)
        del values["event_id"]
        with refusing_lines():
            expense = record_expense(event=event, account=self.account, **self.acting, **_without_nulls(values))
        row = row_of(expense, with_notes=self.allows("expenses.view_internals"))
        return Response(self.reader().describe(row), status=201, headers=etag(expense.version))

    @extend_schema(
        summary="Set category, line, vendor or due date of many; each by itself",
        request=BulkExpensesInput,
        responses=BulkExpensesAnswer,
    )
    def bulk(self, request: Request) -> Response:
        """One that is refused stays as it was and stops no other."""
        values = self.read(BulkExpensesInput)
        outcomes = change_expenses(expense_ids=values.pop("ids"), account=self.account, **self.acting, **values)
        return Response(
            {
                "results": [
                    {"id": str(outcome.expense_id), "ok": outcome.ok, "error": outcome.error, "code": outcome.code}
                    for outcome in outcomes
                ]
            }
        )

    @extend_schema(summary="Read an expense", responses=ExpenseAnswer)
    def retrieve(self, request: Request, expense_id: UUID) -> Response:
        return self.answer_expense(expense_id)

    @extend_schema(
        summary="Change an expense", request=ExpenseChangesInput, responses=ExpenseAnswer, parameters=[IF_MATCH]
    )
    def update(self, request: Request, expense_id: UUID) -> Response:
        """What is left out stays as it is."""
        return self._change(expense_id, partial=False)

    @extend_schema(
        summary="Change parts of an expense",
        request=ExpenseChangesInput(partial=True),
        responses=ExpenseAnswer,
        parameters=[IF_MATCH],
    )
    def partial_update(self, request: Request, expense_id: UUID) -> Response:
        """What has moved money already is corrected by further entries of the ledger."""
        return self._change(expense_id, partial=True)

    @extend_schema(
        summary="Delete an expense; its money goes back", request=None, responses={204: None}, parameters=[IF_MATCH]
    )
    def destroy(self, request: Request, expense_id: UUID) -> Response:
        self.find(expense_id)
        version = sent_version(request, self.read(StepInput, may_be_empty=True))
        delete_expense(expense_id=expense_id, version=version, **self.acting)
        return Response(status=204)

    @extend_schema(
        summary="Approve an expense that waits",
        request=OverridingStepInput,
        responses=ExpenseAnswer,
        parameters=[IF_MATCH],
    )
    def approve(self, request: Request, expense_id: UUID) -> Response:
        """By someone with the role that it needs, other than who recorded it. It goes on to its `wanted_stage`."""
        values = self._step(expense_id, OverridingStepInput)
        approve_expense(expense_id=expense_id, account=self.account, **self.acting, **values)
        return self.answer_expense(expense_id)

    @extend_schema(
        summary="Refuse an expense that waits, with a reason",
        request=StepInput,
        responses=ExpenseAnswer,
        parameters=[IF_MATCH],
    )
    def reject(self, request: Request, expense_id: UUID) -> Response:
        """By someone with the role that it needs; whoever recorded it may withdraw it, without a reason."""
        values = self._step(expense_id, StepInput)
        reject_expense(expense_id=expense_id, **self.acting, **values)
        return self.answer_expense(expense_id)

    @extend_schema(
        summary="Promise what no bill has come for yet",
        request=OverridingStepInput,
        responses=ExpenseAnswer,
        parameters=[IF_MATCH],
    )
    def commit(self, request: Request, expense_id: UUID) -> Response:
        """409 `budget_exhausted` when it does not fit, `funding_exhausted` with `refusals` when the scoped budgets have
        no room that pay for the event's; owners and managers may override that with a reason.
        """
        values = self._step(expense_id, OverridingStepInput)
        commit_expense(expense_id=expense_id, **self.acting, **values)
        return self.answer_expense(expense_id)

    @extend_schema(
        summary="Enter a bill or a credit note",
        request=InvoiceInput,
        responses=ExpenseAnswer,
        parameters=[IF_MATCH],
    )
    def invoice(self, request: Request, expense_id: UUID) -> Response:
        """Nothing means the rest. The actual is posted, and what the bill settles of the promise is released."""
        row = self.find(expense_id)
        values = self.read(InvoiceInput, may_be_empty=True, currency=row["currency"])
        version = sent_version(request, values)
        invoice_expense(expense_id=expense_id, version=version, acting_user=self.user, now=timezone.now(), **values)
        return self.answer_expense(expense_id)

    @extend_schema(
        summary="Take back the last step, one bill, or all of it",
        request=CancelInput,
        responses=ExpenseAnswer,
        parameters=[IF_MATCH],
    )
    def cancel(self, request: Request, expense_id: UUID) -> Response:
        """A bill that came for a promise is taken back alone, and promised again; otherwise all is cancelled."""
        values = self._step(expense_id, CancelInput)
        cancel_expense(expense_id=expense_id, **self.acting, **values)
        return self.answer_expense(expense_id)

    def _step(self, expense_id: UUID, serializer: type[serializers.Serializer]) -> dict[str, Any]:
        self.find(expense_id)
        values = self.read(serializer, may_be_empty=True)
        return {**values, "version": sent_version(self.request, values)}

    def _change(self, expense_id: UUID, *, partial: bool) -> Response:
        row = self.find(expense_id)
        named = self.read(CurrencyAloneInput).get("currency")
        values = self.read(ExpenseChangesInput, partial=partial, currency=named or row["currency"])
        version = required_version(self.request, values)
        if values.pop("stage", row["stage"]) != row["stage"]:
            raise field_refusal(
                "stage", "not_changed_here", "A stage is reached by its step: POST …/commit, …/invoice or …/cancel."
            )
        with refusing_lines():
            change_expense(
                expense_id=expense_id,
                version=version,
                account=self.account,
                **self.acting,
                **_without_nulls(values),
            )
        return self.answer_expense(expense_id)


def _without_nulls(values: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in values.items() if value is not None or name not in _KEPT_WHEN_NULL}


@contextmanager
def refusing_lines() -> Iterator[None]:
    """Refuse a line that can't be spent on at the field that named it."""
    try:
        yield
    except (LineNotFound, WrongKindOfLine) as problem:
        raise field_refusal("line_item_id", problem.code, str(problem)) from problem
