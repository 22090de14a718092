"""How scoped budgets stand at a moment: always current, because figures are kept with each entry."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from enum import StrEnum
from typing import Any
from uuid import UUID

from django.db import connection

from budgets.models import Enforcement
from budgets.services.hierarchy import COLUMNS, ChainBudget
from budgets.services.scoped_figures import WindowFigures
from budgets.services.scoped_thresholds import STATUS_LEVELS, Threshold, reached_by
from budgets.services.windows import Window, current_window, days_elapsed, days_in_force, days_remaining, is_in_force
from budgetsite.money.amounts import quantize
from budgetsite.tenancy.scope import require_tenant_id

HUNDRED = Decimal(100)
# A row of `_STANDINGS` ends with so many lists.
_LISTS = 6

# A window's figures, its shards summed up; `expired` is what reservations hold that count for nobody any more.
_SUMS = """
    SELECT g.window_start, g.committed, g.actual, g.reserved, g.entries, g.updated_at, CASE WHEN g.reserved = 0 THEN 0
        ELSE (
            SELECT coalesce(sum(r.held_amount), 0) FROM budgets_reservation r
            JOIN budgets_scopedbudget l ON l.tenant_id = r.tenant_id AND l.id = r.budget_id
            WHERE r.tenant_id = %(tenant)s AND r.status = 'held' AND r.deleted_at IS NULL AND r.expires_at <= %(now)s
                AND r.held_at >= g.window_start AND r.held_at < g.window_end AND n.id = ANY (l.path || l.id)
        ) END AS expired
    FROM (
        SELECT w.window_start, max(w.window_end) AS window_end, sum(w.committed_amount) AS committed,
            sum(w.actual_amount) AS actual, sum(w.reserved_amount) AS reserved, sum(w.entries_count) AS entries,
            max(w.updated_at) AS updated_at
        FROM budgets_budgetwindow w
        WHERE w.tenant_id = %(tenant)s AND w.budget_id = n.id AND w.deleted_at IS NULL AND {which}
        GROUP BY w.window_start ORDER BY w.window_start DESC LIMIT 4
    ) g
"""

_FIGURES = f"""
    SELECT n.id, s.window_start, s.committed, s.actual, s.reserved - s.expired, s.entries, s.updated_at
    FROM unnest(%(budgets)s::uuid[], %(starts)s::timestamptz[]) AS n(id, window_start)
    CROSS JOIN LATERAL ({_SUMS.format(which="w.window_start = n.window_start")}) s
"""

# Which window a budget is in follows from its calendar, which SQL does not know. It has begun half a day after `now`,
# in every time zone, `now` being no earlier than the start and no later than the end; and since then at most three
# others have: the last four have it among them, if anything was counted in it.
_BEGUN = """
    w.window_start <= interval '15 hours' + CASE WHEN n.recurring
        THEN least(greatest(%(now)s, n.start_date::timestamp AT TIME ZONE 'UTC'),
                   n.end_date::timestamp AT TIME ZONE 'UTC')
        ELSE n.start_date::timestamp AT TIME ZONE 'UTC' END
"""

_STANDINGS = f"""
    WITH asked AS (
        SELECT l.id, l.path FROM budgets_scopedbudget l
        WHERE l.tenant_id = %(tenant)s AND l.deleted_at IS NULL AND l.id = ANY (%(budgets)s)
    )
    SELECT {COLUMNS}, f.starts, f.committed, f.actual, f.reserved, f.entries, f.updated
    FROM budgets_scopedbudget b
    CROSS JOIN LATERAL (SELECT b.id, b.recurring, b.start_date, b.end_date) n
    LEFT JOIN LATERAL (
        SELECT array_agg(s.window_start) AS starts, array_agg(s.committed) AS committed, array_agg(s.actual) AS actual,
            array_agg(s.reserved - s.expired) AS reserved, array_agg(s.entries) AS entries,
            array_agg(s.updated_at) AS updated
        FROM ({_SUMS.format(which=_BEGUN)}) s
    ) f ON true
    WHERE b.tenant_id = %(tenant)s AND b.deleted_at IS NULL AND b.id IN (
        SELECT id FROM asked UNION ALL SELECT unnest(path) FROM asked WHERE %(with_above)s)
    ORDER BY b.depth DESC, b.id
