"""The account's approval policy: read by the back office, changed by its owners."""

from typing import Any
from uuid import UUID

from django.contrib import messages
from django.core.exceptions import ValidationError
from django.http import Http404, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils import timezone
from django.views.decorators.http import require_http_methods, require_safe

from budgets.forms.approval_rules import ApprovalRuleForm, PolicyPreviewForm
from budgets.models import ApprovalRule, Category
from budgets.selectors.approval_rules import in_one_sentence, policy, rules_in_order, sentence, stages_for
from budgets.services.approval_rules import (
    ApprovalRuleExists,
    ApprovalRuleNotFound,
    TooManyApprovalRules,
    create_approval_rule,
    delete_approval_rule,
    update_approval_rule,
)
from budgets.services.problems import UnknownCategory
from budgetsite.accounts.permissions import may
from budgetsite.money.amounts import format_amount
from budgetsite.pages.access import PageRequest, page

METHODS = ["GET", "HEAD", "POST"]


@page("approval_rules.view")
@require_safe
def approval_rules(request: PageRequest) -> HttpResponse:
    found = policy()
    context = {
        "plans": [(rule, sentence(rule)) for rule in found.plans],
        "transfers": [(rule, sentence(rule)) for rule in found.transfers],
        "expenses": [(rule, sentence(rule)) for rule in found.expenses],
        "may_change": may(request.role, "approval_rules.change"),
        "may_change_account": may(request.role, "account.change"),
        **_preview(request),
    }
    return render(request, "budgets/approval_rules.html", context)


@page("approval_rules.change")
@require_http_methods(METHODS)
def rule_create(request: PageRequest) -> HttpResponse:
    return _edit(request, None)


@page("approval_rules.change")
@require_http_methods(METHODS)
def rule_edit(request: PageRequest, rule_id: UUID) -> HttpResponse:
    return _edit(request, _rule_or_404(rule_id))


@page("approval_rules.change")
@require_http_methods(METHODS)
def rule_remove(request: PageRequest, rule_id: UUID) -> HttpResponse:
    rule = _rule_or_404(rule_id)
    if request.method == "POST":
        try:
            delete_approval_rule(rule_id=rule.pk, acting_user=request.user, now=timezone.now())
        except ApprovalRuleNotFound as problem:
            messages.info(request, str(problem))
        else:
            messages.success(request, "The rule is removed.")
        return redirect("budgets:approval_rules")
    context = {
        "sentence": sentence(rule),
        "confirm_title": "Remove this rule?",
        "confirm_label": "Remove the rule",
        "confirm_tone": "danger",
        "cancel_url": reverse("budgets:approval_rules"),
    }
    return render(request, "budgets/approval_rule_remove.html", context)


def _edit(request: PageRequest, rule: ApprovalRule | None) -> HttpResponse:
    form = ApprovalRuleForm(
        request.POST if request.method == "POST" else None,
        categories=_categories(),
        currency=request.account.currency,
        rule=rule,
    )
    if request.method == "POST" and form.is_valid() and _saved(request, rule, form):
        return redirect("budgets:approval_rules")
    context = {"form": form, "rule": rule}
    return render(request, "budgets/approval_rule_form.html", context, status=422 if form.is_bound else 200)


def _saved(request: PageRequest, rule: ApprovalRule | None, form: ApprovalRuleForm) -> bool:
    """Save the form's rule, or let the form say why not."""
    fields = form.rule_fields()
    try:
        if rule is None:
            saved = create_approval_rule(acting_user=request.user, **fields)
        else:
            saved = update_approval_rule(rule_id=rule.pk, acting_user=request.user, **fields)
    except ValidationError as problem:
        form.add_error(None, problem)
    except UnknownCategory as problem:
        form.add_error("category", str(problem))
    except (ApprovalRuleExists, ApprovalRuleNotFound, TooManyApprovalRules) as problem:
        form.add_error(None, str(problem))
    else:
        messages.success(request, f"{sentence(saved)}: from now on.")
        return True
    return False


def _preview(request: PageRequest) -> dict[str, Any]:
    """Return the form to try the rules with, and in words what they ask for."""
    currency = request.account.currency
    form = PolicyPreviewForm(request.GET or None, categories=_categories(), currency=currency)
    if not form.is_bound or not form.is_valid() or form.cleaned_data["total"] is None:
        return {"preview": form, "preview_stages": []}
    values = form.cleaned_data
    currency = values["currency"] or currency
    stages = stages_for(
        total=values["total"],
        currency=currency,
        category_id=UUID(values["category"]) if values["category"] else None,
        line_amount=values["line_amount"],
    )
    return {
        "preview": form,
        "preview_amount": f"{format_amount(values['total'], currency, 'en')} {currency}",
        "preview_stages": stages,
        "preview_words": in_one_sentence(stages),
    }


def _rule_or_404(rule_id: UUID) -> ApprovalRule:
    rule = rules_in_order().filter(pk=rule_id).first()
    if rule is None:
        raise Http404
    return rule


def _categories() -> list[Category]:
    return list(Category.objects.order_by("sort_order", "name", "id"))
