"""Bringing the alerts of scoped budgets in line with their figures (design §9).

A hard budget is evaluated within the posting, while its window's row is locked, and only when a threshold or the limit
is crossed: comparing before and after asks PostgreSQL nothing. A soft one is evaluated after the commit, by a task; so
is whatever time alone changes: forecasts, and windows that are over. That evaluation locks what keeps a budget's
figures as they are, and then reads them: alerts never follow figures that are older than those of somebody else.
"""

import logging
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from hashlib import blake2b
from typing import Any
from uuid import UUID

from django.db import connection, transaction

from alerts.models import AlertType
from alerts.services.demands import Demand, Key
from alerts.services.evaluation_request import evaluate_after_commit
from alerts.services.following import (
    HELD_COLUMNS,
    Comparison,
    Held,
    Subject,
    follow,
    held_alert,
    is_in_line,
    json_rows,
)
from alerts.services.rule_values import DEFAULT_RULE
from alerts.services.scoped_demands import demands_of_figures, demands_of_forecast, step_of
from budgets.models import Enforcement, ScopedBudget
from budgets.selectors.scoped_status import Standing, standings, standings_of
from budgets.services.counting import Counted
from budgets.services.hierarchy import ChainBudget, hold_hierarchy, read_chain
from budgets.services.scoped_figures import WindowFigures
from budgets.services.windows import OutsideCalendar, Window, current_window
from budgetsite.operations.piecework import Piecework
from budgetsite.tenancy.scope import require_tenant_id

logger = logging.getLogger(__name__)

# So many budgets are looked at together.
BATCH_SIZE = 500
# What a posting changes; a forecast is the job's.
_BY_FIGURES = frozenset({AlertType.THRESHOLD_WARNING, AlertType.THRESHOLD_EXCEEDED, AlertType.OVER_BUDGET})
_ALL = _BY_FIGURES | {AlertType.FORECAST_OVERRUN}

# The kinds that the account's own rule switches on, the budgets' alerts whose state holds, and which budgets are live.
_READ = f"""
    WITH held AS (
        SELECT {HELD_COLUMNS} FROM alerts_budgetalert a
        WHERE a.tenant_id = %(tenant)s AND a.scoped_budget_id = ANY (%(budgets)s) AND a.state_holds
            AND a.deleted_at IS NULL
        ORDER BY a.id {{lock}}
    )
    SELECT
        (SELECT r.alert_types FROM alerts_alertrule r
         WHERE r.tenant_id = %(tenant)s AND r.budget_id IS NULL AND r.deleted_at IS NULL),
        (SELECT jsonb_agg(to_jsonb(held)) FROM held),
        (SELECT array_agg(b.id) FROM budgets_scopedbudget b
         WHERE b.tenant_id = %(tenant)s AND b.id = ANY (%(budgets)s) AND b.deleted_at IS NULL)
"""  # noqa: S608  (constants)
_READ_LOCKED = _READ.format(lock="FOR NO KEY UPDATE")
_READ_ONLY = _READ.format(lock="")

_HOLD_WINDOW = """
    SELECT w.id FROM budgets_budgetwindow w
    WHERE w.tenant_id = %s AND w.budget_id = %s AND w.window_start = %s AND w.deleted_at IS NULL
    ORDER BY w.id FOR NO KEY UPDATE
"""


@dataclass(frozen=True, slots=True)
class _Judged:
    """What a budget's figures demand in a window, as far as they were judged: of these kinds.

    `leaves_window`: nothing is known for certain about the present window, only that the others are over.
    """

    budget_id: UUID
    window: Window
    demands: dict[Key, Demand]
    kinds: Collection[AlertType]
    leaves_window: bool = False

    def beside(self, held: Iterable[Held], *, switched_on: Collection[str]) -> Comparison:
        demands = {} if self.leaves_window else self.demands
        return Comparison(
            subject=Subject(
                scoped_budget_id=self.budget_id, window_start=self.window.start, window_end=self.window.end
            ),
            demands={key: demand for key, demand in demands.items() if str(demand.alert_type) in switched_on},
            held=[
                alert
                for alert in held
                if not alert.is_in(self.window.start, self.window.end)
                or (alert.demand.alert_type in self.kinds and not self.leaves_window)
            ],
        )


def evaluate_counted(counted: Sequence[Counted], *, now: datetime) -> None:
    """Evaluate the budgets in which a movement was counted, as far as it changes what alerts say.

    The caller's transaction holds the hard ones' windows. Nothing is asked while no threshold and no limit is crossed,
    in either direction; two statements otherwise, one where a reservation ends unspent. What was counted in a window
    that is not the present one alerts nobody. Soft budgets are evaluated after the commit.
    """
    crossed, soft = [], []
    for one in counted:
        if one.budget.enforcement == Enforcement.IGNORE or not _is_current(one, now):
            continue
        if one.before is None or one.after is None:
            soft.append(one.budget.id)
        elif _may_have_crossed(one.budget, one.before, one.after):
            demands = demands_of_figures(one.budget, one.after)
            crossed.append(_Judged(one.budget.id, one.window, demands, _BY_FIGURES))
    if soft:
        evaluate_after_commit(soft)
    if crossed:
        follow(_compared(crossed, lock=True))


