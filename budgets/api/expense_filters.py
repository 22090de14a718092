from typing import Any

import django_filters
from django import forms
from django.core.exceptions import ValidationError
from django.db.models import QuerySet
from django.db.models.functions import Coalesce
from django.utils import timezone

from budgets.api.expense_inputs import name_or_id
from budgets.models import ExpenseApproval, ExpenseStage, PaymentStatus
from budgets.services.categories import CategoryFinder
from budgets.services.problems import UnknownCategory
from budgetsite.api.refusals import field_refusal
from budgetsite.money.amounts import InvalidAmount, parse_amount


class _AmountField(forms.CharField):
    def to_python(self, value: Any) -> Any:
        if value in (None, ""):
            return None
        try:
            return parse_amount(value, None)
        except InvalidAmount as problem:
            raise ValidationError(problem.message, code=problem.code) from problem


class AmountFilter(django_filters.Filter):
    field_class = _AmountField


class ExpenseFilter(django_filters.FilterSet):
    event = django_filters.UUIDFilter(field_name="event_id", label="The event's id.")
    budget = django_filters.UUIDFilter(field_name="budget_id", label="The budget's id.")
    line_item = django_filters.UUIDFilter(field_name="line_item_id", label="A line's id.")
    category = django_filters.CharFilter(method="of_category", label="A category's name or id.")
    vendor = django_filters.CharFilter(method="of_vendor", label="A vendor's id or name.")
    stage = django_filters.ChoiceFilter(choices=ExpenseStage.choices)
    approval = django_filters.ChoiceFilter(choices=ExpenseApproval.choices)
    payment_status = django_filters.ChoiceFilter(
        choices=PaymentStatus.choices, method="of_payment_status", label="As the answers show it."
    )
    due_before = django_filters.DateFilter(
        method="due_until", label="Due on this day or before: the next day to pay, or else the one agreed on."
    )
    due_after = django_filters.DateFilter(method="due_from", label="Due on this day or after.")
    min = AmountFilter(field_name="amount", lookup_expr="gte", label="At least this much, in the expense's currency.")
    max = AmountFilter(field_name="amount", lookup_expr="lte", label="At most this much.")

    def of_category(self, rows: QuerySet[Any], name: str, value: str) -> QuerySet[Any]:
        try:
            return rows.filter(line_item__category_id=CategoryFinder.load().find(value).pk)
        except UnknownCategory as problem:
            raise field_refusal(name, problem.code, str(problem)) from problem

    def of_vendor(self, rows: QuerySet[Any], name: str, value: str) -> QuerySet[Any]:
        vendor = name_or_id(value)
        return rows.filter(vendor__name__iexact=vendor) if isinstance(vendor, str) else rows.filter(vendor_id=vendor)

    def of_payment_status(self, rows: QuerySet[Any], name: str, value: str) -> QuerySet[Any]:
        found: QuerySet[Any] = rows.with_payment_status(value, now=timezone.now())  # type: ignore[attr-defined]
        return found

    def due_until(self, rows: QuerySet[Any], name: str, value: Any) -> QuerySet[Any]:
        return _with_due(rows).filter(due__lte=value)

    def due_from(self, rows: QuerySet[Any], name: str, value: Any) -> QuerySet[Any]:
        return _with_due(rows).filter(due__gte=value)


def _with_due(rows: QuerySet[Any]) -> QuerySet[Any]:
    return rows.alias(due=Coalesce("next_due_date", "due_date"))
