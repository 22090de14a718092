"""The one named recompute: a budget's totals from its lines, for the line items' receivers and for bulk services."""

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from decimal import Decimal
from typing import Any, NamedTuple
from uuid import UUID

from django.db import connection

from budgets.models import BudgetLineItem, EventBudget
from budgets.services.budget_news import telling
from budgets.services.figures import BUDGET_COLUMNS, BudgetFigures, LineFigures, variance_percentage_sql
from budgets.services.problems import BudgetNotFound, LinesExceedTotal, TotalOutOfRange
from budgets.signals import budget_recalculated
from budgetsite.money.amounts import MAX_AMOUNT
from budgetsite.money.ratios import PERCENTAGE_LIMIT
from budgetsite.outbox.services import relay_after_commit
from budgetsite.tenancy.scope import current_scope, require_tenant_id

# The budgets to recompute, and whether their plans changed, while recalculation is paused; None when it is not.
_paused: ContextVar[dict[UUID, int] | None] = ContextVar("recalculation_paused", default=None)

_LINE_SUMS = """
    SELECT coalesce(sum(budgeted_amount) FILTER (WHERE kind = 'cost'), 0) AS budgeted,
           coalesce(sum(committed_amount), 0) AS committed,
           coalesce(sum(actual_amount) FILTER (WHERE kind = 'cost'), 0) AS actual,
           coalesce(sum(budgeted_amount) FILTER (WHERE kind = 'income'), 0) AS projected_income,
           coalesce(sum(actual_amount) FILTER (WHERE kind = 'income'), 0) AS income
    FROM budgets_budgetlineitem
    WHERE tenant_id = %(tenant)s AND budget_id = %(budget)s AND deleted_at IS NULL
"""

_UPDATE_TOTALS = telling(f"""
    WITH lines AS ({_LINE_SUMS}), totals AS (
        SELECT b.tenant_id, b.id, lines.budgeted AS lines_total,
               CASE WHEN b.total_follows_lines THEN lines.budgeted ELSE b.total_budget_amount END AS total,
               lines.committed + b.unallocated_committed_amount AS committed,
               lines.actual + b.unallocated_actual_amount AS actual,
               coalesce(b.approved_total_amount,
                   CASE WHEN b.total_follows_lines THEN lines.budgeted ELSE b.total_budget_amount END) AS in_force,
               lines.projected_income, lines.income
        FROM budgets_eventbudget b, lines
        WHERE b.tenant_id = %(tenant)s AND b.id = %(budget)s
    )
    UPDATE budgets_eventbudget b SET
        lines_total_amount = t.lines_total,
        total_budget_amount = t.total,
        total_committed_amount = t.committed,
        total_actual_amount = t.actual,
        projected_income_amount = t.projected_income,
        total_income_amount = t.income,
        variance_amount = t.in_force - t.actual,
        variance_percentage = {variance_percentage_sql("t.in_force", "t.actual")},
        version = b.version + %(step)s
    FROM totals t
    WHERE b.tenant_id = t.tenant_id AND b.id = t.id AND t.lines_total <= t.total
        AND greatest(t.lines_total, t.total, t.committed, abs(t.actual), abs(t.in_force - t.actual), t.projected_income,
            abs(t.income)) <= %(largest)s
    RETURNING {BUDGET_COLUMNS}
""")


def recalculate_budget(
    budget_id: UUID, *, plan_changed: bool = True, lines: list[LineFigures] | None = None, locked: bool = False
) -> BudgetFigures | None:
    """Derive the budget's totals from its rows, grow its version when the plan changed, and tell `alerts`.

    `lines` names those that may have changed; None stands for any. `locked` says that the caller
    holds the budget's lock. Raises `LinesExceedTotal`, and then the caller's
    transaction has to be rolled back. While paused it only takes note and returns None.
    """
    paused = _paused.get()
    if paused is not None:
        paused[budget_id] = max(paused.get(budget_id, 0), int(plan_changed))
        return None
    if not locked:
        lock_budget_row(budget_id)
    parameters: dict[str, Any] = {
        "tenant": require_tenant_id(),
        "budget": budget_id,
        "actor": current_scope().user_id,
        "step": int(plan_changed),
        "percentage_limit": PERCENTAGE_LIMIT,
        "largest": MAX_AMOUNT,
    }
    with connection.cursor() as cursor:
        cursor.execute(_UPDATE_TOTALS, parameters)
        row = cursor.fetchone()
        if row is None:
            raise _refusal(budget_id, parameters)
    relay_after_commit()
    figures = BudgetFigures.from_row(row)
    tell_recalculated(figures, lines)
    return figures


def tell_recalculated(figures: BudgetFigures, lines: list[LineFigures] | None) -> None:
    """Send `budget_recalculated`; while recalculation is paused, let its end do that, once and with the true totals."""
    paused = _paused.get()
    if paused is None:
        budget_recalculated.send(sender=EventBudget, figures=figures, lines=lines)
    else:
        paused.setdefault(figures.budget_id, 0)


@contextmanager
def recalculation_paused() -> Iterator[None]:
    """Let a bulk change recompute each budget once, at the end of the block, its version growing by one."""
    if _paused.get() is not None:
        yield
        return
    noted: dict[UUID, int] = {}
    token = _paused.set(noted)
    try:
        yield
    finally:
        _paused.reset(token)
    for budget_id in sorted(noted):
        recalculate_budget(budget_id, plan_changed=bool(noted[budget_id]))


class LockedBudget(NamedTuple):
    """`is_under_revision`: another plan, the approved one, is in force beside the present one."""

    version: int
    is_under_revision: bool


def lock_budget_row(budget_id: UUID) -> LockedBudget:
    """Lock the budget's row against other writers and return its version.

    `FOR NO KEY UPDATE`: a plain `FOR UPDATE` would make every insert that refers to the budget wait.
    """
    row = (
        EventBudget.objects.filter(pk=budget_id)
        .select_for_update(no_key=True)
        .values_list("version", "approved_total_amount")
        .first()
    )
    if row is None:
        raise BudgetNotFound(budget_id)
    return LockedBudget(version=row[0], is_under_revision=row[1] is not None)


def line_figures(line: BudgetLineItem) -> LineFigures:
    return LineFigures(
        line_item_id=line.pk,
        budget_id=line.budget_id,
        name=line.name,
        kind=line.kind,
        budgeted=line.in_force_amount,
        committed=line.committed_amount,
        actual=line.actual_amount,
        variance=line.variance_amount,
    )


def _refusal(budget_id: UUID, parameters: dict[str, Any]) -> Exception:
    budget = EventBudget.objects.filter(pk=budget_id).first()
    if budget is None:
        return BudgetNotFound(budget_id)
    with connection.cursor() as cursor:
        cursor.execute(_LINE_SUMS, parameters)
        lines_total: Decimal = cursor.fetchone()[0]
    if budget.total_follows_lines or lines_total <= budget.total_budget_amount:
        return TotalOutOfRange()
    return LinesExceedTotal(lines_total=lines_total, total=budget.total_budget_amount, currency=budget.currency)
