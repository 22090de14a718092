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

from django.db import OperationalError, connection, transaction
from psycopg.errors import QueryCanceled

from alerts.models import AlertType
from alerts.services.demands import Demand, Key, demanded_alerts
from alerts.services.problems import AlertProblem
from alerts.services.rule_values import RuleValues
from budgets.models import LineKind
from budgets.services.figures import LINE_IN_FORCE, TOTAL_IN_FORCE, BudgetFigures, LineFigures
from budgetsite.tenancy.scope import require_tenant_id

LOOKS_BACK = timedelta(days=365)
# More movements than these are not replayed: those of the budgets that moved last are.
MOST_MOVEMENTS = 5_000

# A try that takes longer is given up.
MOST_MILLISECONDS = 5_000

# The whole ledger of each budget that moved in the year: what was spent before is where the year begins. Nothing here
# is left to the planner's statistics, which a ledger that was just taken over does not have yet: budgets' last
# movements, their ledgers and their lines are each looked up in an index, for as many budgets as fit. The last number
# in a budget's ledger is how many entries it has.
_MOVEMENTS = f"""
    WITH moved AS MATERIALIZED (
        SELECT b.id, b.event_id, b.currency, b.status, b.version, {TOTAL_IN_FORCE} AS budgeted, b.lines_total_amount,
               newest.created_at AS last_moved,
               sum(newest.seq) OVER (ORDER BY newest.created_at DESC, b.id) - newest.seq AS entries_before
        FROM budgets_eventbudget b
        CROSS JOIN LATERAL (
            SELECT e.created_at, e.seq FROM budgets_ledgerentry e
            WHERE e.tenant_id = %(tenant)s AND e.budget_id = b.id AND e.kind <> 'income'
            ORDER BY e.seq DESC LIMIT 1
        ) newest
        WHERE b.tenant_id = %(tenant)s AND b.deleted_at IS NULL AND newest.created_at >= %(since)s
            AND (%(budget)s::uuid IS NULL OR b.id = %(budget)s::uuid)
    ),
    movement AS MATERIALIZED (
        SELECT moved.*, entry.*
        FROM moved CROSS JOIN LATERAL (
            SELECT e.seq, e.line_item_id, e.committed_delta, e.actual_delta, e.created_at
            FROM budgets_ledgerentry e
            WHERE e.tenant_id = %(tenant)s AND e.budget_id = moved.id AND e.kind <> 'income'
            ORDER BY e.seq LIMIT %(limit)s
        ) entry
        WHERE moved.entries_before < %(limit)s
        ORDER BY moved.last_moved DESC, moved.id, entry.seq LIMIT %(limit)s
    )
    SELECT m.id, m.event_id, m.currency, m.status, m.version, m.budgeted, m.lines_total_amount,
           line.id, line.name, line.budgeted, m.committed_delta, m.actual_delta, m.created_at >= %(since)s,
           (SELECT bool_or(entries_before >= %(limit)s) FROM moved)
    FROM movement m LEFT JOIN LATERAL (
        SELECT l.id, l.name, {LINE_IN_FORCE} AS budgeted FROM budgets_budgetlineitem l
        WHERE l.tenant_id = %(tenant)s AND l.id = m.line_item_id AND l.deleted_at IS NULL
        LIMIT 1
    ) line ON true
    ORDER BY m.last_moved DESC, m.id, m.seq
"""  # noqa: S608  (the columns are constants)


class TooMuchToTry(AlertProblem):
    """The database has not found the movements in time."""

    code = "too_much_to_try"

    def __init__(self, *, budget_id: UUID | None) -> None:
        self.budget_id = budget_id
        what_next = "Try it on a single budget." if budget_id is None else "Try again in some minutes."
        super().__init__(f"There is too much to try the rule on just now. {what_next}")


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

    A budget without movements in the year is left out. One statement, which is given up after some seconds: raises
    `TooMuchToTry` then.
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
    parameters: dict[str, Any] = {
        "tenant": require_tenant_id(),
        "since": since,
        "budget": budget_id,
        "limit": MOST_MOVEMENTS + 1,
    }
    try:
        # A savepoint, so that whoever asked goes on in their transaction.
        with transaction.atomic(), connection.cursor() as cursor:
            cursor.execute(
                "SELECT current_setting('statement_timeout'), set_config('statement_timeout', %s, true)",
                [str(MOST_MILLISECONDS)],
            )
            [before, _] = cursor.fetchone()
            cursor.execute(_MOVEMENTS, parameters)
            rows = cursor.fetchall()
            cursor.execute("SELECT set_config('statement_timeout', %s, true)", [before])
    except OperationalError as problem:
        if isinstance(problem.__cause__, QueryCanceled):
            raise TooMuchToTry(budget_id=budget_id) from problem
        raise
    movements = [_Movement(row[:7], row[7], row[8] or "", row[9] or Decimal(0), *row[10:13]) for row in rows]
    is_cut = len(rows) > MOST_MOVEMENTS or any(row[13] for row in rows[:1])
    return movements[:MOST_MOVEMENTS], is_cut


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
