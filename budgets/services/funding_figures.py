"""What an event's budget has in the windows of the scoped budgets that pay for it, or that could."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from typing import Any
from uuid import UUID

from django.db import connection

from budgets.services.constraints import judge
from budgets.services.counting import SHARDS
from budgets.services.expired_reservations import expired_in
from budgets.services.hierarchy import ChainBudget
from budgets.services.scoped_figures import ZERO, WindowFigures
from budgets.services.scoped_problems import Refusal
from budgets.services.windows import Window, window_at
from budgetsite.tenancy.scope import require_tenant_id

# A window begins with a day of its budget's time zone: all entries of a day are in one.
_BY_DAY = """
    SELECT (e.occurred_at AT TIME ZONE %(timezone)s)::date, sum(e.committed_delta), sum(e.actual_delta), count(*),
           max(e.occurred_at)
    FROM budgets_ledgerentry e
    WHERE e.tenant_id = %(tenant)s AND e.budget_id = %(budget)s AND e.kind <> 'income'
    GROUP BY 1 ORDER BY 1
"""

_STORED = """
    SELECT w.budget_id, w.window_start, sum(w.committed_amount), sum(w.actual_amount), sum(w.reserved_amount),
           sum(w.entries_count)
    FROM unnest(%(budgets)s::uuid[], %(starts)s::timestamptz[]) AS wanted(budget_id, window_start)
    JOIN budgets_budgetwindow w ON w.tenant_id = %(tenant)s AND w.budget_id = wanted.budget_id
        AND w.window_start = wanted.window_start AND w.deleted_at IS NULL
    GROUP BY 1, 2
"""

_MOVE = """
    INSERT INTO budgets_budgetwindow AS w (id, tenant_id, budget_id, window_start, window_end, shard, committed_amount,
        actual_amount, reserved_amount, entries_count)
    SELECT gen_random_uuid(), %(tenant)s, n.budget_id, n.window_start, n.window_end,
        CASE WHEN n.is_hard THEN 0 ELSE 1 + pg_backend_pid() %% %(shards)s END, n.committed, n.actual, 0, n.entries
    FROM unnest(%(budgets)s::uuid[], %(starts)s::timestamptz[], %(ends)s::timestamptz[], %(hard)s::boolean[],
        %(committed)s::numeric[], %(actual)s::numeric[], %(entries)s::bigint[])
        AS n(budget_id, window_start, window_end, is_hard, committed, actual, entries)
    ON CONFLICT (tenant_id, budget_id, window_start, shard) WHERE deleted_at IS NULL DO UPDATE SET
        committed_amount = w.committed_amount + excluded.committed_amount,
        actual_amount = w.actual_amount + excluded.actual_amount,
        entries_count = w.entries_count + excluded.entries_count
"""


@dataclass(frozen=True, slots=True)
class Part:
    """What of an event's budget belongs into one window of a scoped budget, and how that window stands without it.

    `last` is the moment of the last of these entries.
    """

    budget: ChainBudget
    window: Window
    committed: Decimal
    actual: Decimal
    entries: int
    last: datetime
    before: WindowFigures

    @property
    def after(self) -> WindowFigures:
        return self.before.less(committed=-self.committed, actual=-self.actual)

    @property
    def refusal(self) -> Refusal | None:
        """Why what is promised has no room there beside what was spent; what was spent alone is a fact."""
        if self.committed <= 0 or self.committed + self.actual <= 0:
            return None
        return judge(self.budget, self.before, self.committed + self.actual, at=self.last).refusal


def parts_of(budget_id: UUID, budgets: Sequence[ChainBudget], *, counted: bool, now: datetime) -> list[Part]:
    """Return what an event's budget has in each window of these scoped budgets.

    `counted`: these pay for it, and their windows hold it. One statement for each time zone among them, and two.
    """
    days = {timezone: _by_day(budget_id, timezone) for timezone in {budget.timezone for budget in budgets}}
    sums = [(budget, *part) for budget in budgets for part in _by_window(budget, days[budget.timezone])]
    stored = _stored([(budget, window) for budget, window, *_ in sums], now=now)
    parts = []
    for budget, window, committed, actual, entries, last in sums:
        figures = stored.get((budget.id, window.start)) or WindowFigures(amount=budget.amount)
        before = figures.less(committed=committed, actual=actual) if counted else figures
        parts.append(Part(budget, window, committed, actual, entries, last, before))
    return parts


def move_parts(leaving: Iterable[Part], joining: Iterable[Part]) -> None:
    """Take these parts out of the windows that hold them, and put those into theirs. The caller has the hierarchy
    alone. One statement.
    """
    signed = [(part, -1) for part in leaving] + [(part, 1) for part in joining]
    if not signed:
        return
    parts = [part for part, _sign in signed]
    with connection.cursor() as cursor:
        cursor.execute(
            _MOVE,
            {
                "tenant": require_tenant_id(),
                "shards": SHARDS,
                "budgets": [part.budget.id for part in parts],
                "starts": [part.window.start for part in parts],
                "ends": [part.window.end for part in parts],
                "hard": [part.budget.is_hard for part in parts],
                "committed": [sign * part.committed for part, sign in signed],
                "actual": [sign * part.actual for part, sign in signed],
                "entries": [sign * part.entries for part, sign in signed],
            },
        )


# A day, then what was committed and spent on it, the number of entries, and the moment of the last.
_Day = tuple[date, Decimal, Decimal, int, datetime]


def _by_day(budget_id: UUID, timezone: str) -> list[_Day]:
    with connection.cursor() as cursor:
        cursor.execute(_BY_DAY, {"tenant": require_tenant_id(), "budget": budget_id, "timezone": timezone})
        found: list[_Day] = cursor.fetchall()
        return found


def _by_window(budget: ChainBudget, days: Iterable[_Day]) -> list[tuple[Window, Decimal, Decimal, int, datetime]]:
    found: dict[datetime, tuple[Window, Decimal, Decimal, int, datetime]] = {}
    for _day, committed, actual, entries, last in days:
        window = window_at(budget, last)
        _same, so_far, spent, number, _last = found.get(window.start, (window, ZERO, ZERO, 0, last))
        found[window.start] = (window, so_far + committed, spent + actual, number + entries, last)
    return list(found.values())


def _stored(
    windows: Sequence[tuple[ChainBudget, Window]], *, now: datetime
) -> dict[tuple[UUID, datetime], WindowFigures]:
    if not windows:
        return {}
    with connection.cursor() as cursor:
        cursor.execute(
            _STORED,
            {
                "tenant": require_tenant_id(),
                "budgets": [budget.id for budget, _window in windows],
                "starts": [window.start for _budget, window in windows],
            },
        )
        rows: dict[tuple[UUID, datetime], Any] = {row[:2]: row[2:] for row in cursor.fetchall()}
    reserved = [(b, w) for b, w in windows if (b.id, w.start) in rows and rows[b.id, w.start][2]]
    expired = expired_in(reserved, now=now) if reserved else {}
    return {
        (budget.id, window.start): WindowFigures(
            amount=budget.amount,
            committed=row[0],
            actual=row[1],
            reserved=row[2] - expired.get((budget.id, window.start), ZERO),
            entries=int(row[3]),
        )
        for budget, window in windows
        if (row := rows.get((budget.id, window.start))) is not None
    }
