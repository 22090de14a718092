"""What a rule would have told of in the past year: the ledger's movements once more, one after the other.

Against the plans as they are now: what a plan was at each moment nobody asks here.
"""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from decimal import Decimal
from itertools import groupby
from typing import Any
from uuid import UUID

from django.db import connection

from alerts.models import AlertType
from alerts.services.demands import Demand, Key, demanded_alerts
from alerts.services.rule_values import RuleValues
from budgets.models import LineKind
from budgets.services.figures import LINE_IN_FORCE, TOTAL_IN_FORCE, BudgetFigures, LineFigures
from budgetsite.tenancy.scope import require_tenant_id

LOOKS_BACK = timedelta(days=365)
# More movements than these are not replayed: those of the budgets that moved last are.
MOST_MOVEMENTS = 5_000

# The whole ledger of each budget that moved in the year: what was spent before is where the year begins.
_MOVEMENTS = f"""
    WITH moved AS (
        SELECT e.budget_id, max(e.created_at) AS last_moved
        FROM budgets_ledgerentry e
        WHERE e.tenant_id = %(tenant)s AND e.budget_id IS NOT NULL AND e.created_at >= %(since)s
            AND e.kind <> 'income' AND (%(budget)s::uuid IS NULL OR e.budget_id = %(budget)s::uuid)
        GROUP BY e.budget_id
    )
    SELECT b.id, b.event_id, b.currency, b.status, b.version, {TOTAL_IN_FORCE}, b.lines_total_amount,
           l.id, l.name, {LINE_IN_FORCE}, e.committed_delta, e.actual_delta, e.created_at >= %(since)s
    FROM moved
    JOIN budgets_eventbudget b ON b.tenant_id = %(tenant)s AND b.id = moved.budget_id AND b.deleted_at IS NULL
    JOIN budgets_ledgerentry e ON e.tenant_id = %(tenant)s AND e.budget_id = b.id AND e.kind <> 'income'
    LEFT JOIN budgets_budgetlineitem l
        ON l.tenant_id = %(tenant)s AND l.id = e.line_item_id AND l.deleted_at IS NULL
    ORDER BY moved.last_moved DESC, b.id, e.seq
    LIMIT %(limit)s
"""  # noqa: S608  (the columns are constants)


@dataclass(frozen=True, slots=True)
class Replay:
    """How often alerts would have been opened, or have risen to a higher level, since `since`.

    `budgets` are those replayed, `movements` their ledgers' entries; `is_cut` when there were more of them than fit.
    """

    since: datetime
    budgets: int
    movements: int
    is_cut: bool
    fired: int = 0
    budgets_that_fired: int = 0
    by_type: Mapping[str, int] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class _Movement:
    budget: tuple[Any, ...]
    line_id: UUID | None
    line_name: str
    line_budgeted: Decimal
    committed: Decimal
    actual: Decimal
    is_counted: bool


def replay_rules(rules: Sequence[RuleValues], *, budget_id: UUID | None, now: datetime) -> list[Replay]:
    """Return for each rule how often it would have fired in the past year, for one budget or all of the account.

    A budget without movements in the year is left out. One statement.
    """
    since = now - LOOKS_BACK
    movements, is_cut = _read(since=since, budget_id=budget_id)
    by_budget = [list(found) for _, found in groupby(movements, key=lambda each: each.budget[0])]
    replays = []
    for rule in rules:
        fired = [Counter(_fire(found, rule)) for found in by_budget]
        total = sum(fired, Counter())
        replays.append(
            Replay(
                since=since,
                budgets=len(by_budget),
                movements=len(movements),
                is_cut=is_cut,
                fired=total.total(),
                budgets_that_fired=sum(1 for each in fired if each),
                by_type={str(kind): total[str(kind)] for kind in AlertType if total[str(kind)]},
            )
        )
    return replays


def _read(*, since: datetime, budget_id: UUID | None) -> tuple[list[_Movement], bool]:
    with connection.cursor() as cursor:
        cursor.execute(
            _MOVEMENTS,
            {"tenant": require_tenant_id(), "since": since, "budget": budget_id, "limit": MOST_MOVEMENTS + 1},
        )
        rows = cursor.fetchall()
    movements = [_Movement(row[:7], row[7], row[8] or "", row[9] or Decimal(0), *row[10:]) for row in rows]
    return movements[:MOST_MOVEMENTS], len(rows) > MOST_MOVEMENTS


def _fire(movements: Sequence[_Movement], rule: RuleValues) -> Iterator[str]:
    """Yield the type of each alert that the movements of one budget would have opened, or raised to a level that it
    had not been told at.
    """
    held: dict[Key, Demand] = {}
    told: dict[Key, set[str]] = {}
    committed = actual = Decimal(0)
    lines: dict[UUID, tuple[Decimal, Decimal]] = {}
    for movement in movements:
        committed, actual = committed + movement.committed, actual + movement.actual
        touched = []
        if movement.line_id is not None:
            so_far = lines.get(movement.line_id, (Decimal(0), Decimal(0)))
            lines[movement.line_id] = (so_far[0] + movement.committed, so_far[1] + movement.actual)
            touched = [_line(movement, *lines[movement.line_id])]
        demands = demanded_alerts(_budget(movement, committed, actual), touched, rule)
        for key, demand in demands.items():
            before = held.get(key)
            if before is None:
                told[key] = set()
            if before is None or (demand.level.rank > before.level.rank and demand.level not in told[key]):
                told[key].add(demand.level)
                if movement.is_counted:
                    yield key[0]
        # The other lines are as they were.
        others = {key: demand for key, demand in held.items() if key[1] not in (None, movement.line_id)}
        held = others | demands


def _budget(movement: _Movement, committed: Decimal, actual: Decimal) -> BudgetFigures:
    budget_id, event_id, currency, status, version, budgeted, lines_total = movement.budget
    return BudgetFigures(
        budget_id=budget_id,
        event_id=event_id,
        currency=currency,
        status=status,
        version=version,
        budgeted=budgeted,
        committed=committed,
        actual=actual,
        variance=budgeted - actual,
        variance_percentage=None,
        lines_total=lines_total,
    )


def _line(movement: _Movement, committed: Decimal, actual: Decimal) -> LineFigures:
    assert movement.line_id is not None
    return LineFigures(
        line_item_id=movement.line_id,
        budget_id=movement.budget[0],
        name=movement.line_name,
        kind=LineKind.COST,
        budgeted=movement.line_budgeted,
        committed=committed,
        actual=actual,
        variance=movement.line_budgeted - actual,
    )
