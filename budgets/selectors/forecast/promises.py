"""When what is promised becomes spend: the open promises under a scoped budget by the months in which they fall due."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import date
from decimal import Decimal
from enum import StrEnum
from typing import Any

from django.db import connection

from budgets.selectors.payments_due import DUE
from budgets.selectors.scoped_status import Standing
from budgets.services.windows import last_day_after, today
from budgetsite.money import ratios
from budgetsite.tenancy.scope import require_tenant_id

ZERO = Decimal(0)
# Later ones are one sum.
MOST_MONTHS = 24

_FUNDED = """
    place AS MATERIALIZED (
        SELECT b.id FROM budgets_scopedbudget b
        WHERE b.tenant_id = %(tenant)s AND b.deleted_at IS NULL
            AND (b.id = %(node)s OR b.path @> ARRAY[%(node)s]::uuid[])
    ),
    funded AS MATERIALIZED (
        SELECT f.id, f.total_committed_amount, (v.event_date AT TIME ZONE v.timezone)::date AS event_day
        FROM place p
        JOIN budgets_eventbudget f ON f.tenant_id = %(tenant)s AND f.funded_by_id = p.id AND f.deleted_at IS NULL
        JOIN events_event v ON v.tenant_id = %(tenant)s AND v.id = f.event_id AND v.deleted_at IS NULL
    )
"""

# What an event has promised beside its expenses (registrations, by hand) is spent on its day.
_PROMISES = f"""
    WITH {_FUNDED},
    expense AS (
        SELECT e.budget_id, e.due_date, e.committed_amount, f.event_day
        FROM funded f JOIN budgets_expense e ON e.tenant_id = %(tenant)s AND e.budget_id = f.id
        WHERE e.deleted_at IS NULL AND e.committed_amount > 0
    ),
    promise AS (
        SELECT 'expense' AS kind, coalesce(due_date, event_day) AS day, committed_amount AS amount,
               due_date IS NULL AS is_undated
        FROM expense
        UNION ALL
        SELECT 'event', f.event_day, f.total_committed_amount - coalesce(
            (SELECT sum(e.committed_amount) FROM expense e WHERE e.budget_id = f.id), 0), false
        FROM funded f
        UNION ALL
        SELECT 'reservation', (r.expires_at AT TIME ZONE %(zone)s::text)::date, r.held_amount, false
        FROM place p JOIN budgets_reservation r ON r.tenant_id = %(tenant)s AND r.budget_id = p.id
        WHERE r.status = 'held' AND r.deleted_at IS NULL AND r.expires_at > %(now)s
    )
    SELECT kind, date_trunc('month', greatest(day, %(today)s::date))::date, greatest(day, %(today)s::date) < %(over)s,
           sum(amount), count(*), count(*) FILTER (WHERE is_undated),
           coalesce(sum(amount) FILTER (WHERE day < %(today)s), 0)
    FROM promise WHERE amount <> 0 AND greatest(day, %(today)s::date) >= %(starts)s
    GROUP BY 1, 2, 3 ORDER BY 2, 1
"""

# What of bills is still to be paid, and by when; paying them spends nothing again.
_BILLS = f"""
    WITH {_FUNDED},
    mine AS (
        SELECT e.id, e.currency, e.stage, e.amount, e.invoiced_amount, e.paid_amount, e.scheduled_amount, e.due_date,
               %(today)s::date AS today
        FROM funded f JOIN budgets_expense e ON e.tenant_id = %(tenant)s AND e.budget_id = f.id
        WHERE e.deleted_at IS NULL AND e.currency = %(currency)s AND e.next_due_date IS NOT NULL
    ),
    due AS ({DUE})
    SELECT date_trunc('month', greatest(due_date, %(today)s::date))::date, sum(amount) FROM due
    WHERE kind <> 'agreed' GROUP BY 1 ORDER BY 1
