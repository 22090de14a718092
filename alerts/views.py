"""The alerts of the account, and answering one: to acknowledge it, or to resolve it."""

from collections.abc import Callable
from typing import Any
from uuid import UUID

from django.contrib import messages
from django.http import Http404, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils import timezone
from django.utils.http import url_has_allowed_host_and_scheme
from django.views.decorators.http import require_http_methods, require_safe

from alerts.forms import ReactionForm
from alerts.models import BudgetAlert
from alerts.querysets import BudgetAlertQuerySet
from alerts.selectors import GRAVEST_FIRST, open_alerts_of
from alerts.services.problems import AlreadyAcknowledged, AlreadyResolved
from alerts.services.reactions import acknowledge_alert, resolve_alert
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
    alerts = BudgetAlert.objects.visible_to(**visible(request)).select_related(
        "budget__event", "acknowledged_by", "resolved_by"
    )
    alerts = _in_tab(alerts, state)
    event = _event_named(request)
    if event is not None:
        alerts = alerts.for_event(event.pk)
    # The gravest first costs no index of its own: the few alerts that wait are found by one and sorted.
    found = keyset_page(request, alerts, by="created_at", rank=GRAVEST_FIRST if state == "open" else None)
    suffix = f"&event={event.pk}" if event else ""
    context = {
        "alerts": found.rows,
        "newer_url": found.newer_url,
        "older_url": found.older_url,
        "state": state,
        "gravest_first": state == "open",
        "only_event": event,
        "may_answer": may(request.role, "alerts.acknowledge"),
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
        .select_related("budget__event", "acknowledged_by")
        .filter(pk=alert_id)
        .first()
    )
    if alert is None:
        raise Http404
    back = _way_back(request, alert)
    form = ReactionForm(request.POST if request.method == "POST" else None)
    if request.method == "POST" and form.is_valid():
        try:
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
        context: dict[str, Any] = {"event": alert.budget.event, "budget": alert.budget}
        if request.htmx.target == "budget-alerts":
            context |= {"alerts": list(open_alerts_of(alert.budget_id)), "may_answer": True}
            return render(request, "alerts/parts/budget_answer.html", context)
        return render(request, "alerts/parts/answered.html", context)
    context = {
        "form": form,
        "alert": alert,
        "event": alert.budget.event,
        "action": action,
        "confirm_title": "Acknowledge this alert?" if action == "acknowledge" else "Resolve this alert?",
        "confirm_label": "Acknowledge" if action == "acknowledge" else "Resolve",
        "cancel_url": back,
        "next": back,
    }
    return render(request, "alerts/answer.html", context, status=422 if form.is_bound else 200)


def _in_tab(alerts: BudgetAlertQuerySet, state: str) -> BudgetAlertQuerySet:
    if state == "resolved":
        return alerts.filter(resolved=True)
    if state == "closed":
        return alerts.open().of_budgets(closed=True)
    return alerts.waiting() if state == "open" else alerts.open().filter(is_acknowledged=True).of_budgets(closed=False)


def _way_back(request: PageRequest, alert: BudgetAlert) -> str:
    wanted = request.POST.get("next") or request.GET.get("next") or ""
    if url_has_allowed_host_and_scheme(wanted, allowed_hosts=None):
        return wanted
    return reverse("budgets:detail", args=[alert.budget_id])


def _event_named(request: PageRequest) -> Event | None:
    try:
        event_id = UUID(request.GET.get("event", ""))
    except ValueError:
        return None
    return Event.objects.visible_to(**visible(request)).filter(pk=event_id).first()
