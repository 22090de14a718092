"""What must be paid when: by week, as a month, and paid at one press that another takes back."""

import re
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any
from urllib.parse import urlencode
from uuid import UUID

from django.contrib import messages
from django.http import Http404, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils import timezone
from django.views.decorators.http import require_POST, require_safe

from budgets.models import ExpensePolicy
from budgets.selectors.payments_due import (
    AGREED,
    BILL,
    INSTALMENT,
    DueFilter,
    DueItem,
    Place,
    billed_without_a_day,
    due_item,
    due_sums,
    payments_due,
    payments_made,
)
from budgets.selectors.payments_page import by_week, events_with_payments, month_of_days, weeks_of_month
from budgets.selectors.receipts import expenses_in_sight
from budgets.services.expense_policy import expense_policy
from budgets.services.payment_due import pay_bill, pay_instalment, unpay_bill, unpay_instalment
from budgets.services.problems import BudgetProblem
from budgetsite.accounts.permissions import may
from budgetsite.accounts.roles import Role
from budgetsite.pages.access import PageRequest, page, visible
from budgetsite.pages.amounts import format_amount

PAGE_SIZE = 60
# More than a month of days can show.
MOST_IN_A_MONTH = 500
PAID_SHOWN = 20
_MONTH = re.compile(r"(20[0-9]{2})-(0[1-9]|1[0-2])")
_PLACE = re.compile(r"([0-9]{4}-[0-9]{2}-[0-9]{2})_(agreed|bill|instalment)_([0-9a-f-]{36})")


@dataclass(frozen=True, slots=True)
class DueRow:
    """Something to be paid, and what its reader may do: pay it, or enter the bill that has not come yet."""

    item: DueItem
    may_pay: bool
    may_bill: bool


@page("expenses.view")
@require_safe
def payments(request: PageRequest) -> HttpResponse:
    """Overdue first, then week by week."""
    now, sight, policy = timezone.now(), visible(request), expense_policy()
    events = list(events_with_payments(**sight))
    event = _chosen_event(request, events)
    wanted = DueFilter(event_id=event.pk if event else None)
    after = _place(request.GET.get("after", ""))
    found = payments_due(now=now, wanted=wanted, limit=PAGE_SIZE + 1, beyond=after, **sight)
    items, more = found[:PAGE_SIZE], len(found) > PAGE_SIZE
    sums = due_sums(now=now, wanted=wanted, **sight)
    today = timezone.localdate(now)
    context = {
        "events": events,
        "event": event,
        "groups": [
            (group, _heading(group.monday, today), [_row(item, request, policy) for item in group.items])
            for group in by_week(items, cut_before=after is not None, cut_after=more)
        ],
        "overdue": [one for one in sums if one.is_overdue],
        "upcoming": [one for one in sums if not one.is_overdue],
        "without_a_day": billed_without_a_day(event_id=wanted.event_id, **sight),
        "paid": payments_made(wanted=wanted, **sight).order_by("-paid_at", "-id")[:PAID_SHOWN] if not after else [],
        "first_url": _here(request) if after else "",
        "more_url": _here(request, after=_position(items[-1])) if more else "",
        "month_url": _with_event(reverse("budgets:payments_month"), event),
        "reads_feeds": may(request.role, "expenses.view"),
    }
    return render(request, "budgets/payments/due.html", context)


@page("expenses.view")
@require_safe
def payments_month(request: PageRequest) -> HttpResponse:
    """A month as a calendar; on a narrow screen the days on which something is due."""
    now, sight = timezone.now(), visible(request)
    today = timezone.localdate(now)
    events = list(events_with_payments(**sight))
    event = _chosen_event(request, events)
    first = _month(request.GET.get("month", ""), today)
    weeks = weeks_of_month(first.year, first.month)
    wanted = DueFilter(event_id=event.pk if event else None, after=weeks[0][0], before=weeks[-1][-1])
    found = payments_due(now=now, wanted=wanted, limit=MOST_IN_A_MONTH + 1, **sight)
    context = {
        "month": first,
        "weeks": month_of_days(weeks, first.month, found[:MOST_IN_A_MONTH]),
        "weekdays": weeks[0],
        "is_cut": len(found) > MOST_IN_A_MONTH,
        "is_empty": not any(item.due_date.month == first.month for item in found),
        "today": today,
        "events": events,
        "event": event,
        "previous_url": _here(request, month=f"{first - timedelta(days=1):%Y-%m}"),
        "next_url": _here(request, month=f"{first + timedelta(days=31):%Y-%m}"),
        "this_month_url": "" if (first.year, first.month) == (today.year, today.month) else _here(request),
        "list_url": _with_event(reverse("budgets:payments"), event),
    }
    return render(request, "budgets/payments/month.html", context)


