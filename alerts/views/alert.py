"""The alerts of the account, and answering one: to acknowledge it, or to resolve it."""

from collections.abc import Callable
from typing import Any
from uuid import UUID

from django.contrib import messages
from django.db.models import QuerySet
from django.http import Http404, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils import timezone
from django.utils.http import url_has_allowed_host_and_scheme
from django.views.decorators.http import require_http_methods, require_safe

from alerts.forms.alert import ReactionForm
from alerts.models import BudgetAlert
from alerts.querysets import BudgetAlertQuerySet
from alerts.selectors import GRAVEST_FIRST, open_alerts_of, open_alerts_of_scoped
from alerts.services.problems import AlreadyAcknowledged, AlreadyResolved
from alerts.services.reactions import acknowledge_alert, resolve_alert
from budgets.models import EventBudget, ScopedBudget
from budgetsite.accounts.permissions import may
from budgetsite.pages.access import PageRequest, page, visible
from budgetsite.pages.keyset import keyset_page
from events.models import Event

STATES = (
    ("open", "To acknowledge"),
    ("acknowledged", "Acknowledged"),
    ("closed", "Of closed budgets"),
    ("resolved", "Resolved"),
)


@page("alerts.view")
@require_safe
def alert_list(request: PageRequest) -> HttpResponse:
    state = request.GET.get("state", "open")
    if state not in dict(STATES):
        state = "open"
    seen = BudgetAlert.objects.visible_to(**visible(request))
    alerts = _in_tab(seen.with_budgets().select_related("acknowledged_by", "resolved_by"), state)
    event = _named(request, "event", Event.objects.visible_to(**visible(request)))
    company_budget = None
    if event is not None:
        alerts = alerts.for_event(event.pk)
    elif may(request.role, "scoped_budgets.view"):
        company_budget = _named(request, "company_budget", ScopedBudget.objects.all())
        alerts = alerts if company_budget is None else alerts.for_scoped_budget(company_budget.pk)
    # The gravest first costs no index of its own: the few alerts that wait are found by one and sorted.
    found = keyset_page(request, alerts, by="created_at", rank=GRAVEST_FIRST if state == "open" else None)
    suffix = f"&event={event.pk}" if event else f"&company_budget={company_budget.pk}" if company_budget else ""
    context = {
        "alerts": found.rows,
        "newer_url": found.newer_url,
        "older_url": found.older_url,
        "state": state,
        "gravest_first": state == "open",
        "only": event or company_budget,
        "may_answer": may(request.role, "alerts.acknowledge"),
        "rules_url": _rules_url(event) if may(request.role, "alert_rules.view") and company_budget is None else "",
        "tabs": [{"label": label, "url": f"?state={name}{suffix}", "current": name == state} for name, label in STATES],
    }
    return render(request, "alerts/list.html", context)


@page("alerts.acknowledge")
@require_http_methods(["GET", "HEAD", "POST"])
def alert_acknowledge(request: PageRequest, alert_id: UUID) -> HttpResponse:
    """Without script and with it: a page for a comment, and one press without one."""
    return _answer(request, alert_id, acknowledge_alert, "acknowledge")


@page("alerts.acknowledge")
@require_http_methods(["GET", "HEAD", "POST"])
def alert_resolve(request: PageRequest, alert_id: UUID) -> HttpResponse:
    return _answer(request, alert_id, resolve_alert, "resolve")


def _answer(request: PageRequest, alert_id: UUID, service: Callable[..., BudgetAlert], action: str) -> HttpResponse:
    alert = (
        BudgetAlert.objects.visible_to(**visible(request))
        .with_budgets()
        .select_related("acknowledged_by")
        .filter(pk=alert_id)
        .first()
    )
    if alert is None:
        raise Http404
    back = _way_back(request, alert)
    form = ReactionForm(request.POST if request.method == "POST" else None)
    if request.method == "POST" and form.is_valid():
        try:
            # A refusal says when somebody else was faster.
            with timezone.override(request.account.timezone):
                service(
                    alert_id=alert.pk,
                    acting_user=request.user,
                    now=timezone.now(),
                    comment=form.cleaned_data["comment"],
                )
        except (AlreadyAcknowledged, AlreadyResolved) as problem:
            messages.info(request, str(problem))
        else:
            messages.success(request, "Acknowledged." if action == "acknowledge" else "Resolved.")
        if not request.htmx:
            return redirect(back)
        if request.htmx.target == "budget-alerts":
            return render(request, "alerts/parts/budget_answer.html", _open_beside(alert) | {"may_answer": True})
        return render(request, "alerts/parts/answered.html")
    context = {
        "form": form,
        "alert": alert,
        "action": action,
        "confirm_title": "Acknowledge this alert?" if action == "acknowledge" else "Resolve this alert?",
        "confirm_label": "Acknowledge" if action == "acknowledge" else "Resolve",
        "cancel_url": back,
        "next": back,
    }
    return render(request, "alerts/answer.html", context, status=422 if form.is_bound else 200)


def _open_beside(alert: BudgetAlert) -> dict[str, Any]:
    """Return what the card on the budget's page is drawn from."""
    if alert.scoped_budget is not None:
        return {"alerts": list(open_alerts_of_scoped(alert.scoped_budget.pk)), "budget": alert.scoped_budget}
    budget = alert.event_budget
    return {"alerts": list(open_alerts_of(budget.pk)), "event": budget.event, "budget": budget}


def _in_tab(alerts: BudgetAlertQuerySet, state: str) -> BudgetAlertQuerySet:
    if state == "resolved":
        return alerts.filter(resolved=True)
    if state == "closed":
        return alerts.open().settled()
    return alerts.waiting() if state == "open" else alerts.open().filter(is_acknowledged=True).settled(False)


def _way_back(request: PageRequest, alert: BudgetAlert) -> str:
    wanted = request.POST.get("next") or request.GET.get("next") or ""
    if url_has_allowed_host_and_scheme(wanted, allowed_hosts=None):
        return wanted
    if alert.scoped_budget_id is not None:
        return reverse("budgets:company_budget", args=[alert.scoped_budget_id])
    return reverse("budgets:detail", args=[alert.budget_id])


def _rules_url(event: Event | None) -> str:
    """Return where one sees what raises these alerts: the account's rule, or that of the event's budget."""
    budget = None if event is None else EventBudget.objects.filter(event=event).first()
    return reverse("alerts:rules") if budget is None else reverse("alerts:budget_rule", args=[budget.pk])


def _named(request: PageRequest, parameter: str, rows: QuerySet[Any]) -> Any:
    """Return the one of `rows` that the address names, None without or for one that is out of sight."""
    try:
        row_id = UUID(request.GET.get(parameter, ""))
    except ValueError:
        return None
    return rows.filter(pk=row_id).first()
