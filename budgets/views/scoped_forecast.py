"""What a scoped budget's window comes to: three ways to tell, side by side, each with what it assumes."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import date, timedelta
from decimal import Decimal
from uuid import UUID

from django.http import HttpResponse
from django.shortcuts import render
from django.urls import reverse
from django.utils.formats import date_format
from django.views.decorators.http import require_safe

from budgets.selectors.forecast import sentences
from budgets.selectors.forecast.history import ComingEvent
from budgets.selectors.forecast.promises import PromisedMonth
from budgets.selectors.forecast.together import Forecast, forecast
from budgets.selectors.scoped_status import Standing
from budgets.services.windows import today
from budgets.views.scoped_page import scoped_context, scoped_page_or_404
from budgetsite.pages.access import PageRequest, page
from budgetsite.pages.amounts import format_amount, format_usage_total
from budgetsite.pages.course_chart import CourseChart, course_chart
from budgetsite.pages.figures import AMOUNT, COUNT, DAY, PERCENTAGE, USAGE, Cell, Column, Table

ZERO = Decimal(0)


@dataclass(frozen=True, slots=True)
class Way:
    """One way to tell, as the page shows it. `verdict` says in words what the total means; `kind` draws its line."""

    kind: str
    title: str
    total: Decimal | None
    overrun: Decimal
    verdict: str
    assumption: str
    based_on: str
    missing: str


@page("scoped_budgets.view")
@require_safe
def company_forecast(request: PageRequest, budget_id: UUID) -> HttpResponse:
    shown = scoped_page_or_404(budget_id)
    found = forecast(shown.standing)
    ways = _ways(found)
    context = scoped_context(request, shown, current="company_forecast") | {
        "found": found,
        "ways": ways,
        "chart": _chart(found),
        "chart_words": _chart_words(found, ways),
        "limit_words": f"Limit {format_amount(shown.budget.amount, shown.budget.currency)}",
        "months": _months_table(found),
        "events": _events_table(found),
        "types": _types_table(found),
        "last_day": found.standing.window.first_day + timedelta(days=found.standing.days - 1),
        "foreseen": [way for way in ways if way.total is not None],
    }
    return render(request, "budgets/company/forecast.html", context)


def _ways(found: Forecast) -> list[Way]:
    standing, burn, promises, history = found.standing, found.burn, found.promises, found.history
    gone = ""
    if burn.runs_out_on is not None:
        gone = f" The last of the money is spent on {date_format(burn.runs_out_on, 'j F Y')}."
    return [
        Way(
            kind="burn",
            title="At the pace so far",
            total=burn.projected_total,
            overrun=burn.overrun,
            verdict=_verdict(standing, burn.projected_total) + gone,
            assumption=sentences.burn_assumption(standing),
            based_on=sentences.burn_data(standing),
            missing=sentences.burn_missing(burn, standing),
        ),
        Way(
            kind="promises",
            title="By what is promised",
            total=promises.projected_total,
            overrun=promises.overrun,
            verdict=_verdict(standing, promises.projected_total),
            assumption=sentences.promises_assumption(),
            based_on=sentences.promises_data(promises),
            missing=sentences.promises_missing(promises),
        ),
        Way(
            kind="history",
            title="By finished events",
            total=history.projected_total,
            overrun=history.overrun,
            verdict=_verdict(standing, history.projected_total),
            assumption=sentences.history_assumption(),
            based_on=sentences.history_data(history),
            missing=sentences.history_missing(history),
        ),
    ]


def _verdict(standing: Standing, total: Decimal | None) -> str:
    if total is None:
        return ""
    left = standing.budget.amount - total
    words = f"{format_usage_total(abs(left), standing.budget.currency)} {standing.budget.currency}"
    if left < 0:
        return f"{words} over the limit."
    return f"{words} would be left." if left else "Exactly the limit."


def _chart(found: Forecast) -> CourseChart | None:
    """Return the course so far with each way on from it; None before anything can be drawn."""
    standing = found.standing
    if not found.course:
        return None
    place = _places(standing)
    now_there = today(standing.budget, standing.now)
    here = (place(now_there), found.course[-1].spent)
    actual = [(ZERO, ZERO), *((place(point.day + timedelta(days=1)), point.spent) for point in found.course[:-1]), here]
    lines = [("actual", actual)]
    for kind, total in (("burn", found.burn.projected_total), ("history", found.history.projected_total)):
        if total is not None:
            lines.append((kind, [here, (Decimal(1), total)]))
    if found.promises.projected_total is not None:
        lines.append(
            ("promises", [here, *_promised_points(found, place), (Decimal(1), found.promises.projected_total)])
        )
    return course_chart(
        lines,
        limit=standing.budget.amount,
        first_label=date_format(standing.window.first_day, "j M Y"),
        last_label=date_format(standing.window.first_day + timedelta(days=standing.days - 1), "j M Y"),
    )


def _places(standing: Standing) -> Callable[[date], Decimal]:
    """Return the function that says how far along the window a day begins, from 0 to 1."""

    def place(day: date) -> Decimal:
        passed = Decimal((day - standing.window.first_day).days) / standing.days
        return min(max(passed, ZERO), Decimal(1))

    return place


def _promised_points(found: Forecast, place: Callable[[date], Decimal]) -> list[tuple[Decimal, Decimal]]:
    return [
        (place(_month_after(month.first)), month.running)
        for month in found.promises.months
        if month.first is not None and month.running is not None
    ]


def _month_after(first: date) -> date:
    return (first + timedelta(days=31)).replace(day=1)


def _chart_words(found: Forecast, ways: list[Way]) -> str:
    currency = found.standing.budget.currency
    spent = f"{format_usage_total(found.standing.figures.actual, currency)} {currency} are spent so far."
    foreseen = [
        f"{way.title}: {format_usage_total(way.total, currency)} at the end." for way in ways if way.total is not None
    ]
    return " ".join([spent, *foreseen])


def _months_table(found: Forecast) -> Table | None:
    if not found.promises.months:
        return None
    has_bills = any(month.to_pay for month in found.promises.months)

    def row(month: PromisedMonth) -> list[Cell]:
        name = "Later" if month.first is None else date_format(month.first, "F Y")
        cells = [
            Cell(name),
            Cell(month.expenses),
            Cell(month.events),
            Cell(month.reservations),
            Cell(month.running),
        ]
        return [*cells, Cell(month.to_pay)] if has_bills else cells

    columns = [
        Column("month", "Month"),
        Column("expenses", "Expenses", USAGE),
        Column("events", "Events", USAGE),
        Column("reservations", "Reserved", USAGE),
        Column("running_total", "Spent by then", USAGE),
    ]
    return Table(
        name="months",
        title="When promises become spend",
        currency=found.standing.budget.currency,
        columns=[*columns, Column("bills_due", "Bills to pay", USAGE)] if has_bills else columns,
        rows=[row(month) for month in found.promises.months],
    )


def _events_table(found: Forecast) -> Table | None:
    if not found.history.events:
        return None

    def row(event: ComingEvent) -> list[Cell]:
        note = f"{sentences.type_in_words(event.event_type)}, in {event.days_to_go} days"
        return [
            Cell(event.name, reverse("budgets:detail", args=[event.budget_id]), note=note),
            Cell(event.event_day),
            Cell(event.planned),
            Cell(event.committed),
            Cell(event.actual),
            Cell(event.projected, note=sentences.BASIS_WORDS[event.basis]),
        ]

    return Table(
        name="events",
        title="Events still to come",
        currency=found.standing.budget.currency,
        columns=[
            Column("event", "Event"),
            Column("event_day", "Day", DAY),
            Column("budgeted_amount", "Budgeted", AMOUNT),
            Column("committed_amount", "Promised", AMOUNT),
            Column("actual_amount", "Spent", AMOUNT),
            Column("projected_amount", "Will cost", AMOUNT),
        ],
        rows=[row(event) for event in found.history.events],
    )


def _types_table(found: Forecast) -> Table | None:
    known = [one for one in found.history.types if one.count]
    if not known:
        return None
    return Table(
        name="types",
        title="Finished events of these types",
        currency=found.standing.budget.currency,
        columns=[
            Column("event_type", "Type"),
            Column("count", "Finished", COUNT),
            Column("first_day", "From", DAY),
            Column("last_day", "Until", DAY),
            Column("cost_percentage", "Cost, of planned", PERCENTAGE),
            Column("mean_absolute_deviation", "Missed their plans by", PERCENTAGE),
        ],
        rows=[
            [
                Cell(
                    sentences.type_in_words(one.event_type),
                    f"{reverse('budgets:analytics_accuracy')}?event_type={one.event_type}",
                ),
                Cell(one.count),
                Cell(one.first_day),
                Cell(one.last_day),
                Cell(one.cost_percentage),
                Cell(one.accuracy.mean_absolute_deviation),
            ]
            for one in known
        ],
    )