@transaction.atomic
def evaluate_scoped_budget(budget_id: UUID, *, now: datetime, has_hierarchy_alone: bool = False) -> int:
    """Evaluate one budget exactly, its forecast included; return how many alerts were written.

    Holds the window's row of a hard budget meanwhile, and lets other evaluations of a soft one wait. One that was
    deleted has no alerts: nothing happens.
    """
    hold_hierarchy()
    chain = read_chain(budget_id)
    if not chain:
        return 0
    budget = chain[0]
    try:
        window = current_window(budget, now)
    except OutsideCalendar:
        return 0
    is_held = _hold_figures(budget, window) or has_hierarchy_alone
    [standing] = standings([budget], now=now)
    # Without a row to hold, somebody may count the window's first movement at this moment.
    return follow(_compared([_judged(standing, leaves_window=not is_held)], lock=True))


@dataclass(slots=True)
class Followed:
    """How many budgets were looked at, and how many alerts written."""

    budgets: int = 0
    alerts: int = 0


def follow_scoped_budgets(budget_ids: Collection[UUID], *, now: datetime) -> Followed:
    """Look at several budgets, and evaluate those whose alerts are not in line: each in a transaction of its own.

    One failing stops no other: `SomeFailed` is raised at the end.
    """
    with _piecework() as work:
        return _follow_each(budget_ids, work, now=now)


def _piecework() -> Piecework:
    return Piecework(logger, "the alerts of scoped budget %s could not be brought in line; the next run tries again")


def _follow_each(budget_ids: Collection[UUID], work: Piecework, *, now: datetime) -> Followed:
    followed = Followed(budgets=len(budget_ids))
    for budget_id in _out_of_line(budget_ids, now=now):
        with work.piece(budget_id):
            followed.alerts += evaluate_scoped_budget(budget_id, now=now)
    return followed


def follow_all_scoped_budgets(*, now: datetime) -> Followed:
    """Look at all budgets of the account, some at a time: for what only time changes, and what a lost task left.

    Safe to run twice, and in parallel. Raises what `follow_scoped_budgets` does.
    """
    followed = Followed()
    after: UUID | None = None
    with _piecework() as work:
        while batch := _next_batch(after):
            part = _follow_each(batch, work, now=now)
            followed.budgets += part.budgets
            followed.alerts += part.alerts
            after = batch[-1]
    return followed


@transaction.atomic
def _next_batch(after: UUID | None) -> list[UUID]:
    budgets = ScopedBudget.objects.filter(deleted_at=None)
    if after is not None:
        budgets = budgets.filter(pk__gt=after)
    return list(budgets.order_by("pk").values_list("pk", flat=True)[:BATCH_SIZE])


@transaction.atomic
def _out_of_line(budget_ids: Collection[UUID], *, now: datetime) -> list[UUID]:
    """Return the budgets whose alerts don't say what their figures do, without holding anything. Four statements."""
    judged = [_judged(standing) for standing in standings_of(budget_ids, now=now)]
    comparisons = _compared(judged, lock=False)
    return sorted(
        one.budget_id for one, comparison in zip(judged, comparisons, strict=True) if not is_in_line(comparison)
    )


def _judged(standing: Standing, *, leaves_window: bool = False) -> _Judged:
    demands = demands_of_figures(standing.budget, standing.figures) | demands_of_forecast(standing)
    return _Judged(standing.budget.id, standing.window, demands, _ALL, leaves_window)


def _compared(judged: Sequence[_Judged], *, lock: bool) -> list[Comparison]:
    """Put the alerts that are held so far beside what is demanded. One statement."""
    parameters: dict[str, Any] = {"tenant": require_tenant_id(), "budgets": [one.budget_id for one in judged]}
    with connection.cursor() as cursor:
        cursor.execute(_READ_LOCKED if lock else _READ_ONLY, parameters)
        alert_types, held_rows, live = cursor.fetchone()
    held: dict[UUID | None, list[Held]] = {}
    # A row that a person has resolved is looked at only where there is no open one.
    for alert in sorted(map(held_alert, json_rows(held_rows)), key=lambda alert: not alert.resolved):
        held.setdefault(alert.scoped_budget_id, []).append(alert)
    switched_on = DEFAULT_RULE.alert_types if alert_types is None else frozenset(alert_types)
    # What a deleted budget pays for is still counted in it, and alerts nobody.
    alive = set(live or ())
    return [
        one.beside(held.get(one.budget_id, ()), switched_on=switched_on if one.budget_id in alive else frozenset())
        for one in judged
    ]


def _hold_figures(budget: ChainBudget, window: Window) -> bool:
    """Keep a budget's figures as they are, as far as alerts go; False when there is nothing to hold yet."""
    with connection.cursor() as cursor:
        if budget.is_hard:
            cursor.execute(_HOLD_WINDOW, [require_tenant_id(), budget.id, window.start])
            return bool(cursor.fetchall())
        digest = blake2b(b"alerts of" + budget.id.bytes, digest_size=8).digest()
        cursor.execute("SELECT pg_advisory_xact_lock(%s::bigint)", [int.from_bytes(digest, signed=True)])
        return True


def _may_have_crossed(budget: ChainBudget, before: WindowFigures, after: WindowFigures) -> bool:
    """Whether alerts may have to change.

    Of several reservations that expire together each is freed by itself, and neither `before` nor `after` has those
    that wait for it: what they held shows in no difference. So whenever one ends unspent, the alerts are looked at.
    """
    ended_unspent = after.reserved < before.reserved and after.actual == before.actual
    return ended_unspent or step_of(budget, before) != step_of(budget, after)


def _is_current(one: Counted, now: datetime) -> bool:
    try:
        return one.window == current_window(one.budget, now)
    except OutsideCalendar:
        return False
