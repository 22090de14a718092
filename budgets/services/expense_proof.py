"""Proof of the expenses: what each says of its money is what the ledger, its bills and its payments say."""

from collections.abc import Iterator

from django.db import connection

from budgets.services.discrepancy import Discrepancy
from budgetsite.tenancy.scope import require_tenant_id

_NAMED = 100

# Nothing stays promised of what is billed or cancelled, and nothing is billed of what is cancelled.
_HOLDS_TOO_MUCH = """(
    e.stage IN ('cancelled', 'invoiced') AND e.committed_amount <> 0
    OR e.stage = 'cancelled' AND (e.actual_amount <> 0 OR e.invoiced_amount <> 0)
)"""

# Entries on another line than the expense's have to add up to nothing: that money was moved.
_WRONG = f"""
    SELECT e.id, e.committed_amount, coalesce(l.committed, 0), e.actual_amount, coalesce(l.actual, 0),
        coalesce(i.actual, 0), e.invoiced_amount, coalesce(i.invoiced, 0), e.paid_amount, coalesce(p.paid, 0),
        e.scheduled_amount, coalesce(p.scheduled, 0), coalesce(l.elsewhere, false),
        {_HOLDS_TOO_MUCH}
    FROM budgets_expense e
    LEFT JOIN (
        SELECT x.id, sum(t.committed) FILTER (WHERE t.line_item_id = x.line_item_id) AS committed,
            sum(t.actual) FILTER (WHERE t.line_item_id = x.line_item_id) AS actual,
            bool_or(t.line_item_id IS DISTINCT FROM x.line_item_id AND (t.committed <> 0 OR t.actual <> 0)) AS elsewhere
        FROM (
            SELECT source_id, line_item_id, sum(committed_delta) AS committed, sum(actual_delta) AS actual
            FROM budgets_ledgerentry WHERE tenant_id = %(tenant)s AND source = 'expense'
            GROUP BY source_id, line_item_id
        ) t JOIN budgets_expense x ON x.tenant_id = %(tenant)s AND x.id::text = t.source_id
        GROUP BY x.id
    ) l ON l.id = e.id
    LEFT JOIN (
        SELECT expense_id, sum(amount) AS invoiced, sum(actual_amount) AS actual
        FROM budgets_expenseinvoice WHERE tenant_id = %(tenant)s AND cancelled_at IS NULL GROUP BY expense_id
    ) i ON i.expense_id = e.id
    LEFT JOIN (
        SELECT expense_id, sum(amount) FILTER (WHERE paid_at IS NOT NULL) AS paid,
            sum(amount) FILTER (WHERE paid_at IS NULL) AS scheduled
        FROM budgets_expensepayment WHERE tenant_id = %(tenant)s AND cancelled_at IS NULL GROUP BY expense_id
    ) p ON p.expense_id = e.id
    WHERE e.tenant_id = %(tenant)s AND (
        coalesce(l.elsewhere, false)
        OR (e.committed_amount, e.actual_amount, e.actual_amount, e.invoiced_amount)
            IS DISTINCT FROM (coalesce(l.committed, 0), coalesce(l.actual, 0), coalesce(i.actual, 0),
                coalesce(i.invoiced, 0))
        OR {_HOLDS_TOO_MUCH}
        OR e.stage <> 'cancelled' AND (e.paid_amount, e.scheduled_amount)
            IS DISTINCT FROM (coalesce(p.paid, 0), coalesce(p.scheduled, 0)))
    ORDER BY e.id LIMIT {_NAMED}
"""

# Entries that name an expense which is not there.
_STRAY = f"""
    SELECT l.id FROM budgets_ledgerentry l
    WHERE l.tenant_id = %(tenant)s AND l.source = 'expense'
        AND NOT EXISTS (SELECT FROM budgets_expense e WHERE e.tenant_id = l.tenant_id AND e.id::text = l.source_id)
    ORDER BY l.id LIMIT {_NAMED}
"""


def wrong_expenses() -> Iterator[Discrepancy]:
    """Compare every expense of the current tenant with what it follows from. Expects deleted rows in sight."""
    with connection.cursor() as cursor:
        cursor.execute(_STRAY, {"tenant": require_tenant_id()})
        for (entry_id,) in cursor.fetchall():
            yield Discrepancy("entry", str(entry_id), "names an expense that is not there")
        cursor.execute(_WRONG, {"tenant": require_tenant_id()})
        for expense_id, *figures, elsewhere, holds_too_much in cursor.fetchall():
            committed, posted_committed, actual, posted_actual, billed_actual, *others = figures
            invoiced, bills, paid, payments, scheduled, planned = others
            pairs = (
                ("committed_amount", committed, posted_committed, "its entries"),
                ("actual_amount", actual, posted_actual, "its entries"),
                ("actual_amount", actual, billed_actual, "its bills"),
                ("invoiced_amount", invoiced, bills, "its bills"),
                ("paid_amount", paid, payments, "its payments"),
                ("scheduled_amount", scheduled, planned, "its payments"),
            )
            told = [f"{name} is {says}, {whose} say {true}" for name, says, true, whose in pairs if says != true]
            if elsewhere:
                told.append("money of it is left on another line")
            if holds_too_much:
                told.append("it is billed or cancelled, and money of it is still promised or spent")
            yield Discrepancy("expense", str(expense_id), "; ".join(told))
