"""The pages of `/analytics`: each answers one question, and each of its figures opens the rows behind it."""

from decimal import Decimal
from typing import Any
from uuid import UUID

from django.db.models import F
from django.http import Http404, HttpResponse
from django.shortcuts import render
from django.urls import reverse
from django.utils import timezone
from django.utils.formats import date_format
from django.views.decorators.http import require_safe

from budgets.models import EntrySource, EventBudget, PaymentStatus
from budgets.selectors.analytics.accuracy import accuracy
from budgets.selectors.analytics.categories import categories
from budgets.selectors.analytics.clients import clients
from budgets.selectors.analytics.events import events
from budgets.selectors.analytics.inquiry import event_figures, inquiry_at
from budgets.selectors.analytics.lines import lines
from budgets.selectors.analytics.movements import WHAT, movements
from budgets.selectors.analytics.overspend import overspend
from budgets.selectors.analytics.overview import overview
from budgets.selectors.analytics.payments import DUE, DUE_LATER, DUE_SOON, NO_DATE, OVERDUE, expenses_behind, payments
from budgets.selectors.analytics.plan_shares import plan_shares
from budgets.selectors.analytics.profit_and_loss import profit_and_loss
from budgets.selectors.analytics.trends import Trends, trends
from budgets.views.analytics import tables
from budgets.views.analytics.asking import answer_page, read_inquiry, report_of
from budgets.views.event_budget import budget_or_404
from budgetsite.pages.access import PageRequest, page, visible
from budgetsite.pages.amounts import format_amount
from budgetsite.pages.charts import scale_of
from budgetsite.pages.keyset import keyset_page

ROWS_PER_PAGE = 50
VIEW = "analytics.view"


def _chart(found: Trends) -> dict[str, Any]:
    """Return what the chart of months draws, and what it says to who cannot see it."""
    highest = found.highest
    first, last = (date_format(found.months[place].first, "F Y") for place in (0, -1))
    words = f"From {first} to {last}."
    if highest is not None:
        words += f" Most was spent in {date_format(highest.first, 'F Y')}."
    return {
        "months": [(date_format(month.first, "M"), month.spent) for month in found.months],
        "words": words,
        "highest": highest,
    }


@page(VIEW)
@require_safe
def analytics_overview(request: PageRequest) -> HttpResponse:
    asking = read_inquiry(request)
    found = overview(asking.inquiry)
    # Once everything is closed, the sums of all are the answer.
    shown = found.open if found.open.budget_count else found.figures
    return answer_page(
        asking,
        "overview",
        report_of("overview", tables.overspend_table(asking, found.worst)),
        found=found,
        shown=shown,
        is_open=bool(found.open.budget_count),
        chart=_chart(found.trends),
        twelve=format_amount(found.trends.spent, asking.inquiry.currency),
        others=[(figures, asking.url("overview", currency=figures.currency)) for figures in found.others],
        urls={
            "overdue": asking.expenses(due=OVERDUE),
            "soon": asking.expenses(due=DUE_SOON),
            "owed": asking.url("payments"),
            "waiting_expenses": asking.expenses(waiting="1"),
            "overspend": asking.url("overspend"),
            "events": asking.url("events"),
            "months": asking.url("trends"),
        },
    )


@page(VIEW)
@require_safe
def analytics_trends(request: PageRequest) -> HttpResponse:
    asking = read_inquiry(request, days_label="Months")
    found = trends(asking.inquiry)
    return answer_page(
        asking, "trends", report_of("trends", tables.months_table(asking, found)), found=found, chart=_chart(found)
    )


@page(VIEW)
@require_safe
def analytics_categories(request: PageRequest) -> HttpResponse:
    asking = read_inquiry(request)
    found = categories(asking.inquiry)
    return answer_page(
        asking, "categories", report_of("categories", tables.categories_table(asking, found)), found=found
    )


@page(VIEW)
@require_safe
def analytics_payments(request: PageRequest) -> HttpResponse:
    asking = read_inquiry(request)
    found = payments(asking.inquiry)
    later = found.owed_by(DUE_LATER) + found.owed_by(NO_DATE)
    return answer_page(
        asking,
        "payments",
        report_of("payments", *tables.payment_tables(asking, found)),
        found=found,
        parts=[
            ("paid", "Paid", found.total.paid),
            ("later", "Not due yet", later),
            ("soon", "Due soon", found.owed_by(DUE_SOON)),
            ("overdue", "Overdue", found.owed_by(OVERDUE)),
        ],
        others=[(code, sums, asking.url("payments", currency=code)) for code, sums in found.others],
    )


@page(VIEW)
@require_safe
def analytics_clients(request: PageRequest) -> HttpResponse:
    asking = read_inquiry(request)
    return answer_page(asking, "clients", report_of("clients", tables.clients_table(asking, clients(asking.inquiry))))


