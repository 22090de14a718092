"""The receipts of an expense: sent, looked at, deleted at one press because one press brings them back."""

from typing import Any
from uuid import UUID

from django.contrib import messages
from django.http import Http404, HttpResponse
from django.http.response import HttpResponseBase
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils import timezone
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from budgets.forms.receipt import ReceiptLinkForm, ReceiptsForm
from budgets.models import Expense, Receipt
from budgets.selectors.receipts import expenses_in_sight, receipts_of
from budgets.services.expense_policy import expense_policy
from budgets.services.problems import BudgetProblem
from budgets.services.receipt import (
    add_receipt_link,
    add_receipts,
    delete_receipt,
    may_add_receipts,
    restore_receipt,
)
from budgets.services.receipt_problems import LinkRefused, SameReceipt
from budgets.views.receipt_content import receipt_content
from budgetsite.accounts.permissions import may
from budgetsite.accounts.roles import Role
from budgetsite.pages.access import PageRequest, page, visible


def expense_or_404(request: PageRequest, expense_id: UUID) -> Expense:
    expense = expenses_in_sight(**visible(request)).filter(pk=expense_id).first()
    if expense is None:
        raise Http404
    return expense


def receipts_context(
    request: PageRequest,
    expense: Expense,
    *,
    files_form: ReceiptsForm | None = None,
    link_form: ReceiptLinkForm | None = None,
) -> dict[str, Any]:
    """Return what `budgets/receipts/of_expense.html` draws: a page that includes it adds this to its context."""
    records = may(request.role, "expenses.record")
    may_add = records and may_add_receipts(expense, user_id=request.user.pk, role=request.role)
    may_delete = records and not expense.budget.is_locked
    return {
        "expense": expense,
        "receipts": [
            (receipt, may_delete and (request.role != Role.CLIENT or receipt.uploaded_by_id == request.user.pk))
            for receipt in receipts_of(expense.pk)
        ],
        "may_add_receipts": may_add,
        "receipts_form": files_form or ReceiptsForm(auto_id="receipt-%s"),
        "receipt_link_form": link_form or ReceiptLinkForm(auto_id="receipt-%s"),
        "receipt_hosts": expense_policy().receipt_hosts if may_add else [],
    }


@page("expenses.view")
@require_http_methods(["GET", "HEAD", "POST"])
def receipts(request: PageRequest, expense_id: UUID) -> HttpResponse:
    """All receipts of an expense with the form to send more: files, or a link."""
    expense = expense_or_404(request, expense_id)
    if request.method != "POST":
        return _answer(request, expense)
    if "link" in request.POST:
        return _take_link(request, expense)
    form = ReceiptsForm(request.POST, request.FILES, auto_id="receipt-%s")
    if not form.is_valid():
        return _answer(request, expense, files_form=form, status=422)
    done = add_receipts(
        expense_id=expense.pk,
        files=[(file, file.name or "") for file in form.cleaned_data["file"]],
        acting_user=request.user,
        acting_role=request.role,
        now=timezone.now(),
    )
    for problem in done.refused:
        form.add_error("file", str(problem))
    if done.added:
        messages.success(request, _told(done.added))
    if done.refused:
        return _answer(request, expense, files_form=form, status=422)
    return _done(request, expense)


@page("expenses.view")
@require_safe
def receipt(request: PageRequest, expense_id: UUID, receipt_id: UUID) -> HttpResponseBase:
    """The file itself, or with `?thumbnail=1` its small picture."""
    found = receipts_of(expense_or_404(request, expense_id).pk).filter(pk=receipt_id).first()
    if found is None:
        raise Http404
    return receipt_content(request, found, thumbnail="thumbnail" in request.GET)


@page("expenses.record")
@require_POST
def receipt_delete(request: PageRequest, expense_id: UUID, receipt_id: UUID) -> HttpResponse:
    expense = expense_or_404(request, expense_id)
    try:
        deleted = delete_receipt(
            expense_id=expense.pk,
            receipt_id=receipt_id,
            acting_user=request.user,
            acting_role=request.role,
            now=timezone.now(),
        )
    except BudgetProblem as problem:
        messages.error(request, str(problem))
    else:
        undo = reverse("budgets:receipt_restore", args=[expense.pk, receipt_id])
        messages.success(request, f"“{deleted.name}” is deleted.", extra_tags=undo)
    return _done(request, expense)


@page("expenses.record")
@require_POST
def receipt_restore(request: PageRequest, expense_id: UUID, receipt_id: UUID) -> HttpResponse:
    expense = expense_or_404(request, expense_id)
    try:
        restored = restore_receipt(
            expense_id=expense.pk, receipt_id=receipt_id, acting_user=request.user, acting_role=request.role
        )
    except BudgetProblem as problem:
        messages.error(request, str(problem))
    else:
        messages.success(request, f"“{restored.name}” is back.")
    return _done(request, expense)


def _take_link(request: PageRequest, expense: Expense) -> HttpResponse:
    form = ReceiptLinkForm(request.POST, auto_id="receipt-%s")
    if form.is_valid():
        try:
            added = add_receipt_link(
                expense_id=expense.pk,
                link=form.cleaned_data["link"],
                name=form.cleaned_data["name"],
                acting_user=request.user,
                acting_role=request.role,
                now=timezone.now(),
            )
        except (LinkRefused, SameReceipt) as problem:
            form.add_error("link", str(problem))
        except BudgetProblem as problem:
            form.add_error(None, str(problem))
        else:
            messages.success(request, _told([added]))
            return _done(request, expense)
    return _answer(request, expense, link_form=form, status=422)


def _done(request: PageRequest, expense: Expense) -> HttpResponse:
    """Draw the piece anew where htmx asked; else go back to the expense, which shows it."""
    return (
        _answer(request, expense)
        if request.htmx
        else redirect(f"{reverse('budgets:expense', args=[expense.pk])}#receipts")
    )


def _answer(request: PageRequest, expense: Expense, *, status: int = 200, **forms: Any) -> HttpResponse:
    context = receipts_context(request, expense, **forms)
    if request.htmx:
        return render(request, "budgets/receipts/of_expense.html", {**context, "out_of_band": True}, status=status)
    return render(request, "budgets/receipts/page.html", {**context, "event": expense.event}, status=status)


def _told(added: list[Receipt]) -> str:
    return f"“{added[0].name}” is added." if len(added) == 1 else f"{len(added)} receipts are added."
