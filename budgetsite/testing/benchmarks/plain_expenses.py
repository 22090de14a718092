"""Recording and listing expenses by hand."""

from datetime import UTC, datetime
from decimal import Decimal
from uuid import UUID, uuid4

from psycopg.types.json import Jsonb

from budgetsite.testing.benchmarks.plain_sql import (
    POST_TO_BUDGET,
    POST_TO_LINE,
    PlainSql,
    as_json,
)

_LOCK_BUDGET_OF_EVENT = """
    SELECT b.id, b.currency, b.status FROM budgets_eventbudget b
    JOIN events_event e ON e.tenant_id = b.tenant_id AND e.id = b.event_id AND e.deleted_at IS NULL
    WHERE b.tenant_id = %s AND b.event_id = %s AND b.deleted_at IS NULL FOR NO KEY UPDATE OF b
"""

_LIMITS = """
    SELECT p.largest_amount, r.role, r.above_amount, r.currency, r.category_id
    FROM (VALUES (true)) AS account (is_asked)
    LEFT JOIN budgets_expensepolicy p ON p.tenant_id = %(tenant)s AND p.deleted_at IS NULL
    LEFT JOIN budgets_approvalrule r
        ON r.tenant_id = %(tenant)s AND r.subject = 'expense' AND r.deleted_at IS NULL
"""

_LINE_OF_CATEGORY = """
    SELECT l.id, l.name, c.name AS category FROM budgets_budgetlineitem l
    JOIN budgets_category c ON c.tenant_id = l.tenant_id AND c.id = l.category_id
    WHERE l.tenant_id = %s AND l.budget_id = %s AND upper(c.name) = upper(%s) AND l.kind = 'cost'
        AND l.deleted_at IS NULL
    ORDER BY l.sort_order, l.id LIMIT 1
"""

_VENDOR = """
    SELECT id, name, payment_terms_days FROM budgets_vendor
    WHERE tenant_id = %s AND lower(name) = lower(%s) AND deleted_at IS NULL
"""

_EXPENSE_COLUMNS = """
    id, tenant_id, event_id, budget_id, line_item_id, vendor_id, description, stage, amount, currency, budget_amount,
    rate_source, committed_amount, actual_amount, invoiced_amount, paid_amount, scheduled_amount, expense_date,
    invoice_number, payment_status, approval, needs_role, wanted_stage, decision_reason, notes, created_by_id, version
"""
_BILL_COLUMNS = """
    id, tenant_id, expense_id, vendor_id, amount, actual_amount, settled_amount, rate_source, invoice_number,
    invoice_date, recorded_by_id, cancel_reason
"""

_INSERT_ENTRY = """
    INSERT INTO budgets_ledgerentry (id, tenant_id, budget_id, line_item_id, kind, committed_delta, actual_delta,
        currency, occurred_at, source, source_id, actor_id, description)
    VALUES (%(entry)s, %(tenant)s, %(budget)s, %(line)s, 'actual', 0, %(amount)s, %(currency)s, %(now)s, 'expense',
        %(expense)s, %(user)s, %(description)s)
"""

_STORE = f"""
    WITH expense AS (
        INSERT INTO budgets_expense ({_EXPENSE_COLUMNS})
        VALUES (%(expense)s, %(tenant)s, %(event)s, %(budget)s, %(line)s, %(vendor)s, %(description)s, 'invoiced',
            %(amount)s, %(currency)s, %(amount)s, '', 0, %(amount)s, %(amount)s, 0, 0, %(day)s, '', 'pending',
            'approved', '', 'invoiced', '', '', %(user)s, 1)
        RETURNING *
    ), expense_version AS (
        INSERT INTO budgets_historicalexpense ({_EXPENSE_COLUMNS}, history_date, history_type, history_user_id)
        SELECT {_EXPENSE_COLUMNS}, now(), '+', created_by_id FROM expense
    ), bill AS (
        INSERT INTO budgets_expenseinvoice ({_BILL_COLUMNS})
        VALUES (%(bill)s, %(tenant)s, %(expense)s, %(vendor)s, %(amount)s, %(amount)s, 0, '', '', %(day)s, %(user)s, '')
        RETURNING *
    ), bill_version AS (
        INSERT INTO budgets_historicalexpenseinvoice ({_BILL_COLUMNS}, history_date, history_type, history_user_id)
        SELECT {_BILL_COLUMNS}, now(), '+', recorded_by_id FROM bill
    ), told AS (
        INSERT INTO outbox_outboxevent (id, tenant_id, kind, subject_type, subject_id, payload, actor_id)
        VALUES (%(told)s, %(tenant)s, 'expense.recorded', 'expense', %(expense)s, %(payload)s, %(user)s)
    )
    SELECT * FROM expense
"""