@page(VIEW)
@require_safe
def analytics_events(request: PageRequest) -> HttpResponse:
    asking = read_inquiry(request)
    budgets = events(asking.inquiry)
    if request.GET.get("format"):
        # A file has all of them.
        rows = [event_figures(budget) for budget in budgets]
        return answer_page(asking, "events", report_of("events", tables.events_table(asking, rows)))
    found = keyset_page(request, budgets.annotate(begins=F("event__event_date")), by="begins", size=ROWS_PER_PAGE)
    rows = [event_figures(budget) for budget in found.rows]
    return answer_page(
        asking,
        "events",
        report_of("events", tables.events_table(asking, rows)),
        newer_url=found.newer_url,
        older_url=found.older_url,
    )


@page(VIEW)
@require_safe
def analytics_event(request: PageRequest, event_id: UUID) -> HttpResponse:
    asking = read_inquiry(request)
    budget = (
        EventBudget.objects.visible_to(**visible(request))
        .filter(event_id=event_id, event__deleted_at=None)
        .select_related("event")
        .first()
    )
    if budget is None:
        raise Http404
    found = profit_and_loss(budget, asking.inquiry)
    return answer_page(
        asking,
        "event",
        report_of("events", *tables.profit_and_loss_tables(asking, found)),
        found=found,
        currency=budget.currency,
        budget=budget,
        event=budget.event,
        promised=f"{format_amount(found.registrations.committed, budget.currency)} promised",
        registrations_url=asking.movements(event=event_id, source=EntrySource.REGISTRATION.value),
    )


@page(VIEW)
@require_safe
def analytics_accuracy(request: PageRequest) -> HttpResponse:
    asking = read_inquiry(request)
    found = accuracy(asking.inquiry)
    return answer_page(asking, "accuracy", report_of("accuracy", *tables.accuracy_tables(asking, found)), found=found)


@page(VIEW)
@require_safe
def analytics_overspend(request: PageRequest) -> HttpResponse:
    asking = read_inquiry(request)
    found = overspend(asking.inquiry)
    return answer_page(
        asking, "overspend", report_of("overspend", tables.overspend_table(asking, found.events)), found=found
    )


@page(VIEW)
@require_safe
def analytics_movements(request: PageRequest) -> HttpResponse:
    """The ledger's entries behind a figure."""
    asking = read_inquiry(request, days_label="Days")
    what, source = request.GET.get("what", ""), request.GET.get("source", "")
    entries = movements(
        asking.inquiry,
        what=what if what in WHAT else "",
        category_id=_uuid(request, "category"),
        source=source if source in EntrySource.values else "",
        event_id=_uuid(request, "event"),
    )
    found = keyset_page(request, entries, by="occurred_at", size=ROWS_PER_PAGE)
    return answer_page(
        asking,
        "movements",
        report_of("trends"),
        rows=found.rows,
        what=what,
        newer_url=found.newer_url,
        older_url=found.older_url,
    )


@page(VIEW)
@require_safe
def analytics_lines(request: PageRequest) -> HttpResponse:
    """The lines of cost behind a category's figures."""
    asking = read_inquiry(request)
    found = keyset_page(
        request, lines(asking.inquiry, category_id=_uuid(request, "category")), by="created_at", size=ROWS_PER_PAGE
    )
    return answer_page(
        asking,
        "lines",
        report_of("categories"),
        rows=found.rows,
        newer_url=found.newer_url,
        older_url=found.older_url,
    )


@page(VIEW)
@require_safe
def analytics_expenses(request: PageRequest) -> HttpResponse:
    """The expenses behind a figure."""
    asking = read_inquiry(request)
    due, status = request.GET.get("due", ""), request.GET.get("payment", "")
    rows = expenses_behind(
        asking.inquiry,
        due=due if due in DUE else "",
        status=status if status in PaymentStatus.values else "",
        waiting=bool(request.GET.get("waiting")),
    )
    found = keyset_page(request, rows, by="created_at", size=ROWS_PER_PAGE)
    return answer_page(
        asking,
        "expenses",
        report_of("payments"),
        rows=found.rows,
        heading=tables.DUE_WORDS.get(due) or tables.STATUS_WORDS.get(status) or "Expenses",
        newer_url=found.newer_url,
        older_url=found.older_url,
    )


@page(VIEW)
@require_safe
def budget_typical_shares(request: PageRequest, budget_id: UUID) -> HttpResponse:
    """A plan against what is typical: a page of its own, or the part of it that the budget's page takes in."""
    budget = budget_or_404(request, budget_id)
    inquiry = inquiry_at(timezone.now(), account=request.account, **visible(request))
    found = plan_shares(budget, inquiry)
    context = {
        "budget": budget,
        "event": budget.event,
        "currency": budget.currency,
        "shares": found,
        "scale": scale_of([share for row in found.rows for share in (row.share, row.typical.share)] or [Decimal(0)]),
        "own_url": reverse("budgets:typical_shares", args=[budget.pk]),
    }
    part = request.htmx and not request.htmx.boosted
    return render(request, f"budgets/analytics/{'parts/typical_shares' if part else 'typical_shares'}.html", context)


def _uuid(request: PageRequest, name: str) -> UUID | None:
    try:
        return UUID(request.GET.get(name, ""))
    except ValueError:
        return None
