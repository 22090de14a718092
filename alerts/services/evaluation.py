"""Bringing a budget's alerts in line with its figures: two SQL statements at most, one when nothing changes.

Runs inside the transaction that changed the figures, under the budget's row lock, so that two evaluations of one
budget never overlap; the unique index `alerts_budgetalert_one_open` is the last guard. The alerts that are compared
stay locked until the end (by id, after the budget), so that nobody resolves one between the look and the change.
"""

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any
from uuid import UUID, uuid4

from django.db import connection, transaction
from django.dispatch import Signal

from alerts.models import AlertLevel, BudgetAlert
from alerts.services.demands import Demand, Key, demanded_alerts
from alerts.services.rule_values import DEFAULT_RULE, RuleValues
from alerts.signals import AlertNews, alert_opened, alert_raised, alert_resolved
from budgets.models import LOCKED_STATUSES
from budgets.services.figures import BUDGET_COLUMNS, LINE_IN_FORCE, BudgetFigures, LineFigures
from budgetsite.tenancy.scope import require_tenant_id

# Rules, alerts whose state holds, and (when any line may have changed) the overspent lines: each as one JSON array, so
# that a posting pays for one statement.
_READ = f"""
    WITH held AS (
        SELECT a.id, a.line_item_id, a.alert_type, a.level, a.threshold, a.utilization, a.overrun_amount, a.message,
               a.is_acknowledged, a.resolved
        FROM alerts_budgetalert a
        WHERE a.tenant_id = %(tenant)s AND a.budget_id = %(budget)s AND a.state_holds AND a.deleted_at IS NULL
            AND (%(any_line)s OR a.line_item_id IS NULL OR a.line_item_id = ANY (%(lines)s))
        ORDER BY a.id
        FOR NO KEY UPDATE
    )
    SELECT
        (SELECT jsonb_agg(to_jsonb(r)) FROM (
            SELECT r.budget_id, r.alert_types, r.warning_threshold, r.exceeded_thresholds, r.high_variance_percentage
            FROM alerts_alertrule r
            WHERE r.tenant_id = %(tenant)s AND r.deleted_at IS NULL
                AND (r.budget_id IS NULL OR r.budget_id = %(budget)s)) r),
        (SELECT jsonb_agg(to_jsonb(held)) FROM held),
        (SELECT jsonb_agg(to_jsonb(l)) FROM (
            SELECT l.id, l.name, l.kind, {LINE_IN_FORCE} AS budgeted_amount, l.committed_amount, l.actual_amount,
                   l.variance_amount
            FROM budgets_budgetlineitem l
            WHERE %(any_line)s AND l.tenant_id = %(tenant)s AND l.budget_id = %(budget)s AND l.deleted_at IS NULL
                AND l.kind = 'cost' AND l.variance_amount < 0) l)
"""  # noqa: S608  (the columns are a constant)

_LOCK_BUDGET = f"""
    SELECT {BUDGET_COLUMNS} FROM budgets_eventbudget b
    WHERE b.tenant_id = %s AND b.id = %s AND b.deleted_at IS NULL
    FOR NO KEY UPDATE
"""  # noqa: S608  (the columns are a constant)

_WRITE = """
    WITH changed AS (
        UPDATE alerts_budgetalert a SET
            level = c.level,
            threshold = c.threshold,
            utilization = c.utilization,
            overrun_amount = c.overrun,
            message = c.message,
            raised_at = CASE WHEN c.raised THEN statement_timestamp() ELSE a.raised_at END,
            times_raised = a.times_raised + c.raised::integer,
            is_acknowledged = a.is_acknowledged AND NOT c.asks_again,
            resolved = a.resolved OR NOT c.holds,
            resolved_at = CASE WHEN c.holds THEN a.resolved_at ELSE coalesce(a.resolved_at, statement_timestamp()) END,
            state_holds = c.holds
        FROM jsonb_to_recordset(%(changed)s::jsonb) AS c(id uuid, level text, threshold numeric, utilization numeric,
            overrun numeric, message text, raised boolean, asks_again boolean, holds boolean)
        WHERE a.tenant_id = %(tenant)s AND a.id = c.id
    )
    INSERT INTO alerts_budgetalert (tenant_id, budget_id, id, line_item_id, alert_type, level, threshold, utilization,
        overrun_amount, message, times_raised, is_acknowledged, acknowledged_comment, resolved, resolved_comment,
        state_holds)
    SELECT %(tenant)s, %(budget)s, o.id, o.line_item_id, o.alert_type, o.level, o.threshold, o.utilization,
        o.overrun, o.message, 0, false, '', false, '', true
    FROM jsonb_to_recordset(%(opened)s::jsonb) AS o(id uuid, line_item_id uuid, alert_type text, level text,
        threshold numeric, utilization numeric, overrun numeric, message text)
"""


