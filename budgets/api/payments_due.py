"""`/payments`: what must be paid when, and what was paid, of all events in sight."""

import base64
import binascii
import json
from datetime import date
from typing import Any, cast
from uuid import UUID

import django_filters
from django.db.models import QuerySet
from django.utils import timezone
from django_filters.utils import translate_validation
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.utils.urls import replace_query_param

from budgets.models import ExpensePayment
from budgets.selectors.payments_due import (
    AGREED,
    BILL,
    INSTALMENT,
    OVERDUE,
    UPCOMING,
    DueFilter,
    DueItem,
    Place,
    payments_due,
    payments_made,
)
from budgetsite.api.keyset import KeysetPagination
from budgetsite.api.pagination import bad_cursor, limit_of
from budgetsite.api.views import ContractViewSet
from budgetsite.money.amounts import amount_to_json
from budgetsite.money.api_fields import MoneyField

PAID = "paid"
KINDS = (INSTALMENT, BILL, AGREED)
_LONGEST_CURSOR = 500


class DueAnswer(serializers.Serializer):
    id = serializers.UUIDField(help_text="Of the payment, of the bill or, of what is agreed on, of the expense.")
    kind = serializers.ChoiceField(
        choices=KINDS,
        help_text="`instalment`: planned, or paid. `bill`: what of it no payment covers. `agreed`: what no bill has"
        " come for yet, by the day that was agreed on.",
    )
    status = serializers.ChoiceField(choices=[OVERDUE, UPCOMING, PAID], help_text="By the day where the event is.")
    amount = MoneyField(help_text="In the expense's currency; negative where money comes back.")
    currency = serializers.CharField()
    due_date = serializers.DateField(allow_null=True, help_text="Null for what was paid without one.")
    paid_at = serializers.DateTimeField(allow_null=True)
    expense_id = serializers.UUIDField()
    description = serializers.CharField()
    vendor = serializers.CharField(allow_null=True)
    event_id = serializers.UUIDField()
    event_name = serializers.CharField()
    budget_id = serializers.UUIDField()


class DuePageAnswer(serializers.Serializer):
    next = serializers.URLField(allow_null=True)
    previous = serializers.URLField(allow_null=True)
    results = DueAnswer(many=True)


class DueParameters(django_filters.FilterSet):
    """What may narrow the list, checked as any other filters are; the selector does the narrowing."""

    status = django_filters.ChoiceFilter(choices=[(name, name) for name in (OVERDUE, UPCOMING, PAID)])
    event = django_filters.UUIDFilter()
    vendor = django_filters.UUIDFilter()
    due_before = django_filters.DateFilter()
    due_after = django_filters.DateFilter()

    class Meta:
        model = ExpensePayment
        fields: list[str] = []


class PaymentsDueViewSet(ContractViewSet):
    model = ExpensePayment
    actions = {"list": "expenses.view"}
    tags = ["payments"]
    pagination_class = KeysetPagination
    cursor_ordering = "-paid_at"
    ordering_fields = {"paid_at": "paid_at"}
    filter_backends: list[Any] = []

    def visible(self) -> QuerySet[Any]:
        return payments_made(user_id=self.user.pk, role=self.role)

    @extend_schema(
        summary="List what must be paid when",
        parameters=[
            OpenApiParameter(
                "status",
                enum=[OVERDUE, UPCOMING, PAID],
                description="Left out, all that is still to be paid.",
            ),
            OpenApiParameter("event", {"type": "string", "format": "uuid"}),
            OpenApiParameter("vendor", {"type": "string", "format": "uuid"}),
            OpenApiParameter("due_before", {"type": "string", "format": "date"}, description="On this day or before."),
            OpenApiParameter("due_after", {"type": "string", "format": "date"}, description="On this day or after."),
        ],
        responses=DuePageAnswer,
    )
    def list(self, request: Request) -> Response:
        """By day, what is due first at the top; what was paid by the moment of payment, the last first."""
        wanted = self._wanted(request)
        if wanted.status == PAID:
            made = payments_made(user_id=self.user.pk, role=self.role, wanted=wanted)
            page = self.paginate_queryset(made)
            return self.get_paginated_response([_paid_answer(payment) for payment in page or []])
        return self._due_page(request, wanted)

    def _wanted(self, request: Request) -> DueFilter:
        parameters = DueParameters(request.query_params, queryset=ExpensePayment.objects.none())
        if not parameters.is_valid():
            raise cast(serializers.ValidationError, translate_validation(parameters.errors))
        values = parameters.form.cleaned_data
        return DueFilter(
            status=values["status"] or None,
            event_id=values["event"],
            vendor_id=values["vendor"],
            before=values["due_before"],
            after=values["due_after"],
        )

    def _due_page(self, request: Request, wanted: DueFilter) -> Response:
        limit = limit_of(request)
        beyond, backwards = _place(request.query_params.get("cursor", ""))
        found = payments_due(
            user_id=self.user.pk,
            role=self.role,
            now=timezone.now(),
            wanted=wanted,
            limit=limit + 1,
            beyond=beyond,
            backwards=backwards,
        )
        more = len(found) > limit
        page = found[-limit:] if backwards else found[:limit]
        has_next, has_previous = (True, more) if backwards else (more, beyond is not None)
        return Response(
            {
                "next": _link(request, page[-1].place, backwards=False) if page and has_next else None,
                "previous": _link(request, page[0].place, backwards=True) if page and has_previous else None,
                "results": [_due_answer(item) for item in page],
            }
        )


def _due_answer(item: DueItem) -> dict[str, Any]:
    return {
        "id": str(item.id),
        "kind": item.kind,
        "status": OVERDUE if item.is_overdue else UPCOMING,
        "amount": amount_to_json(item.amount, item.currency),
        "due_date": item.due_date,
        "paid_at": None,
        **_expense_members(item.expense),
    }


def _paid_answer(payment: ExpensePayment) -> dict[str, Any]:
    return {
        "id": str(payment.pk),
        "kind": INSTALMENT,
        "status": PAID,
        "amount": amount_to_json(payment.amount, payment.expense.currency),
        "due_date": payment.due_date,
        "paid_at": payment.paid_at,
        **_expense_members(payment.expense),
    }


def _expense_members(expense: Any) -> dict[str, Any]:
    return {
        "currency": expense.currency,
        "expense_id": str(expense.pk),
        "description": expense.description,
        "vendor": expense.vendor.name if expense.vendor else None,
        "event_id": str(expense.event_id),
        "event_name": expense.event.name,
        "budget_id": str(expense.budget_id),
    }


def _link(request: Request, place: Place, *, backwards: bool) -> str:
    day, kind, pk = place
    text = json.dumps([day.isoformat(), kind, str(pk), backwards])
    cursor = base64.urlsafe_b64encode(text.encode()).decode()
    link: str = replace_query_param(request.build_absolute_uri(), "cursor", cursor)
    return link


def _place(cursor: str) -> tuple[Place | None, bool]:
    if not cursor:
        return None, False
    if len(cursor) > _LONGEST_CURSOR:
        raise bad_cursor()
    try:
        day, kind, pk, backwards = json.loads(base64.urlsafe_b64decode(cursor.encode("ascii")))
        place = (date.fromisoformat(day), kind, UUID(pk))
    except (binascii.Error, UnicodeError, ValueError, TypeError, AttributeError, RecursionError) as error:
        raise bad_cursor() from error
    if kind not in KINDS:
        raise bad_cursor()
    return place, bool(backwards)
