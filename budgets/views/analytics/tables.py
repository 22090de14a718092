"""The tables of the pages: which figure stands where, and which rows are behind it."""

from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

from django.utils.formats import date_format
from django.utils.timezone import localtime

from budgets.models import EntrySource, PaymentStatus
from budgets.selectors.analytics import movements as moved
from budgets.selectors.analytics import payments as paying
from budgets.selectors.analytics.accuracy import Accuracy, AccuracyReport, deviation
from budgets.selectors.analytics.categories import Categories
from budgets.selectors.analytics.clients import ClientFigures
from budgets.selectors.analytics.inquiry import EventFigures, Figures
from budgets.selectors.analytics.payments import Payments, PaymentSums
from budgets.selectors.analytics.profit_and_loss import CategoryCosts, ProfitAndLoss
from budgets.selectors.analytics.trends import Trends
from budgets.views.analytics.asking import Asking, budget_url
from budgetsite.money import ratios
from budgetsite.pages.charts import scale_of
from budgetsite.pages.figures import AMOUNT, COUNT, DAY, PERCENTAGE, VARIANCE, Cell, Column, Table
from events.models import EventType

STATUS_WORDS = dict(PaymentStatus.choices)
DUE_WORDS = {
    paying.OVERDUE: "Overdue",
    paying.DUE_SOON: f"Due within {paying.SOON_DAYS} days",
    paying.DUE_LATER: "Due later",
    paying.NO_DATE: "No due date",
}
TYPE_WORDS = dict(EventType.choices)

_FIGURES = (
    Column("budgeted_amount", "Budgeted", AMOUNT),
    Column("committed_amount", "Committed", AMOUNT),
    Column("actual_amount", "Actual", AMOUNT),
    Column("variance_amount", "Variance", VARIANCE),
)


def months_table(asking: Asking, found: Trends) -> Table:
    rows = []
    for month in reversed(found.months):
        # The days of the inquiry are months here; a row's own take their place.
        days = {"from": month.first, "to": month.last}
        rows.append(
            [
                Cell(date_format(month.first, "F Y")),
                Cell(month.spent, asking.movements(what=moved.SPENT, **days) if month.spent else ""),
                Cell(month.committed, asking.movements(what=moved.COMMITTED, **days) if month.committed else ""),
                Cell(month.received, asking.movements(what=moved.INCOME, **days) if month.received else ""),
            ]
        )
    return Table(
        name="months",
        title="Months",
        currency=found.currency,
        columns=[
            Column("month", "Month"),
            Column("spent_amount", "Spent", AMOUNT),
            Column("committed_amount", "Newly committed", AMOUNT),
            Column("received_amount", "Received", AMOUNT),
        ],
        rows=rows,
        total=[
            Cell("All months"),
            Cell(found.spent),
            Cell(sum((month.committed for month in found.months), ratios.ZERO)),
            Cell(found.received),
        ],
    )


def categories_table(asking: Asking, found: Categories) -> Table:
    scale = scale_of([*(row.share_of_plan for row in found.rows), *(_typical(row) for row in found.rows)])
    rows = [
        [
            Cell(row.name, note=row.hint),
            Cell(row.planned, asking.url("lines", category=row.category_id)),
            Cell(row.committed, asking.url("lines", category=row.category_id) if row.committed else ""),
            Cell(row.actual, asking.movements(category=row.category_id, what=moved.SPENT) if row.actual else ""),
            Cell(row.variance),
            Cell(
                row.share_of_plan,
                bar=None
                if row.share_of_plan is None
                else {"share": row.share_of_plan, "typical": _typical(row), "scale": scale},
            ),
            Cell(row.share_of_spend),
            Cell(_typical(row), note=_source(row)),
        ]
        for row in found.rows
    ]
    beside = (found.planned_on_no_line, found.committed_on_no_line, found.actual_on_no_line)
    if any(beside):
        rows.append(
            [Cell("On no line"), *map(Cell, beside), Cell(beside[0] - beside[2]), Cell(None), Cell(None), Cell(None)]
        )
    return Table(
        name="categories",
        title="Categories",
        currency=found.figures.currency,
        columns=[
            Column("category", "Category"),
            *_FIGURES,
            Column("share_of_plan", "Share of plan", PERCENTAGE),
            Column("share_of_spend", "Share of spend", PERCENTAGE),
            Column("typical_share", "Typical share", PERCENTAGE),
        ],
        rows=rows,
        total=[
            Cell("Together"),
            Cell(found.figures.budgeted),
            Cell(found.figures.committed),
            Cell(found.figures.actual),
            Cell(found.figures.variance),
            Cell(None),
            Cell(None),
            Cell(None),
        ],
    )


