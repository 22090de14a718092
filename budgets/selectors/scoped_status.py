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
from budgets.services.expired_reservations import expired_reserved
from budgets.services.hierarchy import ChainBudget, read_chains
from budgets.services.scoped_figures import ZERO, WindowFigures
from budgets.services.scoped_thresholds import STATUS_LEVELS, Threshold, reached_by
from budgets.services.windows import Window, current_window, days_elapsed, days_in_force, days_remaining, is_in_force
from budgetsite.money.amounts import quantize
from budgetsite.tenancy.scope import require_tenant_id

HUNDRED = Decimal(100)

_FIGURES = """
    SELECT w.budget_id, sum(w.committed_amount), sum(w.actual_amount), sum(w.reserved_amount), sum(w.entries_count),
           max(w.updated_at)
    FROM unnest(%(budgets)s::uuid[], %(starts)s::timestamptz[]) AS wanted(budget_id, window_start)
    JOIN budgets_budgetwindow w ON w.tenant_id = %(tenant)s AND w.budget_id = wanted.budget_id
        AND w.window_start = wanted.window_start AND w.deleted_at IS NULL
    GROUP BY w.budget_id
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
    """Return how a live scoped budget stands, None when there is none. Three statements at most."""
    found = standings_of([budget_id], now=now)
    return found[0] if found else None


def standings_of(budget_ids: Iterable[UUID], *, now: datetime) -> list[Standing]:
    """Return how several live budgets stand, the deepest first, then by id. Three statements at most."""
    wanted = set(budget_ids)
    return standings([budget for budget in read_chains(wanted) if budget.id in wanted], now=now)


def standings(budgets: Sequence[ChainBudget], *, now: datetime) -> list[Standing]:
    """Return how budgets that were read already stand. Two statements at most."""
    windows = {budget: current_window(budget, now) for budget in budgets}
    rows = _figures(windows)
    with_reserved = {b: w for b, w in windows.items() if b.id in rows and rows[b.id][2]}
    expired = expired_reserved(with_reserved, now=now) if with_reserved else {}
    return [_standing(budget, window, rows.get(budget.id), expired, now) for budget, window in windows.items()]


def _standing(budget: ChainBudget, window: Window, row: Any, expired: dict[UUID, Decimal], now: datetime) -> Standing:
    if row is None:
        return Standing(budget, window, WindowFigures(amount=budget.amount), None, now)
    committed, actual, reserved, entries, updated_at = row
    figures = WindowFigures(
        amount=budget.amount,
        committed=committed,
        actual=actual,
        reserved=reserved - expired.get(budget.id, ZERO),
        entries=int(entries),
    )
    return Standing(budget, window, figures, updated_at, now)


def _figures(windows: dict[ChainBudget, Window]) -> dict[UUID, Any]:
    with connection.cursor() as cursor:
        cursor.execute(
            _FIGURES,
            {
                "tenant": require_tenant_id(),
                "budgets": [budget.id for budget in windows],
                "starts": [window.start for window in windows.values()],
            },
        )
        return {row[0]: row[1:] for row in cursor.fetchall()}
