"""The first page: are we within budget, and what waits for me."""

from typing import Any

from django.http import HttpResponse
from django.shortcuts import render
from django.utils import timezone
from django.views.decorators.http import require_safe

from alerts.selectors import alerts_to_answer
from budgets.selectors.approvals import waiting_for_approval
from budgets.selectors.event_list import budgets_over, drafts_to_finish, upcoming_events
from budgetsite.accounts.permissions import may
from budgetsite.accounts.roles import Role
from budgetsite.pages.access import PageRequest, page, visible
from events.views.event import event_list

SHOWN = 5


@page()
@require_safe
def home(request: PageRequest) -> HttpResponse:
    if request.role in (Role.CLIENT, Role.ATTENDEE):
        # Nothing waits for them here: their events are the answer.
        return event_list(request)
    asking = visible(request)
    approvals = []
    if may(request.role, "budgets.approve"):
        waiting = waiting_for_approval(**asking)
        if request.account.four_eyes:
            waiting = waiting.exclude(submitted_by=request.user)
        approvals = list(waiting[:SHOWN])
    alerts = list(alerts_to_answer(**asking)[:SHOWN])
    drafts = drafts_to_finish(**asking, limit=SHOWN)
    context = {
        "approvals": approvals,
        "alerts": alerts,
        "over": budgets_over(**asking, limit=SHOWN),
        "drafts": drafts,
        "shown": SHOWN,
        "waiting": _in_words(approvals=approvals, alerts=alerts, drafts=drafts),
        "upcoming": upcoming_events(**asking, now=timezone.now(), limit=SHOWN),
        "may_change": may(request.role, "events.change"),
    }
    return render(request, "events/home.html", context)


def _in_words(*, approvals: list[Any], alerts: list[Any], drafts: list[Any]) -> str:
    """Return what waits, as far as it is shown: "2 budgets to approve and 5 or more alerts to acknowledge"."""
    parts = [
        f"{len(rows)}{' or more' if len(rows) == SHOWN else ''} {noun}{'' if len(rows) == 1 else 's'} {what}"
        for rows, noun, what in (
            (approvals, "budget", "to approve"),
            (alerts, "alert", "to acknowledge"),
            (drafts, "draft", "to finish"),
        )
        if rows
    ]
    return " and ".join(", ".join(parts).rsplit(", ", 1))