def _typical(row: Any) -> Any:
    return None if row.typical is None else row.typical.share


def _source(row: Any) -> str:
    if row.typical is None:
        return ""
    own = row.typical.statistics
    return "benchmark" if own is None else f"median of {own.event_count} past events"


def _payment_columns(first: Column) -> list[Column]:
    return [
        first,
        Column("count", "Expenses", COUNT),
        Column("amount", "Amount", AMOUNT),
        Column("billed_amount", "Billed", AMOUNT),
        Column("paid_amount", "Paid", AMOUNT),
        Column("owed_amount", "To be paid", AMOUNT),
    ]


def _payment_row(words: str, sums: PaymentSums, url: str) -> list[Cell]:
    url = url if sums.count else ""
    return [
        Cell(words),
        Cell(sums.count, url),
        Cell(sums.amount),
        Cell(sums.billed),
        Cell(sums.paid),
        Cell(sums.owed, url if sums.owed else ""),
    ]


def payment_tables(asking: Asking, found: Payments) -> list[Table]:
    return [
        Table(
            name="due",
            title="What is to be paid, by when",
            currency=found.currency,
            columns=_payment_columns(Column("due", "Due")),
            rows=[_payment_row(DUE_WORDS[due], sums, asking.expenses(due=due)) for due, sums in found.by_due.items()],
        ),
        Table(
            name="status",
            title="By status",
            currency=found.currency,
            columns=_payment_columns(Column("payment_status", "Status")),
            rows=[
                _payment_row(STATUS_WORDS[status], sums, asking.expenses(payment=status))
                for status, sums in found.by_status.items()
            ],
            total=_payment_row("All but the cancelled", found.total, ""),
        ),
    ]


def clients_table(asking: Asking, found: list[ClientFigures]) -> Table:
    return Table(
        name="clients",
        title="Clients",
        currency=asking.inquiry.currency,
        columns=[
            Column("client", "Client"),
            Column("event_count", "Events", COUNT),
            Column("over_budget_count", "Over budget", COUNT),
            *_FIGURES,
            Column("overrun_amount", "Overrun", AMOUNT),
        ],
        rows=[
            [
                Cell(row.name or "No client named"),
                Cell(row.figures.budget_count, _of_client(asking, "events", row.client_id)),
                Cell(
                    row.figures.over_count,
                    _of_client(asking, "overspend", row.client_id) if row.figures.over_count else "",
                ),
                *_figures(row.figures, actual_url=_of_client(asking, "movements", row.client_id)),
                Cell(row.figures.overrun),
            ]
            for row in found
        ],
    )


def _of_client(asking: Asking, place: str, client_id: UUID | None) -> str:
    return asking.url(place, client=client_id) if client_id else ""


def _figures(figures: Figures, *, url: str = "", actual_url: str = "") -> list[Cell]:
    return [
        Cell(figures.budgeted, url),
        Cell(figures.committed),
        Cell(figures.actual, actual_url if figures.actual else ""),
        Cell(figures.variance),
    ]


_EVENT = (Column("event", "Event"), Column("event_type", "Type"), Column("event_date", "Day", DAY))


def _event(row: EventFigures, *, url: str) -> list[Cell]:
    day = localtime(row.event.event_date, ZoneInfo(row.event.zone)).date()
    return [Cell(row.event.name, url), Cell(TYPE_WORDS.get(row.event.event_type, "")), Cell(day)]


def events_table(asking: Asking, rows: list[EventFigures]) -> Table:
    return Table(
        name="events",
        title="Events",
        currency=asking.inquiry.currency,
        columns=[
            *_EVENT,
            *_FIGURES,
            Column("income_amount", "Income", AMOUNT),
            Column("result_amount", "Result", AMOUNT),
        ],
        rows=[
            [
                *_event(row, url=asking.url("event", row.event.event_id)),
                *_figures(
                    row.figures,
                    url=budget_url(row.event.budget_id),
                    actual_url=asking.movements(event=row.event.event_id, what=moved.SPENT),
                ),
                Cell(row.figures.income),
                Cell(row.figures.result),
            ]
            for row in rows
        ],
    )