@dataclass(frozen=True, slots=True)
class _Held:
    """A stored alert whose state held at the last evaluation; resolved only when a person did that."""

    alert_id: UUID
    demand: Demand
    is_acknowledged: bool
    resolved: bool

    def is_outdone_by(self, demand: Demand) -> bool:
        """Whether `demand` is news: a higher step, or more overspend."""
        return self.is_below(demand) or demand.overrun > self.demand.overrun

    def is_below(self, demand: Demand) -> bool:
        """Whether `demand` is a higher step: a threshold or level that whoever acknowledged this had not seen."""
        return demand.threshold > self.demand.threshold or demand.level.rank > self.demand.level.rank


def evaluate_budget(figures: BudgetFigures, lines: Sequence[LineFigures] | None) -> None:
    """Open, raise and resolve the budget's alerts as its figures demand (design §9).

    `lines` are those that may have changed, None any. The caller holds the budget's lock. For each kind and line:

    - demanded and none there: opened;
    - open: it says what the figures say. A higher threshold or level, or more overspend, raises it; a higher threshold
      or level also asks for a new acknowledgement, more of the same does not;
    - no longer demanded: resolved by the figures, and the next crossing opens a new one;
    - resolved by a person while still demanded: stays so until it gets worse than it was then, which opens a new one.

    Budgets that are finalized or archived keep the alerts they have.
    """
    if figures.status in LOCKED_STATUSES:
        return
    rule, held, overspent = _read(figures.budget_id, lines)
    demands = demanded_alerts(figures, overspent if lines is None else lines, rule)
    opened: list[tuple[UUID, Demand]] = []
    changed: list[dict[str, Any]] = []
    news: list[tuple[Signal, UUID, Demand]] = []
    for key in sorted(demands.keys() | held.keys(), key=str):
        demand, alert = demands.get(key), held.get(key)
        if alert is not None:
            change = _change(alert, demand)
            if change is not None:
                changed.append(change)
            if not alert.resolved and demand is None:
                news.append((alert_resolved, alert.alert_id, alert.demand))
            elif not alert.resolved and demand is not None and alert.is_outdone_by(demand):
                news.append((alert_raised, alert.alert_id, demand))
        if demand is not None and (alert is None or (alert.resolved and alert.is_outdone_by(demand))):
            alert_id = uuid4()
            opened.append((alert_id, demand))
            news.append((alert_opened, alert_id, demand))
    if not opened and not changed:
        return
    with connection.cursor() as cursor:
        cursor.execute(
            _WRITE,
            {
                "tenant": require_tenant_id(),
                "budget": figures.budget_id,
                "changed": json.dumps(changed),
                "opened": json.dumps([{"id": str(pk), **_as_json(demand)} for pk, demand in opened]),
            },
        )
    for signal, alert_id, demand in news:
        signal.send(sender=BudgetAlert, news=_news(figures.budget_id, alert_id, demand))


@transaction.atomic
def reevaluate_budget(budget_id: UUID) -> None:
    """Evaluate a budget anew, all its lines included: for a rule that changed. Locks the budget.

    A budget that is deleted meanwhile has no alerts to open: nothing happens.
    """
    with connection.cursor() as cursor:
        cursor.execute(_LOCK_BUDGET, [require_tenant_id(), budget_id])
        row = cursor.fetchone()
    if row is not None:
        evaluate_budget(BudgetFigures.from_row(row), None)


