"""What raises alerts, tried on the past year before it is kept; and when people are reminded and whom else is told."""

from typing import Any
from uuid import UUID

from django.contrib import messages
from django.core.exceptions import ValidationError
from django.http import Http404, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils import timezone
from django.views.decorators.http import require_http_methods

from alerts.forms.alert_rule import AlertRuleForm
from alerts.forms.escalation_policy import EscalationForm
from alerts.models import AlertRule, AlertType
from alerts.selectors import own_rules
from alerts.services.escalation_policy import change_escalation_policy, escalation_policy
from alerts.services.problems import RuleExists
from alerts.services.replay import TooMuchToTry
from alerts.services.rules import (
    RulePreview,
    delete_alert_rule,
    governing_rule,
    preview_alert_rule,
    set_alert_rule,
)
from budgets.models import EventBudget
from budgetsite.accounts.permissions import may
from budgetsite.pages.access import PageRequest, demand, page, visible

METHODS = ["GET", "HEAD", "POST"]
RULES_LISTED = 100


@page("alert_rules.view")
@require_http_methods(METHODS)
def alert_rules(request: PageRequest, budget_id: UUID | None = None) -> HttpResponse:
    """The account's rule, or the one that replaces it for a budget. Whoever sees it may try another."""
    budget = None if budget_id is None else _budget(request, budget_id)
    own = AlertRule.objects.filter(budget=budget).first()
    wanted = request.POST.get("do") if request.method == "POST" else None
    if wanted == "remove":
        return _remove(request, own, budget)
    step = request.POST.get("step", "")
    form = _form(request, budget, data=request.POST if wanted or step else None)
    if step:
        # Nothing is judged yet.
        form.change_rows(step)
        if request.htmx:
            return render(request, "alerts/parts/own_thresholds.html", {"form": form, "budget": budget})
        return _show(request, budget, own=own, form=form)
    preview = None
    if form.is_bound and form.is_valid():
        try:
            if wanted == "preview":
                preview = preview_alert_rule(budget=budget, now=timezone.now(), **form.rule_fields())
            else:
                demand(request.role, "alert_rules.change")
                set_alert_rule(budget=budget, acting_user=request.user, **form.rule_fields())
                messages.success(request, "Saved: it holds from now on.")
                return redirect(_address(budget))
        except ValidationError as problem:
            form.place(problem)
        except TooMuchToTry as problem:
            form.add_error(None, str(problem))
        except RuleExists:
            form.add_error(None, "Somebody else has made a rule meanwhile. Save again to replace what it says.")
    return _show(request, budget, own=own, form=form, preview=preview)


@page("alert_rules.change")
@require_http_methods(METHODS)
def escalation(request: PageRequest) -> HttpResponse:
    """Keep when people are reminded. After something wrong its address stands in the browser: it leads to the page."""
    if request.method != "POST":
        return redirect(f"{reverse('alerts:rules')}#escalation")
    form = EscalationForm(request.POST, policy=escalation_policy())
    if form.is_valid():
        try:
            change_escalation_policy(acting_user=request.user, **form.cleaned_data)
        except ValidationError as problem:
            form.add_error(None, problem)
        else:
            messages.success(request, "Saved: it holds from now on.")
            return redirect(f"{reverse('alerts:rules')}#escalation")
    own = AlertRule.objects.of_account().first()
    return _show(request, None, own=own, form=_form(request, None), escalation_form=form)


def _remove(request: PageRequest, own: AlertRule | None, budget: EventBudget | None) -> HttpResponse:
    demand(request.role, "alert_rules.change")
    if own is not None:
        delete_alert_rule(rule=own, acting_user=request.user, now=timezone.now())
    messages.success(
        request, "The account's rule holds again." if budget else "What every new account has holds again."
    )
    return redirect(_address(budget))


def _form(request: PageRequest, budget: EventBudget | None, *, data: Any = None) -> AlertRuleForm:
    return AlertRuleForm(
        data,
        rule=governing_rule(None if budget is None else budget.pk),
        budget_currency=None if budget is None else budget.currency,
        account_currency=request.account.currency,
    )


def _show(
    request: PageRequest,
    budget: EventBudget | None,
    *,
    own: AlertRule | None,
    form: AlertRuleForm,
    preview: RulePreview | None = None,
    escalation_form: EscalationForm | None = None,
) -> HttpResponse:
    policy = escalation_policy()
    context = {
        "budget": budget,
        "own": own,
        "form": form,
        "preview": preview,
        "kinds": _kinds(preview),
        "may_change": may(request.role, "alert_rules.change"),
        "policy": policy,
        "escalation_form": escalation_form or EscalationForm(policy=policy),
        "others": list(own_rules()[:RULES_LISTED]) if budget is None else [],
    }
    is_wrong = form.is_wrong or bool(escalation_form and escalation_form.errors)
    return render(request, "alerts/rules.html", context, status=422 if is_wrong else 200)


def _kinds(preview: RulePreview | None) -> list[dict[str, Any]]:
    """Return how often each kind of alert would have fired, by the rule tried and by the present one."""
    if preview is None:
        return []
    tried, present = preview.proposed.by_type, preview.present.by_type
    return [
        {"label": kind.label, "tried": tried.get(kind, 0), "present": present.get(kind, 0)}
        for kind in AlertType
        if kind in tried or kind in present
    ]


def _address(budget: EventBudget | None) -> str:
    return reverse("alerts:rules") if budget is None else reverse("alerts:budget_rule", args=[budget.pk])


def _budget(request: PageRequest, budget_id: UUID) -> EventBudget:
    found: EventBudget | None = (
        EventBudget.objects.visible_to(**visible(request)).select_related("event").filter(pk=budget_id).first()
    )
    if found is None:
        raise Http404
    return found
