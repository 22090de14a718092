"""Payments of an expense: noted, planned in instalments, marked as paid, taken back."""

from datetime import date, datetime
from typing import Any
from uuid import UUID

from django import forms
from django.contrib import messages
from django.http import Http404, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils import timezone
from django.views.decorators.http import require_http_methods

from budgets.forms.expense_steps import InstalmentsForm, PaidForm, PaymentForm, StepForm
from budgets.models import Expense, ExpensePayment
from budgets.selectors.expense_list import today_at
from budgets.selectors.expense_page import papers_of
from budgets.services.expense_money import moment_of
from budgets.services.expense_policy import expense_policy
from budgets.services.payment import add_payment, cancel_payment, change_payment
from budgets.services.payment_plan import Interval, plan_instalments
from budgets.views.expense import expense_or_404
from budgets.views.expense_refusals import REFUSALS, tell
from budgets.views.expense_rights import may_change_payment, rights_on_expense
from budgetsite.pages.access import PageRequest, page
from budgetsite.pages.amounts import format_amount

METHODS = ["GET", "HEAD", "POST"]


@page("expenses.pay")
@require_http_methods(METHODS)
def payment_new(request: PageRequest, expense_id: UUID) -> HttpResponse:
    expense = _payable_or_404(request, expense_id)
    still_open = expense.invoiced_amount - expense.paid_amount - expense.scheduled_amount
    form = PaymentForm(_posted(request), currency=expense.currency, initial={"amount": still_open})
    if form.is_bound and form.is_valid():
        values = form.cleaned_data
        paid = values["when"] == "paid"
        try:
            add_payment(
                expense_id=expense.pk,
                amount=values["amount"],
                paid_at=_moment(expense, values["day"]) if paid else None,
                due_date=None if paid else values["day"],
                method=values["method"],
                reference=values["reference"],
                **_acting(request),
            )
        except REFUSALS as problem:
            tell(form, problem)
        else:
            amount = f"{format_amount(values['amount'], expense.currency)} {expense.currency}"
            messages.success(request, f"{amount} {'paid' if paid else 'planned'}.")
            return redirect("budgets:expense", expense.pk)
    return _form_page(request, expense, form, title="Note a payment", label="Save the payment")


@page("expenses.pay")
@require_http_methods(METHODS)
def payment_plan(request: PageRequest, expense_id: UUID) -> HttpResponse:
    expense = _payable_or_404(request, expense_id)
    first = expense.next_due_date or today_at(expense, timezone.now())
    form = InstalmentsForm(_posted(request), initial={"first_due": first})
    if form.is_bound and form.is_valid():
        values = form.cleaned_data
        try:
            planned = plan_instalments(
                expense_id=expense.pk,
                parts=values["parts"],
                first_due=values["first_due"],
                interval=Interval(values["interval"]),
                method=values["method"],
                **_acting(request),
            )
        except REFUSALS as problem:
            form.add_error("parts", str(problem))
        else:
            messages.success(request, f"{len(planned)} instalments planned.")
            return redirect("budgets:expense", expense.pk)
    return _form_page(request, expense, form, title="Pay in instalments", label="Plan the instalments")


@page("expenses.pay")
@require_http_methods(METHODS)
def payment_paid(request: PageRequest, expense_id: UUID, payment_id: UUID) -> HttpResponse:
    """Note that an instalment was paid."""
    expense, payment = _payment_or_404(request, expense_id, payment_id)
    form = PaidForm(_posted(request), initial={"method": payment.method})
    if form.is_bound and form.is_valid():
        values = form.cleaned_data
        fields: dict[str, Any] = {"paid_at": _moment(expense, values["day"]) or timezone.now()}
        fields |= {name: values[name] for name in ("method", "reference") if values[name]}
        try:
            change_payment(expense_id=expense.pk, payment_id=payment.pk, **_acting(request), **fields)
        except REFUSALS as problem:
            tell(form, problem)
        else:
            messages.success(request, f"{_written(payment)} paid.")
            return redirect("budgets:expense", expense.pk)
    return _form_page(request, expense, form, title=f"{_written(payment)} paid?", label="Mark as paid")


@page("expenses.pay")
@require_http_methods(METHODS)
def payment_cancel(request: PageRequest, expense_id: UUID, payment_id: UUID) -> HttpResponse:
    expense, payment = _payment_or_404(request, expense_id, payment_id)
    form = StepForm(_posted(request), initial={"version": expense.version})
    if form.is_bound and form.is_valid():
        try:
            cancel_payment(
                expense_id=expense.pk,
                payment_id=payment.pk,
                reason=form.cleaned_data["reason"],
                **_acting(request),
            )
        except REFUSALS as problem:
            tell(form, problem)
        else:
            messages.success(request, f"{_written(payment)} taken back.")
            return redirect("budgets:expense", expense.pk)
    context = {
        "form": form,
        "expense": expense,
        "event": expense.event,
        "payment": payment,
        "confirm_title": "Take this payment back?" if payment.paid_at else "Give this instalment up?",
        "confirm_label": "Take it back" if payment.paid_at else "Give it up",
        "confirm_tone": "danger",
        "cancel_url": reverse("budgets:expense", args=[expense.pk]),
    }
    return render(request, "budgets/expenses/payment_cancel.html", context, status=422 if form.is_bound else 200)


def _form_page(request: PageRequest, expense: Expense, form: forms.Form, *, title: str, label: str) -> HttpResponse:
    context = {
        "form": form,
        "expense": expense,
        "event": expense.event,
        "title": title,
        "label": label,
        "still_open": expense.invoiced_amount - expense.paid_amount - expense.scheduled_amount,
    }
    return render(request, "budgets/expenses/payment_form.html", context, status=422 if form.is_bound else 200)


def _payable_or_404(request: PageRequest, expense_id: UUID) -> Expense:
    expense = expense_or_404(request, expense_id)
    if not rights_on_expense(expense, request, expense_policy()).pay:
        raise Http404
    return expense


def _payment_or_404(request: PageRequest, expense_id: UUID, payment_id: UUID) -> tuple[Expense, ExpensePayment]:
    expense = _payable_or_404(request, expense_id)
    rights = rights_on_expense(expense, request, expense_policy())
    for payment in papers_of(expense).payments:
        if payment.pk == payment_id and may_change_payment(payment, request, rights):
            return expense, payment
    raise Http404


def _moment(expense: Expense, day: date | None) -> datetime | None:
    return moment_of(day, expense, timezone.now()) if day is not None else None


def _written(payment: ExpensePayment) -> str:
    return f"{format_amount(payment.amount, payment.expense.currency)} {payment.expense.currency}"


def _acting(request: PageRequest) -> dict[str, Any]:
    return {"acting_user": request.user, "acting_role": request.role, "now": timezone.now()}


def _posted(request: PageRequest) -> Any:
    return request.POST if request.method == "POST" else None
