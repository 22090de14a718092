"""The steps of an expense, each on a page that shows first what it brings about."""

from dataclasses import dataclass
from typing import Any
from uuid import UUID

from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils import timezone
from django.views.decorators.http import require_http_methods

from budgets.forms.expense_steps import BillForm, StepForm
from budgets.models import Expense, ExpenseInvoice
from budgets.selectors.expense_list import today_at
from budgets.selectors.expense_page import papers_of
from budgets.services.expense_policy import expense_policy
from budgets.services.expense_problems import ApprovalNotYours, OwnExpense
from budgets.services.expense_stages import (
    approve_expense,
    cancel_expense,
    commit_expense,
    invoice_expense,
    reject_expense,
)
from budgets.services.problems import AmountDoesNotFit, StaleVersion
from budgets.views.expense import expense_or_404
from budgets.views.expense_refusals import REFUSALS, tell
from budgets.views.expense_rights import rights_on_expense
from budgetsite.pages.access import PageRequest, page

METHODS = ["GET", "HEAD", "POST"]


@dataclass(frozen=True, slots=True)
class Step:
    """The question on its page, its button, what is said afterwards."""

    title: str
    label: str
    done: str
    needs_reason: bool = False
    tone: str = ""


STEPS = {
    "commit": Step("Promise it?", "Promise it", "Promised: the amount is set aside."),
    "approve": Step("Approve this expense?", "Approve", "Approved."),
    "reject": Step("Reject this expense?", "Reject", "Rejected: no money moves.", needs_reason=True, tone="danger"),
    "withdraw": Step("Withdraw this expense?", "Withdraw", "Withdrawn: no money moves."),
    "cancel": Step("Cancel this expense?", "Cancel the expense", "Cancelled.", tone="danger"),
}
BILLS = {
    "invoice": ("Enter a bill", "Enter the bill", "The bill is entered."),
    "credit": ("Enter a credit note", "Enter the credit note", "The credit note is entered."),
}


@page("expenses.record")
@require_http_methods(METHODS)
def expense_step(request: PageRequest, expense_id: UUID, step: str) -> HttpResponse:
    expense = expense_or_404(request, expense_id)
    if step in BILLS:
        return _bill_page(request, expense, step)
    if step not in STEPS:
        raise Http404
    return _step_page(request, expense, step)


@page("expenses.change")
@require_http_methods(METHODS)
def bill_cancel(request: PageRequest, expense_id: UUID, bill_id: UUID) -> HttpResponse:
    """Take one bill back; what it had settled is promised again."""
    expense = expense_or_404(request, expense_id)
    bill = next((one for one in papers_of(expense).live_bills if one.pk == bill_id), None)
    if bill is None:
        raise Http404
    return _step_page(request, expense, "cancel", bill=bill)


def _step_page(
    request: PageRequest, expense: Expense, step: str, *, bill: ExpenseInvoice | None = None
) -> HttpResponse:
    asked = STEPS[step]
    rights = rights_on_expense(expense, request, expense_policy())
    form = StepForm(
        request.POST if request.method == "POST" else None,
        needs_reason=asked.needs_reason,
        may_override=rights.override and step in ("commit", "approve"),
        initial={"version": expense.version},
    )
    does_not_fit = request.method == "POST" and "override" in request.POST
    status = 200
    if request.method == "POST":
        status = 422
        if not rights.step(step):
            status = 409
        elif form.is_valid():
            try:
                _take(request, expense, step, form.cleaned_data, bill)
            except (ApprovalNotYours, OwnExpense) as refusal:
                raise PermissionDenied(str(refusal)) from refusal
            except AmountDoesNotFit as problem:
                form.add_error(None, str(problem))
                does_not_fit, status = True, 409
            except StaleVersion:
                _look_again(request, form, expense)
                status = 409
            except REFUSALS as problem:
                tell(form, problem)
                status = 409
            else:
                messages.success(request, "The bill is taken back." if bill else asked.done)
                return redirect(way_back(request, expense))
    if not does_not_fit:
        form.fields.pop("override", None)
    if step == "commit" and not does_not_fit:
        form.fields.pop("reason", None)
    context = {
        "form": form,
        "expense": expense,
        "budget": expense.budget,
        "event": expense.event,
        "line": expense.line_item,
        "step": step,
        "bill": bill,
        "papers": papers_of(expense) if step == "cancel" else None,
        "paid": expense.paid_amount + expense.scheduled_amount,
        "possible": rights.step(step),
        "to_promise": expense.budget_amount - expense.actual_amount,
        "from_inbox": "inbox" in request.GET,
        "confirm_title": f"Take the bill {bill.invoice_number} back?".replace("  ", " ") if bill else asked.title,
        "confirm_label": "Take the bill back" if bill else asked.label,
        "confirm_tone": asked.tone,
        "cancel_url": way_back(request, expense),
    }
    return render(request, "budgets/expenses/step.html", context, status=status)


