"""Plans read by hand: two compared, and a budget as of a moment. As `plain_sql`, and of the same kind."""

from datetime import datetime
from decimal import Decimal
from uuid import UUID

from budgetsite.testing.benchmarks.plain_sql import PlainSql, as_json

_BUDGET = """
    SELECT b.id, b.currency, b.status, b.version, b.revision, b.total_budget_amount, b.projected_income_amount
    FROM budgets_eventbudget b WHERE b.tenant_id = %s AND b.id = %s AND b.deleted_at IS NULL
"""

_DIFFERENCES = """
    WITH old AS (
        SELECT p.line_item_id AS id, p.category_id, p.section, p.name, p.description, p.notes, p.budgeted_amount,
               p.quantity, p.unit_price
        FROM budgets_planline p JOIN budgets_budgetrevision r ON r.tenant_id = p.tenant_id AND r.id = p.revision_id
        WHERE p.tenant_id = %(tenant)s AND r.budget_id = %(budget)s AND r.number = %(number)s
    ),
    new AS (
        SELECT l.id, l.category_id, l.section, l.name, l.description, l.notes, l.budgeted_amount, l.quantity,
               l.unit_price
        FROM budgets_budgetlineitem l
        WHERE l.tenant_id = %(tenant)s AND l.budget_id = %(budget)s AND l.deleted_at IS NULL
    )
    SELECT coalesce(new.id, old.id) AS line_item_id, coalesce(new.name, old.name) AS name, c.name AS category,
           CASE WHEN old.id IS NULL THEN 'added' WHEN new.id IS NULL THEN 'removed' ELSE 'changed' END AS change,
           coalesce(old.budgeted_amount, 0) AS before_amount, coalesce(new.budgeted_amount, 0) AS after_amount,
           coalesce(new.budgeted_amount, 0) - coalesce(old.budgeted_amount, 0) AS difference_amount,
           old.name AS old_name, old.category_id AS old_category_id, old.section AS old_section,
           old.description AS old_description, old.notes AS old_notes, old.quantity AS old_quantity,
           old.unit_price AS old_unit_price, new.category_id, new.section, new.description, new.notes, new.quantity,
           new.unit_price
    FROM old FULL JOIN new ON new.id = old.id
    JOIN budgets_category c ON c.tenant_id = %(tenant)s AND c.id = coalesce(new.category_id, old.category_id)
    WHERE (old.category_id, old.section, old.name, old.description, old.notes, old.budgeted_amount, old.quantity,
           old.unit_price)
        IS DISTINCT FROM (new.category_id, new.section, new.name, new.description, new.notes, new.budgeted_amount,
            new.quantity, new.unit_price)
    ORDER BY c.sort_order, c.name, name
"""

_REVISION = """
    SELECT r.number, r.total_budget_amount, r.projected_income_amount, r.approved_at
    FROM budgets_budgetrevision r WHERE r.tenant_id = %s AND r.budget_id = %s AND r.number = %s
"""

_BUDGET_THEN = """
    SELECT h.status, h.version, h.revision, h.total_budget_amount, h.total_follows_lines, h.notes
    FROM budgets_historicaleventbudget h
    WHERE h.tenant_id = %s AND h.id = %s AND h.history_date <= %s ORDER BY h.history_id DESC LIMIT 1
"""

_LINES_THEN = """
    SELECT v.*, c.name AS category FROM (
        SELECT DISTINCT ON (h.id) h.id, h.budget_id, h.deleted_at, h.kind, h.category_id, h.section, h.name,
               h.description, h.notes, h.budgeted_amount, h.quantity, h.unit_price, h.sort_order, h.version
        FROM budgets_historicalbudgetlineitem h
        WHERE h.tenant_id = %(tenant)s AND h.budget_id = %(budget)s AND h.history_date <= %(moment)s
        ORDER BY h.id, h.history_id DESC
    ) v
    JOIN budgets_category c ON c.tenant_id = %(tenant)s AND c.id = v.category_id
    WHERE v.deleted_at IS NULL ORDER BY v.sort_order, v.id
"""

_FIGURES_THEN = """
    SELECT line_item_id, sum(committed_delta) AS committed_amount, sum(actual_delta) AS actual_amount
    FROM budgets_ledgerentry
    WHERE tenant_id = %(tenant)s AND budget_id = %(budget)s AND created_at <= %(moment)s
    GROUP BY line_item_id
"""


class PlainPlans(PlainSql):
    """The connection of `PlainSql`, for what only plans need."""

    def compare_plans(self, budget_id: UUID, number: int) -> str:
        """Return what a budget's present lines change against a plan that was kept, as JSON."""
        with self._transaction():
            self._check_membership()
            budget = self._one(_BUDGET, [self.tenant_id, budget_id])
            revision = self._one(_REVISION, [self.tenant_id, budget_id, number])
            lines = self._all(_DIFFERENCES, {"tenant": self.tenant_id, "budget": budget_id, "number": number})
        return as_json({**budget, "before": revision, "lines": lines})

    def read_as_of(self, budget_id: UUID, moment: datetime) -> str:
        """Return a budget with its lines, and what had been promised and spent on them at a moment, as JSON."""
        values = {"tenant": self.tenant_id, "budget": budget_id, "moment": moment}
        with self._transaction():
            self._check_membership()
            budget = self._one(_BUDGET, [self.tenant_id, budget_id])
            then = self._one(_BUDGET_THEN, [self.tenant_id, budget_id, moment])
            lines = self._all(_LINES_THEN, values)
            figures = {row["line_item_id"]: row for row in self._all(_FIGURES_THEN, values)}
        nothing = {"committed_amount": Decimal(0), "actual_amount": Decimal(0)}
        for line in lines:
            line.update(figures.get(line["id"], nothing))
        spent = sum((row["actual_amount"] for row in figures.values()), Decimal(0))
        return as_json({**budget, **then, "total_actual_amount": spent, "line_items": lines})
