"""The inbox: what waits for me, what waits for others, and where what I submitted stands."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from django.db.models import Q, QuerySet
from django.http import HttpResponse
from django.shortcuts import render
from django.utils import timezone
from django.views.decorators.http import require_safe

from budgets.forms.approvals import LATE_DAYS, InReviewFilterForm
from budgets.models import EventBudget
from budgets.selectors.approvals import Narrowed, Waiting, Whose, in_review, of_whom, with_standing
from budgets.selectors.expense_approvals import ExpenseInbox, expenses_waiting
from budgets.selectors.transfers import transfers_waiting
from budgetsite.accounts.permissions import may
from budgetsite.pages.access import PageRequest, page, visible
from budgetsite.pages.keyset import address, position, position_in
from budgetsite.pages.navigation import facts_for

# So many of each on the overview, and on a page of one of them.
SHOWN = 10
ON_A_PAGE = 25


@dataclass(frozen=True, slots=True)
class Section:
    """Budgets in review that wait for the same people, as the reader sees it."""

    whose: Whose
    waiting: list[Waiting]
    more_url: str


@page("budgets.submit")
@require_safe
def approvals(request: PageRequest) -> HttpResponse:
    late_days = request.account.approval_reminder_days or LATE_DAYS
    form = InReviewFilterForm(request.GET, late_days=late_days)
    narrowed = _narrowed(form, late_days)
    budgets = in_review(**visible(request), narrowed=narrowed)
    only = request.GET.get("show", "")
    wanted = [Whose(only)] if only in list(Whose) else list(Whose)
    found = {whose: _page(request, budgets, whose, alone=len(wanted) == 1) for whose in wanted}
    standing = {
        waiting.budget.pk: waiting
        for waiting in with_standing([b for rows, _ in found.values() for b in rows], account=request.account)
    }
    inbox = {
        whose.value: Section(whose, [standing[budget.pk] for budget in rows], more_url)
        for whose, (rows, more_url) in found.items()
    }
    # Transfers and expenses are few: they stand with the overview alone.
    whole = len(wanted) > 1 and narrowed == Narrowed()
    context: dict[str, Any] = {
        "inbox": inbox,
        "show": only if len(wanted) == 1 else "",
        "nothing": not standing,
        # A short list is read as it is: on a phone a form above it is in the way.
        "is_long": len(standing) > SHOWN or any(section.more_url for section in inbox.values()),
        "may_decide": may(request.role, "budgets.approve"),
        "may_see_rules": may(request.role, "approval_rules.view"),
        "waits_for_me": in_words(facts_for(request)),
        "for_me": facts_for(request)["approvals_waiting"],
        "transfers_for_me": facts_for(request)["transfers_waiting"],
        "transfers": transfers_waiting(account=request.account, **visible(request)) if whole else None,
        "expenses_for_me": facts_for(request)["expenses_waiting"],
        "expenses": expenses_waiting(account=request.account, **visible(request)) if whole else ExpenseInbox(),
        "form": form,
        "is_narrowed": narrowed != Narrowed(),
    }
    return render(request, "budgets/approvals.html", context)


def in_words(counts: Mapping[str, int]) -> str:
    """Return what waits: "1 budget and 2 expenses wait for you, the longest waiting first."; empty for nothing."""
    parts = [
        f"{counts[name]} {noun}{'' if counts[name] == 1 else 's'}{more}"
        for name, noun, more in (
            ("approvals_waiting", "budget", ""),
            ("transfers_waiting", "transfer", " between lines"),
            ("expenses_waiting", "expense", ""),
        )
        if counts[name]
    ]
    if not parts:
        return ""
    several = sum(counts[name] for name in ("approvals_waiting", "transfers_waiting", "expenses_waiting")) > 1
    listed = " and ".join(", ".join(parts).rsplit(", ", 1))
    return f"{listed} wait{'' if several else 's'} for you{', the longest waiting first' if several else ''}."


def _page(
    request: PageRequest, budgets: QuerySet[EventBudget], whose: Whose, *, alone: bool
) -> tuple[list[EventBudget], str]:
    """Return some budgets, and the address of those that follow; the longest waiting first."""
    rows = of_whom(budgets, whose, account=request.account, **visible(request))
    if not alone:
        found = list(rows[: SHOWN + 1])
        return found[:SHOWN], address(request, show=whose.value) if len(found) > SHOWN else ""
    after = position_in(request, "older")
    if after is not None:
        moment, key = after
        rows = rows.filter(Q(awaiting_since__gt=moment) | Q(awaiting_since=moment, pk__gt=key))
    found = list(rows[: ON_A_PAGE + 1])
    if len(found) <= ON_A_PAGE:
        return found, ""
    last = found[ON_A_PAGE - 1]
    return found[:ON_A_PAGE], address(request, older=position(last.awaiting_since, last.pk))


def _narrowed(form: InReviewFilterForm, late_days: int) -> Narrowed:
    form.is_valid()
    values = form.cleaned_data
    return Narrowed(
        search=values.get("search", ""),
        role=values.get("role", ""),
        waiting_since_before=timezone.now() - timedelta(days=late_days) if values.get("late") else None,
    )
