"""Recording expenses: the quick line, what was understood of it, and the whole form."""

from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.utils import timezone
from django.utils.translation import get_language
from django.views.decorators.http import require_http_methods, require_POST

from budgets.forms.expense import ExpenseForm
from budgets.models import EventBudget, Expense, ExpenseApproval
from budgets.selectors.expense_list import ExpenseFilter
from budgets.selectors.expense_targets import targets_of, vendor_names, vendors_like
from budgets.services.expense_entry import enter_expense
from budgets.services.expense_problems import ClientsMayNot
from budgets.services.quick_expense import PAID, Understood, understand
from budgets.views.event_budget import budget_or_404
from budgets.views.expense_list import budget_context, may_record
from budgets.views.expense_refusals import REFUSALS, tell
from budgetsite.accounts.permissions import may
from budgetsite.pages.access import PageRequest, page
from budgetsite.pages.amounts import format_amount


@page("expenses.record")
@require_POST
def expense_quick(request: PageRequest, budget_id: UUID) -> HttpResponse:
    """Show what a quick line says before anything is saved."""
    budget = budget_or_404(request, budget_id)
    _refuse_recording(request)
    text = request.POST.get("line", "").strip()
    if not text:
        return _answer(request, budget, None, status=422)
    targets = targets_of(budget.pk)
    understood = understand(
        text,
        targets=targets.all,
        currency=budget.currency,
        today=timezone.now().astimezone(ZoneInfo(budget.event.timezone)).date(),
        language=get_language() or "en",
        vendors_like=vendors_like if may(request.role, "vendors.view") else lambda name: (),
    )
    form = ExpenseForm(
        targets=targets,
        currency=budget.currency,
        vendors=_vendors(request),
        for_team=may(request.role, "expenses.view_internals"),
        initial=_initial(understood),
        questions=understood.questions,
    )
    return _answer(request, budget, form, line=text, understood=understood)


@page("expenses.record")
@require_http_methods(["GET", "HEAD", "POST"])
def expense_new(request: PageRequest, budget_id: UUID) -> HttpResponse:
    """Save what was understood, as it was corrected, or a whole form filled in."""
    budget = budget_or_404(request, budget_id)
    _refuse_recording(request)
    form = ExpenseForm(
        request.POST if request.method == "POST" else None,
        targets=targets_of(budget.pk),
        currency=budget.currency,
        vendors=_vendors(request),
        for_team=may(request.role, "expenses.view_internals"),
    )
    if request.method != "POST":
        return _answer(request, budget, form)
    asks = ""
    if form.is_valid():
        try:
            expense = _enter(request, budget, form)
        except REFUSALS as problem:
            asks = tell(form, problem)
        else:
            messages.success(request, told(expense, wanted=form.cleaned_data["stage"]))
            if request.htmx:
                return _answer(request, budget, None, take_focus=True)
            return redirect("budgets:budget_expenses", budget.pk)
    return _answer(request, budget, form, line=request.POST.get("line", ""), asks=asks, status=422)


def told(expense: Expense, *, wanted: str) -> str:
    """Return what was recorded, in a sentence."""
    amount = f"{format_amount(expense.amount, expense.currency)} {expense.currency}"
    if expense.approval == ExpenseApproval.PENDING:
        later = " Note the payment once it is approved." if wanted == PAID else ""
        return f"{expense.description}, {amount}: recorded, and it waits for approval.{later}"
    unplanned = " It is not in the plan, and the line says so." if expense.line_item.is_unbudgeted else ""
    return f"{expense.description}, {amount}: recorded as {wanted}.{unplanned}"


def _enter(request: PageRequest, budget: EventBudget, form: ExpenseForm) -> Expense:
    return enter_expense(
        event=budget.event,
        stage=form.cleaned_data["stage"],
        confirm_duplicate=form.cleaned_data.get("confirm_duplicate", False),
        acting_user=request.user,
        acting_role=request.role,
        account=request.account,
        now=timezone.now(),
        **form.expense_fields(),
    )


def _refuse_recording(request: PageRequest) -> None:
    if not may_record(request):
        raise PermissionDenied(str(ClientsMayNot("expenses")))


def _vendors(request: PageRequest) -> list[str]:
    """A client does not read who else works for the account."""
    return vendor_names() if may(request.role, "vendors.view") else []


def _initial(understood: Understood) -> dict[str, Any]:
    values = {
        "description": understood.description,
        "target": understood.target.key if understood.target else "",
        "amount": understood.amount,
        "currency": understood.currency,
        "vendor": "" if understood.question("vendor") else understood.vendor,
        "stage": understood.stage or "planned",
        "expense_date": understood.expense_date,
        "due_date": understood.due_date,
    }
    if understood.question("stage"):
        values["stage"] = ""
    return values


def _answer(
    request: PageRequest,
    budget: EventBudget,
    form: ExpenseForm | None,
    *,
    line: str = "",
    understood: Understood | None = None,
    asks: str = "",
    take_focus: bool = False,
    status: int = 200,
) -> HttpResponse:
    """Answer the part of the page that changes, or a page of its own for whoever has no script."""
    entry = {
        "form": form,
        "line": line,
        "understood": understood,
        "asks": asks,
        "may_override": may(request.role, "expenses.override"),
        "take_focus": take_focus,
    }
    if request.htmx and form is None and status == 200:
        context = budget_context(request, budget, ExpenseFilter()) | entry
        return render(request, "budgets/expenses/saved.html", context)
    shared = entry | {"budget": budget, "event": budget.event, "currency": budget.currency, "records": True}
    if request.htmx:
        return render(request, "budgets/expenses/parts/entry.html", shared, status=status)
    return render(request, "budgets/expenses/new.html", shared, status=status)
