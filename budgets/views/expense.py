"""One expense: its page, changing it, what is said about it."""

from functools import partial
from typing import Any, cast
from uuid import UUID

from django.contrib import messages
from django.http import Http404, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils import timezone
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from budgets.forms.expense import ExpenseForm
from budgets.forms.expense_steps import CommentForm
from budgets.models import BudgetComment, Expense, Vendor
from budgets.selectors.changed_fields import ChangedField
from budgets.selectors.expense_list import shown
from budgets.selectors.expense_page import changes_since, expense_for_page, papers_of, records_of
from budgets.selectors.expense_targets import targets_of, vendor_names
from budgets.services.comment import add_comment, delete_comment
from budgets.services.expense_change import change_expense
from budgets.services.expense_policy import expense_policy
from budgets.services.problems import BudgetProblem, StaleVersion
from budgets.views.expense_refusals import REFUSALS, tell
from budgets.views.expense_rights import may_change_payment, rights_on_expense
from budgets.views.expense_story import story_of
from budgets.views.meanwhile import Meanwhile, merged, with_choices
from budgets.views.receipt import receipts_context
from budgetsite.accounts.permissions import may
from budgetsite.pages.access import PageRequest, page, visible
from budgetsite.tenancy.scope import deleted_rows_visible


def expense_or_404(request: PageRequest, expense_id: UUID) -> Expense:
    """Return the expense as its page shows it; to whoever may not see it there is none."""
    if not may(request.role, "expenses.view"):
        raise Http404
    expense = expense_for_page(expense_id, **visible(request))
    if expense is None:
        raise Http404
    return expense


@page("expenses.view")
@require_safe
def expense_detail(request: PageRequest, expense_id: UUID) -> HttpResponse:
    expense = expense_or_404(request, expense_id)
    return detail_page(request, expense)


def detail_page(
    request: PageRequest, expense: Expense, *, comment: CommentForm | None = None, status: int = 200
) -> HttpResponse:
    rights = rights_on_expense(expense, request, expense_policy())
    papers = papers_of(expense)
    # Why the team decided as it did is its own, and for whoever asked.
    sees_reasons = rights.internals or expense.created_by_id == request.user.pk
    still_open = expense.invoiced_amount - expense.paid_amount - expense.scheduled_amount
    context: dict[str, Any] = {
        "expense": expense,
        "row": shown(expense, now=timezone.now()),
        "budget": expense.budget,
        "event": expense.event,
        "rights": rights,
        "papers": papers,
        "payments": [(one, may_change_payment(one, request, rights)) for one in papers.payments],
        "still_open": still_open,
        "may_instal": rights.pay and still_open > 0,
        "is_converted": expense.currency != expense.budget.currency,
        "comments": BudgetComment.objects.filter(expense=expense).select_related("author").order_by("created_at", "id"),
        "comment_form": comment or CommentForm(auto_id="comment-%s"),
        "sees_reasons": sees_reasons,
        "story": story_of(records_of(expense), expense, for_team=rights.internals, with_reasons=sees_reasons),
        **receipts_context(request, expense),
    }
    return render(request, "budgets/expenses/detail.html", context, status=status)


@page("expenses.record")
@require_http_methods(["GET", "HEAD", "POST"])
def expense_edit(request: PageRequest, expense_id: UUID) -> HttpResponse:
    expense = expense_or_404(request, expense_id)
    rights = rights_on_expense(expense, request, expense_policy())
    if not rights.change:
        messages.error(request, "This expense can't be changed any more.")
        return redirect("budgets:expense", expense.pk)
    targets = targets_of(expense.budget_id)
    form_of = partial(
        ExpenseForm,
        targets=targets,
        currency=expense.budget.currency,
        vendors=vendor_names() if rights.vendors else [],
        expense=expense,
        for_team=rights.internals,
    )
    posted = request.method == "POST"
    form = form_of(with_choices(request.POST, form_of(None)) if posted else None)
    status, asks, meanwhile = (422 if posted else 200), "", None
    if posted and form.is_valid():
        try:
            change_expense(
                expense_id=expense.pk,
                version=form.cleaned_data["version"] or 0,
                acting_user=request.user,
                acting_role=request.role,
                account=request.account,
                now=timezone.now(),
                **_changed_fields(form, expense),
            )
        except StaleVersion:
            status = 409
            form, meanwhile = _merged(request, expense, form, form_of)
        except REFUSALS as problem:
            asks = tell(form, problem)
        else:
            messages.success(request, "Expense saved.")
            return redirect("budgets:expense", expense.pk)
    context = {
        "form": form,
        "expense": expense,
        "budget": expense.budget,
        "event": expense.event,
        "meanwhile": meanwhile,
        "asks": asks,
        "may_override": rights.override,
    }
    return render(request, "budgets/expenses/edit.html", context, status=status)


