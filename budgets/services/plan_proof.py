"""Proof of the plans: what is in force is what was approved, and what transfers have done to it since."""

from collections.abc import Iterator
from typing import Any

from django.db import connection

from budgets.services.discrepancy import Discrepancy
from budgetsite.tenancy.scope import require_tenant_id

# So many are named; one is enough to know.
_NAMED = 100

# The budgets that have a plan in force, with the revision that it was kept as. `revised`: another one is worked on.
_IN_FORCE = """
    SELECT b.tenant_id, b.id, b.deleted_at, b.approved_total_amount IS NOT NULL AS revised,
           coalesce(b.approved_total_amount, b.total_budget_amount) AS total,
           b.revision - (b.approved_total_amount IS NOT NULL)::integer AS number,
           r.id AS revision_id, r.total_budget_amount AS kept_total
    FROM budgets_eventbudget b
    LEFT JOIN budgets_budgetrevision r ON r.tenant_id = b.tenant_id AND r.budget_id = b.id
        AND r.number = b.revision - (b.approved_total_amount IS NOT NULL)::integer
    WHERE b.tenant_id = %(tenant)s
        AND (b.approved_total_amount IS NOT NULL OR b.status IN ('approved', 'active', 'finalized', 'archived'))
"""

_WRONG_TOTALS = f"""
    SELECT id, revised, number, total, kept_total FROM ({_IN_FORCE}) b
    WHERE total IS DISTINCT FROM kept_total ORDER BY id LIMIT {_NAMED}
"""

# Spending beside the plan makes a line that no revision has; only what transfers gave it is in force there. A line that
# went to another budget while the plan was revised is in the plan in force all the same.
_WRONG_LINES = f"""
    WITH in_force AS ({_IN_FORCE}),
    transferred AS (
        SELECT budget_id, revision, line_id, sum(amount) AS amount FROM (
            SELECT budget_id, revision, to_line_id AS line_id, amount FROM budgets_budgettransfer
            WHERE tenant_id = %(tenant)s AND status = 'done'
            UNION ALL
            SELECT budget_id, revision, from_line_id, -amount FROM budgets_budgettransfer
            WHERE tenant_id = %(tenant)s AND status = 'done'
        ) moved GROUP BY 1, 2, 3
    ),
    planned AS (
        SELECT b.id AS budget_id, p.line_item_id AS id, p.budgeted_amount + coalesce(t.amount, 0) AS amount
        FROM in_force b
        JOIN budgets_planline p ON p.tenant_id = b.tenant_id AND p.revision_id = b.revision_id
        LEFT JOIN transferred t ON t.budget_id = b.id AND t.revision = b.number AND t.line_id = p.line_item_id
    ),
    stored AS (
        SELECT b.id AS budget_id, l.id, CASE WHEN b.revised THEN l.approved_amount ELSE l.budgeted_amount END AS amount,
               CASE WHEN l.is_unbudgeted THEN coalesce(t.amount, 0) END AS beside_the_plan
        FROM in_force b
        JOIN budgets_budgetlineitem l ON l.tenant_id = b.tenant_id AND l.budget_id = b.id
        LEFT JOIN transferred t ON t.budget_id = b.id AND t.revision = b.number AND t.line_id = l.id
        WHERE b.revision_id IS NOT NULL
            AND (l.deleted_at IS NOT DISTINCT FROM b.deleted_at OR b.revised AND l.approved_amount IS NOT NULL)
    )
    SELECT coalesce(s.id, p.id), b.revised, b.number, s.id IS NOT NULL, s.amount, p.id IS NOT NULL, p.amount
    FROM stored s FULL JOIN planned p ON p.budget_id = s.budget_id AND p.id = s.id
    JOIN in_force b ON b.id = coalesce(s.budget_id, p.budget_id)
    WHERE CASE
        WHEN s.id IS NULL THEN NOT b.revised OR NOT EXISTS (
            SELECT FROM budgets_budgetlineitem l
            WHERE l.tenant_id = b.tenant_id AND l.id = p.id AND l.budget_id <> b.id)
        WHEN p.id IS NULL AND s.beside_the_plan IS NOT NULL THEN s.amount IS DISTINCT FROM s.beside_the_plan
        WHEN p.id IS NULL THEN NOT b.revised OR s.amount IS DISTINCT FROM 0
        ELSE s.amount IS DISTINCT FROM p.amount
    END
    ORDER BY 1 LIMIT {_NAMED}
"""


def wrong_plans() -> Iterator[Discrepancy]:
    """Compare what is in force in the current tenant with the plans that were kept: totals first, then line by line.

    Expects deleted rows in sight.
    """
    for budget_id, revised, number, total, kept in _rows(_WRONG_TOTALS):
        name = "approved_total_amount" if revised else "total_budget_amount"
        detail = (
            f"no plan was kept for revision {number}, which is in force"
            if kept is None
            else f"{name} is {total}, revision {number} says {kept}"
        )
        yield Discrepancy("budget", str(budget_id), detail)
    for line_id, revised, number, is_stored, stored, is_planned, planned in _rows(_WRONG_LINES):
        name = "approved_amount" if revised else "budgeted_amount"
        if not is_stored:
            detail = f"is in revision {number}, which is in force, and not in the budget"
        elif not is_planned:
            detail = f"{name} is {stored}, revision {number} has no such line"
        else:
            detail = f"{name} is {stored}, revision {number} and its transfers say {planned}"
        yield Discrepancy("line", str(line_id), detail)


def _rows(statement: str) -> list[Any]:
    with connection.cursor() as cursor:
        cursor.execute(statement, {"tenant": require_tenant_id()})
        found: list[Any] = cursor.fetchall()
        return found