"""


class PromiseKind(StrEnum):
    EXPENSE = "expense"
    EVENT = "event"
    RESERVATION = "reservation"


@dataclass(frozen=True, slots=True)
class PromisedMonth:
    """What becomes spend in one month, by who promised it; `first` is its first day, None for all later months.

    `running` is what will have been spent in the window by the month's end, or by the window's; None in later months.
    `to_pay` is what of bills, spent already, is due.
    """

    first: date | None
    expenses: Decimal = ZERO
    events: Decimal = ZERO
    reservations: Decimal = ZERO
    to_pay: Decimal = ZERO
    running: Decimal | None = None

    @property
    def promised(self) -> Decimal:
        return self.expenses + self.events + self.reservations


@dataclass(frozen=True, slots=True)
class PromisesForecast:
    """What the window comes to if each open promise is spent when it falls due; amounts in the budget's currency.

    `projected_total` is None where nothing is promised: then there is nothing to foresee by. Promises count in
    whichever window they were made. `overdue` is the part of `within` whose day has passed.
    """

    months: list[PromisedMonth]
    counts: dict[PromiseKind, int] = field(default_factory=dict)
    # Expenses without a due date: the event's day is taken.
    undated: int = 0
    spent: Decimal = ZERO
    # Falling due until the window's end, and after it.
    within: Decimal = ZERO
    later: Decimal = ZERO
    overdue: Decimal = ZERO
    amount: Decimal = ZERO

    @property
    def count(self) -> int:
        return sum(self.counts.values())

    @property
    def projected_total(self) -> Decimal | None:
        return self.spent + self.within if self.counts else None

    @property
    def overrun(self) -> Decimal:
        return ZERO if self.projected_total is None else ratios.overrun(self.amount, self.projected_total)

    @property
    def last_month(self) -> date | None:
        """The first day of the last month in which a promise falls due."""
        return max((month.first for month in self.months if month.first and month.promised), default=None)


def promises_forecast(standing: Standing) -> PromisesForecast:
    """Return what becomes of the open promises under a budget, month by month as its calendar has them.

    Two statements. Promises whose day has passed are taken for today's.
    """
    budget = standing.budget
    over = last_day_after(budget)
    day_after = standing.window.day_after if over is None else min(standing.window.day_after, over)
    day = today(budget, standing.now)
    parameters = {
        "tenant": require_tenant_id(),
        "node": budget.id,
        "zone": budget.timezone,
        "currency": budget.currency,
        "now": standing.now,
        "today": day,
        # Of a window to come, what is spent before it is none of its own.
        "starts": standing.window.first_day,
        "over": day_after,
    }
    rows, bills = _ask(_PROMISES, parameters), _ask(_BILLS, parameters)
    counts: dict[PromiseKind, int] = {}
    for kind, _first, _within, _amount, number, _undated, _overdue in rows:
        counts[PromiseKind(kind)] = counts.get(PromiseKind(kind), 0) + number
    return PromisesForecast(
        months=_months(rows, dict(bills), standing.figures.actual),
        counts=counts,
        undated=sum(row[5] for row in rows),
        spent=standing.figures.actual,
        within=sum((row[3] for row in rows if row[2]), ZERO),
        later=sum((row[3] for row in rows if not row[2]), ZERO),
        overdue=sum((row[6] for row in rows if row[2]), ZERO),
        amount=budget.amount,
    )


def _months(rows: Iterable[Any], bills: dict[date, Decimal], spent: Decimal) -> list[PromisedMonth]:
    by_month: dict[date, dict[str, Decimal]] = {}
    within: dict[date, Decimal] = {}
    for kind, first, is_within, amount, *_ in rows:
        sums = by_month.setdefault(first, {})
        sums[kind] = sums.get(kind, ZERO) + amount
        if is_within:
            within[first] = within.get(first, ZERO) + amount
    firsts = sorted({*by_month, *bills})
    months = []
    running = spent
    for first in firsts[:MOST_MONTHS]:
        running += within.get(first, ZERO)
        months.append(_month(first, [first], by_month, bills, running if first in within else None))
    if firsts[MOST_MONTHS:]:
        months.append(_month(None, firsts[MOST_MONTHS:], by_month, bills, None))
    return months


def _month(
    first: date | None,
    firsts: list[date],
    by_month: dict[date, dict[str, Decimal]],
    bills: dict[date, Decimal],
    running: Decimal | None,
) -> PromisedMonth:
    def of(kind: PromiseKind) -> Decimal:
        return sum((by_month.get(one, {}).get(kind, ZERO) for one in firsts), ZERO)

    return PromisedMonth(
        first=first,
        expenses=of(PromiseKind.EXPENSE),
        events=of(PromiseKind.EVENT),
        reservations=of(PromiseKind.RESERVATION),
        to_pay=sum((bills.get(one, ZERO) for one in firsts), ZERO),
        running=running,
    )


def _ask(statement: str, parameters: dict[str, Any]) -> list[Any]:
    with connection.cursor() as cursor:
        cursor.execute(statement, parameters)
        found: list[Any] = cursor.fetchall()
        return found