def _bill_page(request: PageRequest, expense: Expense, step: str) -> HttpResponse:
    rights = rights_on_expense(expense, request, expense_policy())
    title, label, done = BILLS[step]
    if not rights.step(step):
        messages.error(request, "There is nothing to bill here now.")
        return redirect("budgets:expense", expense.pk)
    today = today_at(expense, timezone.now())
    initial: dict[str, Any] = {"version": expense.version, "invoice_date": today}
    if step == "invoice":
        initial |= {
            "amount": expense.to_be_billed_amount,
            "due_date": expense.due_date if expense.due_date and expense.due_date >= today else None,
        }
    form = BillForm(
        request.POST if request.method == "POST" else None,
        expense=expense,
        is_credit=step == "credit",
        initial=initial,
    )
    status, asks = 200, ""
    if request.method == "POST":
        status = 422
        if form.is_valid():
            try:
                invoice_expense(
                    expense_id=expense.pk, acting_user=request.user, now=timezone.now(), **form.bill_fields()
                )
            except StaleVersion:
                _look_again(request, form, expense)
                status = 409
            except REFUSALS as problem:
                asks, status = tell(form, problem), 409
            else:
                messages.success(request, done)
                return redirect("budgets:expense", expense.pk)
    context = {
        "form": form,
        "expense": expense,
        "budget": expense.budget,
        "event": expense.event,
        "title": title,
        "label": label,
        "asks": asks,
    }
    return render(request, "budgets/expenses/bill_form.html", context, status=status)


def _look_again(request: PageRequest, form: StepForm | BillForm, expense: Expense) -> None:
    """Let the page, which shows the expense as it is now, be confirmed as that."""
    form.add_error(None, "Somebody changed this expense meanwhile. Look at it as it is now, then confirm.")
    sent = request.POST.copy()
    sent["version"] = str(expense.version)
    form.data = sent


def way_back(request: PageRequest, expense: Expense) -> str:
    """Whoever comes from the inbox goes back there."""
    if "inbox" in request.GET:
        return reverse("budgets:approvals")
    return reverse("budgets:expense", args=[expense.pk])


def _take(
    request: PageRequest, expense: Expense, step: str, values: dict[str, Any], bill: ExpenseInvoice | None
) -> None:
    asked: dict[str, Any] = {
        "expense_id": expense.pk,
        "acting_user": request.user,
        "acting_role": request.role,
        "now": timezone.now(),
        "version": values["version"],
        "reason": values.get("reason", ""),
    }
    if step == "commit":
        commit_expense(**asked, override=values.get("override", False))
    elif step == "approve":
        approve_expense(**asked, account=request.account, override=values.get("override", False))
    elif step in ("reject", "withdraw"):
        reject_expense(**asked)
    else:
        cancel_expense(**asked, invoice_id=bill.pk if bill else None, whole=bill is None)