def _change(alert: _Held, demand: Demand | None) -> dict[str, Any] | None:
    """Return how the stored alert has to change, None when it may stay as it is."""
    if demand is None:
        return _change_row(alert, alert.demand, holds=False)
    if alert.resolved:
        # Worse than a person took note of: the new alert takes over, this one stays as that person left it.
        return _change_row(alert, alert.demand, holds=False) if alert.is_outdone_by(demand) else None
    if demand == alert.demand:
        return None
    return _change_row(alert, demand, holds=True, raised=alert.is_outdone_by(demand), asks_again=alert.is_below(demand))


def _change_row(
    alert: _Held, shown: Demand, *, holds: bool, raised: bool = False, asks_again: bool = False
) -> dict[str, Any]:
    return {
        **_as_json(shown),
        "id": str(alert.alert_id),
        "holds": holds,
        "raised": raised,
        "asks_again": asks_again,
    }


def _read(
    budget_id: UUID, lines: Sequence[LineFigures] | None
) -> tuple[RuleValues, dict[Key, _Held], list[LineFigures]]:
    """Return the rule that governs the budget, its alerts whose state holds (locked), and its overspent lines.

    The lines are read only when `lines` is None.
    """
    with connection.cursor() as cursor:
        cursor.execute(
            _READ,
            {
                "tenant": require_tenant_id(),
                "budget": budget_id,
                "any_line": lines is None,
                "lines": [line.line_item_id for line in lines or ()],
            },
        )
        rules, held, overspent = (_rows(column) for column in cursor.fetchone())
    alerts = [_held(row) for row in held]
    return (
        _governing(rules),
        {alert.demand.key: alert for alert in alerts},
        [_line(row, budget_id) for row in overspent],
    )


def _rows(column: str | None) -> list[dict[str, Any]]:
    # Django hands jsonb of a raw query over as text. Numbers with a point are exact decimals, never floats.
    return [] if column is None else json.loads(column, parse_float=Decimal, parse_int=Decimal)


def _governing(rules: Iterable[dict[str, Any]]) -> RuleValues:
    """A budget's own rule replaces the account's whole; without either, the default."""
    by_scope = {row["budget_id"] is not None: row for row in rules}
    row = by_scope.get(True) or by_scope.get(False)
    return DEFAULT_RULE if row is None else RuleValues.from_mapping(row)


def _held(row: dict[str, Any]) -> _Held:
    return _Held(
        alert_id=UUID(row["id"]),
        demand=Demand(
            alert_type=row["alert_type"],
            line_item_id=UUID(row["line_item_id"]) if row["line_item_id"] else None,
            level=AlertLevel(row["level"]),
            threshold=row["threshold"],
            utilization=row["utilization"],
            overrun=row["overrun_amount"],
            message=row["message"],
        ),
        is_acknowledged=row["is_acknowledged"],
        resolved=row["resolved"],
    )


def _line(row: dict[str, Any], budget_id: UUID) -> LineFigures:
    return LineFigures(
        line_item_id=UUID(row["id"]),
        budget_id=budget_id,
        name=row["name"],
        kind=row["kind"],
        budgeted=row["budgeted_amount"],
        committed=row["committed_amount"],
        actual=row["actual_amount"],
        variance=row["variance_amount"],
    )


def _as_json(demand: Demand) -> dict[str, Any]:
    return {
        "alert_type": str(demand.alert_type),
        "line_item_id": str(demand.line_item_id) if demand.line_item_id else None,
        "level": str(demand.level),
        "threshold": str(demand.threshold),
        "utilization": str(demand.utilization),
        "overrun": str(demand.overrun),
        "message": demand.message,
    }


def _news(budget_id: UUID, alert_id: UUID, demand: Demand) -> AlertNews:
    return AlertNews(
        alert_id=alert_id,
        budget_id=budget_id,
        line_item_id=demand.line_item_id,
        alert_type=str(demand.alert_type),
        level=str(demand.level),
        threshold=demand.threshold,
        utilization=demand.utilization,
        message=demand.message,
    )