_LIST = """
    SELECT x.id, x.event_id, x.budget_id, x.line_item_id, x.vendor_id, x.description, x.stage, x.wanted_stage, x.amount,
           x.currency, x.budget_amount, x.exchange_rate, x.rate_date, x.rate_source, x.committed_amount,
           x.actual_amount, x.invoiced_amount, x.paid_amount, x.scheduled_amount, x.expense_date, x.due_date,
           x.next_due_date, x.invoice_number, x.payment_status, x.approval, x.needs_role, x.decided_by_id, x.decided_at,
           x.decision_reason, x.notes, x.created_by_id, x.version, x.created_at, x.updated_at,
           e.name AS event_name, e.timezone, b.currency AS budget_currency, l.name AS line_item_name, l.is_unbudgeted,
           l.category_id, c.name AS category, v.name AS vendor
    FROM budgets_expense x
    JOIN events_event e ON e.tenant_id = x.tenant_id AND e.id = x.event_id
    JOIN budgets_eventbudget b ON b.tenant_id = x.tenant_id AND b.id = x.budget_id
    JOIN budgets_budgetlineitem l ON l.tenant_id = x.tenant_id AND l.id = x.line_item_id
    JOIN budgets_category c ON c.tenant_id = x.tenant_id AND c.id = l.category_id
    LEFT JOIN budgets_vendor v ON v.tenant_id = x.tenant_id AND v.id = x.vendor_id
    WHERE x.tenant_id = %s AND x.deleted_at IS NULL
    ORDER BY x.created_at DESC, x.id DESC LIMIT %s
"""


class PlainExpenses(PlainSql):
    """The connection of `PlainSql`, for what only expenses need."""

    def record(self, event_id: UUID, *, category: str, vendor: str, amount: Decimal) -> str:
        """Record a billed expense on a category's line: look-ups under the budget's lock, the posting, and the rows."""
        now = datetime.now(UTC)
        with self._transaction():
            self._check_membership()
            budget = self._one(_LOCK_BUDGET_OF_EVENT, [self.tenant_id, event_id])
            limits = self._all(_LIMITS, {"tenant": self.tenant_id})
            if amount > (limits[0]["largest_amount"] or 1_000_000) or limits[0]["role"] is not None:
                raise ValueError("the expense is too large, or waits for approval")
            line = self._one(_LINE_OF_CATEGORY, [self.tenant_id, budget["id"], category])
            found = self._one(_VENDOR, [self.tenant_id, vendor])
            values = {
                "tenant": self.tenant_id,
                "user": self.user_id,
                "event": event_id,
                "budget": budget["id"],
                "line": line["id"],
                "vendor": found["id"],
                "currency": budget["currency"],
                "amount": amount,
                "now": now,
                "day": now.date(),
                "description": "Roses",
                "entry": uuid4(),
                "expense": uuid4(),
                "bill": uuid4(),
                "told": uuid4(),
                "payload": Jsonb({"event": str(event_id), "budget": str(budget["id"]), "amount": str(amount)}),
            }
            self._one(POST_TO_BUDGET, values)
            self._one(POST_TO_LINE, values)
            self.connection.execute(_INSERT_ENTRY, values)
            expense = self._one(_STORE, values)
        return as_json({**expense, "line": line["name"], "category": line["category"], "vendor": found["name"]})

    def list_expenses(self, limit: int) -> str:
        """Return the account's newest expenses, as JSON."""
        with self._transaction():
            self._check_membership()
            rows = self._all(_LIST, [self.tenant_id, limit])
        return as_json({"next": None, "previous": None, "results": rows})