@page("expenses.pay")
@require_POST
def payment_pay(request: PageRequest, expense_id: UUID, kind: str, item_id: UUID) -> HttpResponse:
    """Note that an instalment, or what is left of a bill, was paid now."""
    expense = expenses_in_sight(**visible(request)).filter(pk=expense_id).first()
    if expense is None or kind not in (INSTALMENT, BILL):
        raise Http404
    acting: dict[str, Any] = {"acting_user": request.user, "acting_role": request.role, "now": timezone.now()}
    try:
        if kind == INSTALMENT:
            payment = pay_instalment(expense_id=expense_id, payment_id=item_id, **acting)
        else:
            payment = pay_bill(expense_id=expense_id, invoice_id=item_id, **acting)
    except BudgetProblem as problem:
        return _refused(request, problem)
    undo = reverse("budgets:payment_unpay", args=[expense_id, kind, item_id, payment.pk])
    if request.htmx:
        context = {"payment": payment, "expense": expense, "undo_url": undo, "item_id": item_id, "kind": kind}
        return render(request, "budgets/payments/paid_row.html", context)
    amount = f"{format_amount(payment.amount, expense.currency)} {expense.currency}"
    messages.success(request, f"{amount} for “{expense.description}” noted as paid.", extra_tags=undo)
    return redirect("budgets:payments")


@page("expenses.pay")
@require_POST
def payment_unpay(request: PageRequest, expense_id: UUID, kind: str, item_id: UUID, payment_id: UUID) -> HttpResponse:
    """Take back what `payment_pay` noted: what was due is due again."""
    if not expenses_in_sight(**visible(request)).filter(pk=expense_id).exists() or kind not in (INSTALMENT, BILL):
        raise Http404
    now = timezone.now()
    take_back = unpay_instalment if kind == INSTALMENT else unpay_bill
    try:
        take_back(
            expense_id=expense_id,
            payment_id=payment_id,
            acting_user=request.user,
            acting_role=request.role,
            now=now,
        )
    except BudgetProblem as problem:
        return _refused(request, problem)
    if request.htmx:
        item = due_item(expense_id=expense_id, kind=kind, item_id=item_id, now=now, **visible(request))
        row = _row(item, request, expense_policy()) if item else None
        return render(request, "budgets/payments/row.html", {"row": row})
    messages.success(request, "It is to be paid again.")
    return redirect("budgets:payments")


def _refused(request: PageRequest, problem: BudgetProblem) -> HttpResponse:
    messages.error(request, str(problem))
    if request.htmx:
        # The list is not what it was: it is read anew, and says why.
        response = HttpResponse(status=204)
        response["HX-Redirect"] = reverse("budgets:payments")
        return response
    return redirect("budgets:payments")


def _row(item: DueItem, request: PageRequest, policy: ExpensePolicy) -> DueRow:
    """A client notes payments where the account lets them, and none that the team planned."""
    is_client = request.role == Role.CLIENT
    allowed = may(request.role, "expenses.pay") and item.kind != AGREED
    pays = allowed and (not is_client or (policy.clients_add_payments and item.kind == BILL))
    return DueRow(item, may_pay=pays, may_bill=item.kind == AGREED and may(request.role, "expenses.change"))


def _heading(monday: date | None, today: date) -> str:
    if monday is None:
        return "Overdue"
    this_monday = today - timedelta(days=today.weekday())
    names = {this_monday: "This week", this_monday + timedelta(days=7): "Next week"}
    return names.get(monday, "")


def _chosen_event(request: PageRequest, events: list[Any]) -> Any:
    return next((event for event in events if str(event.pk) == request.GET.get("event")), None)


def _month(text: str, today: date) -> date:
    """Return the first day of the month that an address names; the present one where it names none."""
    match = _MONTH.fullmatch(text)
    return date(int(match[1]), int(match[2]), 1) if match else today.replace(day=1)


def _position(item: DueItem) -> str:
    return f"{item.due_date.isoformat()}_{item.kind}_{item.id}"


def _place(text: str) -> Place | None:
    """Return where a page begins; what can't be read, from an address cut off, is the first page."""
    match = _PLACE.fullmatch(text)
    try:
        return (date.fromisoformat(match[1]), match[2], UUID(match[3])) if match else None
    except ValueError:
        return None


def _here(request: PageRequest, **position: str) -> str:
    """Return this page's address at another position, its event kept."""
    kept = {"event": request.GET["event"]} if request.GET.get("event") else {}
    query = urlencode({**kept, **position})
    return f"{request.path}?{query}" if query else request.path


def _with_event(address: str, event: Any) -> str:
    return f"{address}?{urlencode({'event': event.pk})}" if event else address