@page("comments.write")
@require_POST
def expense_comment(request: PageRequest, expense_id: UUID) -> HttpResponse:
    expense = expense_or_404(request, expense_id)
    form = CommentForm(request.POST, auto_id="comment-%s")
    if not form.is_valid():
        return detail_page(request, expense, comment=form, status=422)
    add_comment(budget=expense.budget, expense=expense, acting_user=request.user, text=form.cleaned_data["text"])
    messages.success(request, "Said.")
    return redirect(reverse("budgets:expense", args=[expense.pk]) + "#comments")


@page("comments.write")
@require_POST
def comment_delete(request: PageRequest, expense_id: UUID, comment_id: UUID) -> HttpResponse:
    expense = expense_or_404(request, expense_id)
    comment = BudgetComment.objects.filter(expense=expense, pk=comment_id).first()
    if comment is None:
        raise Http404
    try:
        delete_comment(comment=comment, acting_user=request.user, now=timezone.now())
    except BudgetProblem as problem:
        messages.error(request, str(problem))
    else:
        messages.success(request, "The comment is deleted.")
    return redirect(reverse("budgets:expense", args=[expense.pk]) + "#comments")


def _changed_fields(form: ExpenseForm, expense: Expense) -> dict[str, Any]:
    """Return what differs from what was read: an amount that nobody touched is no change of the amount."""
    fields = form.expense_fields()
    if fields["expense_date"] is None:
        del fields["expense_date"]
    same = {
        "description": expense.description,
        "amount": expense.amount,
        "currency": expense.currency,
        "vendor": expense.vendor.name if expense.vendor else "",
        "line_item_id": expense.line_item_id,
        "expense_date": expense.expense_date,
        "due_date": expense.due_date,
        "invoice_number": expense.invoice_number,
        "notes": expense.notes,
    }
    return {name: value for name, value in fields.items() if name not in same or same[name] != value}


def _merged(
    request: PageRequest, expense: Expense, form: ExpenseForm, form_of: partial[ExpenseForm]
) -> tuple[ExpenseForm, Meanwhile]:
    changes = _in_form_words(changes_since(expense, form.cleaned_data["version"] or 0), form)
    merge, meanwhile = merged(request.POST, changes, currency=expense.currency, form=form_of)
    return cast(ExpenseForm, merge), meanwhile


def _in_form_words(changes: list[ChangedField], form: ExpenseForm) -> list[ChangedField]:
    """Return the changes as the form names its fields, with names in the place of ids."""
    ids = {change.before for change in changes if change.name == "vendor_id"}
    ids |= {change.now for change in changes if change.name == "vendor_id"}
    with deleted_rows_visible():
        vendors = dict(Vendor.objects.filter(pk__in=ids - {None}).values_list("pk", "name")) if ids else {}
    named = {
        "line_item_id": ("target", lambda key: form.choice_names.get(f"line:{key}", "another line")),
        "vendor_id": ("vendor", lambda key: vendors.get(key, "")),
    }
    found = []
    for change in changes:
        name, told = named.get(change.name, (change.name, lambda value: value))
        if name in form.fields:
            found.append(ChangedField(name, told(change.before), told(change.now), change.by, change.at))
    return found
