"""Counting money in a scoped budget and in each of its ancestors: the running figures of their windows."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any
from uuid import UUID

from django.db import connection

from budgets.models import ScopedBudget
from budgets.services.constraints import judge
from budgets.services.expired_reservations import expired_reserved
from budgets.services.hierarchy import ChainBudget
from budgets.services.scoped_figures import ZERO, WindowFigures
from budgets.services.scoped_problems import NoRoom, Refusal
from budgets.services.windows import Window, window_at
from budgets.signals import scoped_budgets_counted
from budgetsite.tenancy.scope import require_tenant_id

# A soft budget's figures are kept by so many rows at most, one for each database connection that counts.
SHARDS = 64

# One statement, the rows in the order of the chain: the hottest comes last. Each connection has a shard of its own, as
# far as they go: who counts under a soft budget waits for nobody.
_COUNT = """
    INSERT INTO budgets_budgetwindow AS w (id, tenant_id, budget_id, window_start, window_end, shard, committed_amount,
        actual_amount, reserved_amount, entries_count)
    SELECT gen_random_uuid(), %(tenant)s, n.budget_id, n.window_start, n.window_end,
        CASE WHEN n.is_hard THEN 0 ELSE 1 + pg_backend_pid() %% %(shards)s END,
        %(committed)s, %(actual)s, %(reserved)s, %(entries)s
    FROM unnest(%(budgets)s::uuid[], %(starts)s::timestamptz[], %(ends)s::timestamptz[], %(hard)s::boolean[])
        WITH ORDINALITY AS n(budget_id, window_start, window_end, is_hard, place)
    ORDER BY n.place
    ON CONFLICT (tenant_id, budget_id, window_start, shard) WHERE deleted_at IS NULL DO UPDATE SET
        committed_amount = w.committed_amount + excluded.committed_amount,
        actual_amount = w.actual_amount + excluded.actual_amount,
        reserved_amount = w.reserved_amount + excluded.reserved_amount,
        entries_count = w.entries_count + excluded.entries_count
    RETURNING w.budget_id, w.committed_amount, w.actual_amount, w.reserved_amount, w.entries_count
"""

# Counts nothing, and holds the row; made where there is none yet.
_LOCK = """
    INSERT INTO budgets_budgetwindow AS w (id, tenant_id, budget_id, window_start, window_end, shard, committed_amount,
        actual_amount, reserved_amount, entries_count)
    SELECT gen_random_uuid(), %(tenant)s, n.budget_id, n.window_start, n.window_end,
        CASE WHEN n.is_hard THEN 0 ELSE 1 + pg_backend_pid() %% %(shards)s END, 0, 0, 0, 0
    FROM unnest(%(budgets)s::uuid[], %(starts)s::timestamptz[], %(ends)s::timestamptz[], %(hard)s::boolean[])
        WITH ORDINALITY AS n(budget_id, window_start, window_end, is_hard, place)
    ORDER BY n.place
    ON CONFLICT (tenant_id, budget_id, window_start, shard) WHERE deleted_at IS NULL DO UPDATE SET
        entries_count = w.entries_count
"""


@dataclass(frozen=True, slots=True)
class Movement:
    """What is counted, signed, at one moment."""

    at: datetime
    committed: Decimal = ZERO
    actual: Decimal = ZERO
    reserved: Decimal = ZERO
    entries: int = 1

    @property
    def amount(self) -> Decimal:
        return self.committed + self.actual + self.reserved


@dataclass(frozen=True, slots=True)
class Counted:
    """One budget's window before and after. A soft budget has no exact figures in the midst of others' work: None."""

    budget: ChainBudget
    window: Window
    before: WindowFigures | None
    after: WindowFigures | None


def count(chain: Sequence[ChainBudget], movement: Movement, *, stops: bool, now: datetime) -> list[Counted]:
    """Count a movement in every budget of the chain (leaf first), in the window that holds its moment.

    With `stops` the budgets that refuse things are asked whether it fits: all refusals are raised as one `NoRoom`, and
    then the caller's savepoint has to be rolled back. The caller holds the hierarchy. One statement, and one more where
    reservations may have expired. Raises `OutsideCalendar`.
    """
    windows = [window_at(budget, movement.at) for budget in chain]
    with connection.cursor() as cursor:
        cursor.execute(
            _COUNT,
            {
                "tenant": require_tenant_id(),
                "shards": SHARDS,
                "committed": movement.committed,
                "actual": movement.actual,
                "reserved": movement.reserved,
                "entries": movement.entries,
                "budgets": [budget.id for budget in chain],
                "starts": [window.start for window in windows],
                "ends": [window.end for window in windows],
                "hard": [budget.is_hard for budget in chain],
            },
        )
        rows = {row[0]: row[1:] for row in cursor.fetchall()}
    expired = _expired(chain, windows, rows, now=now)
    counted = [
        _counted(budget, window, rows[budget.id], movement, expired)
        for budget, window in zip(chain, windows, strict=True)
    ]
    if stops and movement.amount > 0:
        refusals = refusals_of(counted, movement)
        if refusals:
            raise NoRoom(refusals)
    scoped_budgets_counted.send(sender=ScopedBudget, counted=counted, now=now)
    return counted


def lock_windows(budgets: Sequence[ChainBudget], *, at: datetime) -> None:
    """Lock the windows that hold a moment, of several chains together: for who counts in more than one of them.

    `budgets` are those of `read_chains`, the deepest first and then by id: the order in which each chain is counted
    too, so that nobody waits in a circle. The caller holds the hierarchy. One statement. Raises `OutsideCalendar`.
    """
    windows = [window_at(budget, at) for budget in budgets]
    with connection.cursor() as cursor:
        cursor.execute(
            _LOCK,
            {
                "tenant": require_tenant_id(),
                "shards": SHARDS,
                "budgets": [budget.id for budget in budgets],
                "starts": [window.start for window in windows],
                "ends": [window.end for window in windows],
                "hard": [budget.is_hard for budget in budgets],
            },
        )


def _expired(
    chain: Sequence[ChainBudget], windows: Sequence[Window], rows: dict[UUID, Any], *, now: datetime
) -> dict[UUID, Decimal]:
    if not any(budget.is_hard and rows[budget.id][2] for budget in chain):
        return {}
    return expired_reserved(dict(zip(chain, windows, strict=True)), now=now)


def _counted(
    budget: ChainBudget, window: Window, row: Any, movement: Movement, expired: dict[UUID, Decimal]
) -> Counted:
    if not budget.is_hard:
        return Counted(budget, window, None, None)
    committed, actual, reserved, entries = row
    after = WindowFigures(
        amount=budget.amount,
        committed=committed,
        actual=actual,
        reserved=reserved - expired.get(budget.id, ZERO),
        entries=entries,
    )
    before = after.less(committed=movement.committed, actual=movement.actual, reserved=movement.reserved)
    return Counted(budget, window, before, after)


def refusals_of(counted: Sequence[Counted], movement: Movement) -> list[Refusal]:
    """Return which of the budgets that refuse things had no room for what was counted in them."""
    refusals = []
    for one in counted:
        if one.before is not None:
            refusal = judge(one.budget, one.before, movement.amount, at=movement.at).refusal
            if refusal is not None:
                refusals.append(refusal)
    return refusals