def overspend_table(asking: Asking, rows: list[EventFigures]) -> Table:
    return Table(
        name="overspend",
        title="Overspent events",
        currency=asking.inquiry.currency,
        columns=[
            *_EVENT,
            Column("budgeted_amount", "Budgeted", AMOUNT),
            Column("actual_amount", "Actual", AMOUNT),
            Column("overrun_amount", "Overrun", AMOUNT),
            Column("overrun_percentage", "Of budgeted", PERCENTAGE),
        ],
        rows=[
            [
                *_event(row, url=budget_url(row.event.budget_id)),
                Cell(row.figures.budgeted),
                Cell(row.figures.actual, asking.movements(event=row.event.event_id, what=moved.SPENT)),
                Cell(row.figures.overrun),
                Cell(ratios.share_percentage(row.figures.overrun, row.figures.budgeted)),
            ]
            for row in rows
        ],
    )


_ACCURACY = (
    Column("budgeted_amount", "Budgeted", AMOUNT),
    Column("actual_amount", "Actual", AMOUNT),
)
_DEVIATIONS = (
    Column("mean_absolute_deviation", "Missed by, on average", PERCENTAGE),
    Column("mean_deviation", "Over (+) or under (−)", PERCENTAGE),
)


def accuracy_tables(asking: Asking, found: AccuracyReport) -> list[Table]:
    def described(first: str, rows: list[Accuracy], words: Any) -> dict[str, Any]:
        return {
            "currency": found.currency,
            "columns": [
                Column(first, first.replace("_", " ").capitalize()),
                Column("count", "Plans", COUNT),
                Column("over_count", "Over", COUNT),
                *_ACCURACY,
                *_DEVIATIONS,
            ],
            "rows": [
                [
                    Cell(words(one.name)),
                    Cell(one.count),
                    Cell(one.over_count),
                    Cell(one.planned),
                    Cell(one.actual),
                    Cell(one.mean_absolute_deviation),
                    Cell(one.mean_deviation),
                ]
                for one in rows
            ],
        }

    return [
        Table(
            name="event types",
            title="By type of event",
            **described("event_type", found.by_event_type, lambda name: TYPE_WORDS.get(name, name)),
        ),
        Table(name="categories", title="By category", **described("category", found.by_category, str)),
        Table(
            name="events",
            title="The latest past events",
            currency=found.currency,
            columns=[*_EVENT, *_ACCURACY, Column("deviation", "Over (+) or under (−)", PERCENTAGE)],
            rows=[
                [
                    *_event(row, url=budget_url(row.event.budget_id)),
                    Cell(row.figures.budgeted),
                    Cell(row.figures.actual, asking.movements(event=row.event.event_id, what=moved.SPENT)),
                    Cell(deviation(row.figures.budgeted, row.figures.actual)),
                ]
                for row in found.events
            ],
        ),
    ]


def profit_and_loss_tables(asking: Asking, found: ProfitAndLoss) -> list[Table]:
    figures = found.row.figures
    event = found.row.event

    def behind(**more: object) -> str:
        return asking.movements(event=event.event_id, **more)

    def spent_on(cost: CategoryCosts) -> str:
        known = cost.category_id is not None and cost.actual
        return behind(category=cost.category_id, what=moved.SPENT) if known else ""

    return [
        Table(
            name="income",
            title="Income",
            currency=figures.currency,
            columns=[
                Column("line", "Line"),
                Column("projected_amount", "Expected", AMOUNT),
                Column("received_amount", "Received", AMOUNT),
            ],
            rows=[
                [Cell(line.name, budget_url(event.budget_id)), Cell(line.planned), Cell(line.received)]
                for line in found.income
            ],
            total=[
                Cell("Income"),
                Cell(figures.projected_income),
                Cell(figures.income, behind(what=moved.INCOME) if figures.income else ""),
            ],
        ),
        Table(
            name="costs",
            title="Costs by category",
            currency=figures.currency,
            columns=[Column("category", "Category"), *_FIGURES],
            rows=[
                [
                    Cell(cost.name),
                    Cell(cost.planned, budget_url(event.budget_id)),
                    Cell(cost.committed),
                    Cell(cost.actual, spent_on(cost)),
                    Cell(cost.planned - cost.actual),
                ]
                for cost in found.costs
            ],
            total=[
                Cell("Costs"),
                *_figures(figures, url=budget_url(event.budget_id), actual_url=behind(what=moved.SPENT)),
            ],
        ),
        Table(
            name="sources",
            title="The same costs by where they come from",
            currency=figures.currency,
            columns=[
                Column("source", "Source"),
                Column("committed_amount", "Committed", AMOUNT),
                Column("actual_amount", "Actual", AMOUNT),
            ],
            rows=[
                [
                    Cell(str(EntrySource(one.source).label), behind(source=one.source)),
                    Cell(one.committed),
                    Cell(one.actual),
                ]
                for one in found.sources
            ],
        ),
    ]