"""


class Level(StrEnum):
    """normal < 80 ≤ warning < 95 ≤ critical < 100 ≤ exceeded, of what is used (design §8)."""

    NORMAL = "normal"
    WARNING = "warning"
    CRITICAL = "critical"
    EXCEEDED = "exceeded"


_LEVELS = ((HUNDRED, Level.EXCEEDED), (Decimal(95), Level.CRITICAL), (Decimal(80), Level.WARNING))


@dataclass(frozen=True, slots=True)
class Standing:
    """A scoped budget in the window that it is in. `last_updated` is None while nothing was counted in it."""

    budget: ChainBudget
    window: Window
    figures: WindowFigures
    last_updated: datetime | None
    now: datetime

    @property
    def days_remaining(self) -> int:
        return days_remaining(self.budget, self.window, self.now)

    @property
    def days_elapsed(self) -> int:
        return days_elapsed(self.budget, self.window, self.now)

    @property
    def days(self) -> int:
        return days_in_force(self.budget, self.window)

    @property
    def burn_rate(self) -> Decimal:
        """What was spent each day so far."""
        return quantize(self.figures.actual / self.days_elapsed, self.budget.currency)

    @property
    def projected_total(self) -> Decimal:
        """What will have been spent at the window's end, if it goes on as it went so far."""
        return quantize(self.figures.actual / self.days_elapsed * self.days, self.budget.currency)

    @property
    def level(self) -> Level:
        return level_of(self.figures)

    @property
    def reached(self) -> list[Threshold]:
        """The thresholds that what is used has reached, the lowest first."""
        return reached_by(self.budget.thresholds, used=self.figures.used, amount=self.budget.amount)

    @property
    def alerting(self) -> list[Threshold]:
        """What its alerts are about, the lowest first: its own thresholds, or the levels of its status without any.

        A budget that only counts alerts nobody.
        """
        if self.budget.enforcement == Enforcement.IGNORE:
            return []
        thresholds = self.budget.thresholds or STATUS_LEVELS
        return reached_by(thresholds, used=self.figures.used, amount=self.budget.amount)

    @property
    def is_in_force(self) -> bool:
        return is_in_force(self.budget, self.now)


def level_of(figures: WindowFigures) -> Level:
    """Compared as amounts, before any rounding: 79.999 % is not 80."""
    share = figures.used * HUNDRED
    return next((level for least, level in _LEVELS if share >= least * figures.amount), Level.NORMAL)


def standing_of(budget_id: UUID, *, now: datetime) -> Standing | None:
    """Return how a live scoped budget stands, None when there is none. One statement."""
    found = standings_of([budget_id], now=now)
    return found[0] if found else None


def standings_of(budget_ids: Iterable[UUID], *, now: datetime) -> list[Standing]:
    """Return how several live budgets stand, the deepest first, then by id. One statement."""
    return _read_standings(budget_ids, now=now, with_above=False)


def chain_standings(budget_ids: Iterable[UUID], *, now: datetime) -> list[Standing]:
    """Return how several live budgets and all their ancestors stand, each once, the deepest first. One statement."""
    return _read_standings(budget_ids, now=now, with_above=True)


def standings(budgets: Sequence[ChainBudget], *, now: datetime) -> list[Standing]:
    """Return how budgets that were read already stand. One statement."""
    windows = {budget: current_window(budget, now) for budget in budgets}
    asked = {"budgets": [budget.id for budget in windows], "starts": [window.start for window in windows.values()]}
    rows = {row[0]: row[1:] for row in _rows(_FIGURES, asked, now)}
    return [_standing(budget, window, rows.get(budget.id), now) for budget, window in windows.items()]


def _read_standings(budget_ids: Iterable[UUID], *, now: datetime, with_above: bool) -> list[Standing]:
    found = []
    for row in _rows(_STANDINGS, {"budgets": list(budget_ids), "with_above": with_above}, now):
        budget = ChainBudget.from_row(row)
        window = current_window(budget, now)
        # The windows' starts, then the list of each figure: of the last windows that were counted in.
        stored = {figures[0]: figures for figures in zip(*row[len(row) - _LISTS :], strict=True)} if row[-1] else {}
        found.append(_standing(budget, window, stored.get(window.start), now))
    return found


def _standing(budget: ChainBudget, window: Window, row: Any, now: datetime) -> Standing:
    if row is None:
        return Standing(budget, window, WindowFigures(amount=budget.amount), None, now)
    _start, committed, actual, reserved, entries, updated_at = row
    figures = WindowFigures(
        amount=budget.amount, committed=committed, actual=actual, reserved=reserved, entries=int(entries)
    )
    return Standing(budget, window, figures, updated_at, now)


def _rows(query: str, parameters: dict[str, Any], now: datetime) -> list[Any]:
    with connection.cursor() as cursor:
        cursor.execute(query, {"tenant": require_tenant_id(), "now": now, **parameters})
        rows: list[Any] = cursor.fetchall()
        return rows
