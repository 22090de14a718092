"""The first page: are we within budget, and what waits for me."""

from typing import Any

from django.http.response import HttpResponseBase
from django.shortcuts import render
from django.utils import timezone
from django.views.decorators.http import require_safe

from alerts.selectors import alerts_to_answer
from budgets.models import EventBudget
from budgets.selectors.approvals import waiting_for_me
from budgets.selectors.company_tree import grave_budgets
from budgets.selectors.event_list import budgets_over, drafts_to_finish, upcoming_events
from budgets.selectors.expense_approvals import expenses_waiting
from budgets.selectors.transfers import transfers_waiting
from budgetsite.accounts.permissions import may
from budgetsite.accounts.roles import Role
from budgetsite.pages.access import PageRequest, page, visible
from budgetsite.pages.navigation import facts_for
from events.views.event import event_list

SHOWN = 5


@page()
@require_safe
def home(request: PageRequest) -> HttpResponseBase:
    if request.role == Role.CLIENT:
        return _client_home(request)
    if request.role == Role.ATTENDEE:
        # Nothing waits for them here: their events are the answer.
        return event_list(request)
    asking = visible(request)
    approvals = waiting_for_me(account=request.account, **asking, limit=SHOWN)
    transfers = []
    if facts_for(request)["transfers_waiting"]:
        transfers = transfers_waiting(account=request.account, **asking).to_decide[:SHOWN]
    expenses = []
    if facts_for(request)["expenses_waiting"]:
        expenses = expenses_waiting(account=request.account, **asking).to_decide[:SHOWN]
    alerts = list(alerts_to_answer(**asking)[:SHOWN])
    drafts = drafts_to_finish(**asking, limit=SHOWN)
    now = timezone.now()
    context = {
        "approvals": approvals,
        "transfers": transfers,
        "expenses": expenses,
        "alerts": alerts,
        "over": budgets_over(**asking, limit=SHOWN),
        "company_budgets": grave_budgets(now=now) if may(request.role, "scoped_budgets.view") else [],
        "drafts": drafts,
        "shown": SHOWN,
        "waiting": _in_words(facts_for(request), drafts=len(drafts)),
        "upcoming": upcoming_events(**asking, now=now, limit=SHOWN),
        "may_change": may(request.role, "events.change"),
    }
    return render(request, "events/home.html", context)


def _client_home(request: PageRequest) -> HttpResponseBase:
    """What a client asks: is our event within budget, and what have we to pay."""
    budgets = EventBudget.objects.visible_to(**visible(request)).filter(event__deleted_at=None)
    found = list(budgets.select_related("event__venue").order_by("-event__event_date", "-id")[:SHOWN])
    if not found:
        return event_list(request)
    return render(request, "events/client_home.html", {"budgets": found})


def _in_words(counts: dict[str, Any], *, drafts: int) -> str:
    """Return what waits: "2 budgets to approve, 10 alerts to acknowledge and 1 draft to finish"."""
    parts = [
        f"{count}{more} {noun}{'' if count == 1 else 's'} {what}"
        for count, more, noun, what in (
            (counts["approvals_waiting"], "", "budget", "to approve"),
            (counts["transfers_waiting"], "", "transfer", "to approve"),
            (counts["expenses_waiting"], "", "expense", "to approve"),
            (counts["alerts_open"], "", "alert", "to acknowledge"),
            (drafts, " or more" if drafts == SHOWN else "", "draft", "to finish"),
        )
        if count
    ]
    return " and ".join(", ".join(parts).rsplit(", ", 1))
