"""Bringing a budget's alerts in line with its figures: two SQL statements at most, one when nothing changes.

Runs inside the transaction that changed the figures, under the budget's row lock, so that two evaluations of one
budget never overlap; the unique index `alerts_budgetalert_one_open` is the last guard. The alerts that are compared
stay locked until the end (by id, after the budget), so that nobody resolves one between the look and the change.
"""

from collections.abc import Iterable, Sequence
from typing import Any
from uuid import UUID

from django.db import connection, transaction

from alerts.services.demands import demanded_alerts
from alerts.services.evaluators import BY_FIGURES
from alerts.services.following import HELD_COLUMNS, Comparison, Held, Subject, follow, held_alert, json_rows
from alerts.services.rule_values import DEFAULT_RULE, RuleValues
from budgets.models import LOCKED_STATUSES
from budgets.services.figures import BUDGET_COLUMNS, LINE_IN_FORCE, BudgetFigures, LineFigures
from budgetsite.tenancy.scope import require_tenant_id

_TYPES = [str(kind) for kind in BY_FIGURES]

# Rules, alerts whose state holds, and (when any line may have changed) the lines that are overspent, or on which
# something is promised without a plan: each as one JSON array, so that a posting pays for one statement.
_READ = f"""
    WITH held AS (
        SELECT {HELD_COLUMNS}
        FROM alerts_budgetalert a
        WHERE a.tenant_id = %(tenant)s AND a.budget_id = %(budget)s AND a.state_holds AND a.deleted_at IS NULL
            AND a.alert_type = ANY (%(types)s)
            AND (%(any_line)s OR a.line_item_id IS NULL OR a.line_item_id = ANY (%(lines)s))
        ORDER BY a.id
        FOR NO KEY UPDATE
    )
    SELECT
        (SELECT jsonb_agg(to_jsonb(r)) FROM (
            SELECT r.budget_id, r.alert_types, r.warning_threshold, r.exceeded_thresholds, r.high_variance_percentage,
                   r.basis, r.thresholds, r.audience
            FROM alerts_alertrule r
            WHERE r.tenant_id = %(tenant)s AND r.deleted_at IS NULL
                AND (r.budget_id IS NULL OR r.budget_id = %(budget)s)) r),
        (SELECT jsonb_agg(to_jsonb(held)) FROM held),
        (SELECT jsonb_agg(to_jsonb(l)) FROM (
            SELECT l.id, l.name, l.kind, {LINE_IN_FORCE} AS budgeted_amount, l.committed_amount, l.actual_amount,
                   l.variance_amount
            FROM budgets_budgetlineitem l
            WHERE %(any_line)s AND l.tenant_id = %(tenant)s AND l.budget_id = %(budget)s AND l.deleted_at IS NULL
                AND l.kind = 'cost' AND (l.variance_amount < 0
                    OR ({LINE_IN_FORCE} = 0 AND l.committed_amount > 0))) l)
"""  # noqa: S608  (the columns are a constant)

_LOCK_BUDGET = f"""
    SELECT {BUDGET_COLUMNS} FROM budgets_eventbudget b
    WHERE b.tenant_id = %s AND b.id = %s AND b.deleted_at IS NULL
    FOR NO KEY UPDATE
"""  # noqa: S608  (the columns are a constant)


def evaluate_budget(figures: BudgetFigures, lines: Sequence[LineFigures] | None) -> None:
    """Open, raise and resolve the budget's alerts `BY_FIGURES` as these demand: see `follow`.

    `lines` are those that may have changed, None any. The caller holds the budget's lock. Budgets that are finalized or
    archived keep the alerts they have.
    """
    if figures.status in LOCKED_STATUSES:
        return
    rule, held, overspent = _read(figures.budget_id, lines)
    demands = demanded_alerts(figures, overspent if lines is None else lines, rule)
    follow([Comparison(Subject(budget_id=figures.budget_id), demands, held)])


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


def _read(budget_id: UUID, lines: Sequence[LineFigures] | None) -> tuple[RuleValues, list[Held], list[LineFigures]]:
    """Return the rule that governs the budget, its alerts whose state holds (locked), and its lines beyond their plan.

    The lines are read only when `lines` is None.
    """
    with connection.cursor() as cursor:
        cursor.execute(
            _READ,
            {
                "tenant": require_tenant_id(),
                "budget": budget_id,
                "types": _TYPES,
                "any_line": lines is None,
                "lines": [line.line_item_id for line in lines or ()],
            },
        )
        rules, held, overspent = (json_rows(column) for column in cursor.fetchone())
    return _governing(rules), [held_alert(row) for row in held], [_line(row, budget_id) for row in overspent]


def _governing(rules: Iterable[dict[str, Any]]) -> RuleValues:
    """A budget's own rule replaces the account's whole; without either, the default."""
    by_scope = {row["budget_id"] is not None: row for row in rules}
    row = by_scope.get(True) or by_scope.get(False)
    return DEFAULT_RULE if row is None else RuleValues.from_mapping(row)


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
