"""What the account allows of expenses, and above what they need an approval."""

from django.contrib import messages
from django.core.exceptions import PermissionDenied, ValidationError
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.http import require_http_methods

from budgets.forms.expense_policy import PolicyForm
from budgets.models import ApprovalRule, ApprovalSubject
from budgets.selectors.approval_rules import sentence
from budgets.services.expense_policy import change_expense_policy, expense_policy
from budgetsite.accounts.permissions import may, who_may
from budgetsite.pages.access import PageRequest, page


@page("expense_policy.view")
@require_http_methods(["GET", "HEAD", "POST"])
def expense_rules(request: PageRequest) -> HttpResponse:
    may_change = may(request.role, "expense_policy.change")
    policy = expense_policy()
    form = PolicyForm(
        request.POST if request.method == "POST" else None, policy=policy, currency=request.account.currency
    )
    if form.is_bound:
        if not may_change:
            raise PermissionDenied(who_may("expense_policy.change"))
        if form.is_valid():
            try:
                change_expense_policy(acting_user=request.user, **form.cleaned_data)
            except ValidationError as problem:
                form.add_error(None, problem)
            else:
                messages.success(request, "Saved: it holds for what is recorded from now on.")
                return redirect("budgets:expense_rules")
    rules = ApprovalRule.objects.filter(subject=ApprovalSubject.EXPENSE).select_related("category")
    context = {
        "form": form,
        "policy": policy,
        "may_change": may_change,
        "may_change_rules": may(request.role, "approval_rules.change"),
        "rules": [sentence(rule) for rule in rules.order_by("above_amount", "id")],
        "four_eyes": request.account.four_eyes,
    }
    return render(request, "budgets/expenses/rules.html", context, status=422 if form.is_bound else 200)
