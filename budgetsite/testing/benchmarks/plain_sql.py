"""The same work done by hand: psycopg and SQL alone, as the request's role, under the same policies and triggers.

Each method is one transaction that sets the tenant, makes the same checks under the same locks and leaves the same rows
behind as the site does. It does none of what makes the site a site: no HTTP, no permissions table, no validation beyond
what SQL says, and no evaluation of alerts. psycopg prepares statements that come up often by itself.
"""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any
from uuid import UUID, uuid4

import psycopg
from django.db import connections
from psycopg.rows import dict_row

_SET_SCOPE = """
    SELECT set_config('app.tenant_id', %s, true), set_config('app.user_id', %s, true),
           set_config('app.show_deleted', '', true)
"""

_MEMBERSHIP = """
    SELECT m.role, a.currency, u.is_active FROM accounts_membership m
    JOIN accounts_account a ON a.id = m.tenant_id JOIN accounts_user u ON u.id = m.user_id
    WHERE m.tenant_id = %s AND m.user_id = %s AND m.deleted_at IS NULL
"""

_BUDGET = """
    SELECT b.id, b.event_id, e.name AS event_name, b.currency, b.status, b.version, b.revision, b.notes,
           b.total_budget_amount, b.total_follows_lines, b.total_committed_amount, b.total_actual_amount,
           b.variance_amount, b.variance_percentage, b.created_at, b.updated_at
    FROM budgets_eventbudget b JOIN events_event e ON e.tenant_id = b.tenant_id AND e.id = b.event_id
    WHERE b.tenant_id = %s AND b.deleted_at IS NULL
"""

_LINES = """
    SELECT l.id, c.name AS category, l.category_id, l.section, l.name, l.description, l.budgeted_amount,
           l.committed_amount, l.actual_amount, l.variance_amount, l.sort_order, l.notes, l.version
    FROM budgets_budgetlineitem l JOIN budgets_category c ON c.tenant_id = l.tenant_id AND c.id = l.category_id
    WHERE l.tenant_id = %s AND l.budget_id = %s AND l.deleted_at IS NULL
    ORDER BY l.sort_order, l.id
"""

_OPEN_ALERTS = """
    SELECT count(*) AS open FROM alerts_budgetalert
    WHERE tenant_id = %s AND budget_id = %s AND NOT resolved AND deleted_at IS NULL
"""

POST_TO_BUDGET = """
    UPDATE budgets_eventbudget SET
        total_actual_amount = total_actual_amount + %(amount)s,
        variance_amount = total_budget_amount - total_actual_amount - %(amount)s,
        variance_percentage =
            round((total_budget_amount - total_actual_amount - %(amount)s) * 100 / nullif(total_budget_amount, 0), 2)
    WHERE tenant_id = %(tenant)s AND id = %(budget)s AND deleted_at IS NULL AND currency = %(currency)s
        AND status NOT IN ('finalized', 'archived')
    RETURNING total_budget_amount, total_actual_amount
"""

POST_TO_LINE = """
    UPDATE budgets_budgetlineitem SET
        actual_amount = actual_amount + %(amount)s,
        variance_amount = budgeted_amount - actual_amount - %(amount)s
    WHERE tenant_id = %(tenant)s AND id = %(line)s AND budget_id = %(budget)s AND deleted_at IS NULL
    RETURNING budgeted_amount, actual_amount
"""

_INSERT_ENTRY = """
    INSERT INTO budgets_ledgerentry (id, tenant_id, budget_id, line_item_id, kind, committed_delta, actual_delta,
        currency, occurred_at, source, source_id, actor_id, description)
    VALUES (%(entry)s, %(tenant)s, %(budget)s, %(line)s, 'actual', 0, %(amount)s,
        %(currency)s, %(now)s, 'manual', '', %(user)s, '')
"""

_LOCK_BUDGET = """
    SELECT version, status FROM budgets_eventbudget
    WHERE tenant_id = %s AND id = %s AND deleted_at IS NULL FOR NO KEY UPDATE
"""

_EDIT_LINE = """
    UPDATE budgets_budgetlineitem SET
        budgeted_amount = %(budgeted)s, variance_amount = %(budgeted)s - actual_amount, version = %(next_version)s
    WHERE tenant_id = %(tenant)s AND id = %(line)s AND budget_id = %(budget)s AND deleted_at IS NULL
        AND version <= %(read_version)s
    RETURNING *
"""

_LINE_HISTORY = """
    INSERT INTO budgets_historicalbudgetlineitem (id, deleted_at, kind, section, name, description, currency,
        budgeted_amount, driver_id, quantity, unit_price, transferred_amount, based_on_id, sort_order, notes, version,
        is_unbudgeted, history_date, history_type, budget_id, category_id, history_user_id, tenant_id)
    VALUES (%(id)s, NULL, %(kind)s, %(section)s, %(name)s, %(description)s, %(currency)s,
        %(budgeted_amount)s, %(driver_id)s, %(quantity)s, %(unit_price)s, %(transferred_amount)s, %(based_on_id)s,
        %(sort_order)s, %(notes)s, %(version)s, %(is_unbudgeted)s,
        now(), '~', %(budget_id)s, %(category_id)s, %(user)s, %(tenant_id)s)
"""

_RECOMPUTE = """
    UPDATE budgets_eventbudget b SET
        lines_total_amount = l.budgeted,
        total_budget_amount = CASE WHEN b.total_follows_lines THEN l.budgeted ELSE b.total_budget_amount END,
        total_committed_amount = l.committed + b.unallocated_committed_amount,
        total_actual_amount = l.actual + b.unallocated_actual_amount,
        variance_amount = CASE WHEN b.total_follows_lines THEN l.budgeted ELSE b.total_budget_amount END
            - l.actual - b.unallocated_actual_amount,
        version = b.version + 1
    FROM (SELECT coalesce(sum(budgeted_amount), 0) AS budgeted, coalesce(sum(committed_amount), 0) AS committed,
                 coalesce(sum(actual_amount), 0) AS actual
          FROM budgets_budgetlineitem WHERE tenant_id = %(tenant)s AND budget_id = %(budget)s AND deleted_at IS NULL) l
    WHERE b.tenant_id = %(tenant)s AND b.id = %(budget)s
    RETURNING b.version
"""

Fields = dict[str, Any]


class PlainSql:
    """One connection of the request's role, working for one person in one account."""

    def __init__(self, tenant_id: UUID, user_id: UUID) -> None:
        self.tenant_id = tenant_id
        self.user_id = user_id
        settings = connections["default"].settings_dict
        self.connection = psycopg.connect(
            host=settings["HOST"],
            port=settings["PORT"],
            user=settings["USER"],
            password=settings["PASSWORD"],
            dbname=settings["NAME"],
            autocommit=True,
            row_factory=dict_row,
        )

    def close(self) -> None:
        self.connection.close()

    def read_budget(self, budget_id: UUID) -> str:
        """Return a budget with its lines and its number of open alerts, as JSON."""
        with self._transaction():
            self._check_membership()
            budget = self._one(f"{_BUDGET} AND b.id = %s", [self.tenant_id, budget_id])
            lines = self._all(_LINES, [self.tenant_id, budget_id])
            alerts = self._one(_OPEN_ALERTS, [self.tenant_id, budget_id])["open"]
        used = budget["total_committed_amount"] + budget["total_actual_amount"]
        total = budget["total_budget_amount"]
        budget["available_amount"] = total - used
        budget["overrun_amount"] = max(Decimal(0), budget["total_actual_amount"] - total)
        budget["utilization_percentage"] = round(used * 100 / total, 2) if total else Decimal(0)
        return as_json({**budget, "line_items": [_with_derived_figures(line) for line in lines], "alerts_open": alerts})

    def list_budgets(self, limit: int) -> str:
        """Return the newest budgets and how many there are, as JSON."""
        with self._transaction():
            self._check_membership()
            count = self._one(
                "SELECT count(*) FROM budgets_eventbudget WHERE tenant_id = %s AND deleted_at IS NULL", [self.tenant_id]
            )["count"]
            budgets = self._all(f"{_BUDGET} ORDER BY b.created_at DESC, b.id DESC LIMIT %s", [self.tenant_id, limit])
        return as_json({"count": count, "next": None, "previous": None, "results": budgets})

    def post(self, budget_id: UUID, line_id: UUID, amount: Decimal, currency: str) -> None:
        """Record an amount as spent on a line: the totals of both, and the entry that the chain's trigger completes."""
        values = {
            "tenant": self.tenant_id,
            "budget": budget_id,
            "line": line_id,
            "amount": amount,
            "currency": currency,
            "entry": uuid4(),
            "user": self.user_id,
            "now": datetime.now(UTC),
        }
        with self._transaction():
            self._one(POST_TO_BUDGET, values)
            self._one(POST_TO_LINE, values)
            self.connection.execute(_INSERT_ENTRY, values)

    def edit_line(self, budget_id: UUID, line_id: UUID, budgeted: Decimal, read_version: int) -> int:
        """Plan another amount on a line, keep its history and recompute the budget; return the line's version."""
        with self._transaction():
            self._check_membership()
            budget = self._one(_LOCK_BUDGET, [self.tenant_id, budget_id])
            if budget["status"] != "draft" or read_version > budget["version"]:
                raise ValueError("the budget is no draft, or the version is not one that it has had")
            next_version: int = budget["version"] + 1
            line = self._one(
                _EDIT_LINE,
                {
                    "tenant": self.tenant_id,
                    "budget": budget_id,
                    "line": line_id,
                    "budgeted": budgeted,
                    "read_version": read_version,
                    "next_version": next_version,
                },
            )
            self.connection.execute(_LINE_HISTORY, {**line, "user": self.user_id})
            self._one(_RECOMPUTE, {"tenant": self.tenant_id, "budget": budget_id})
            # The answer names the category.
            self._one(
                "SELECT name FROM budgets_category WHERE tenant_id = %s AND id = %s",
                [
                    self.tenant_id,
                    line["category_id"],
                ],
            )
        return next_version

    def recompute(self, budget_id: UUID) -> None:
        """Derive a budget's totals from its lines."""
        with self._transaction():
            self._one(_LOCK_BUDGET, [self.tenant_id, budget_id])
            self._one(_RECOMPUTE, {"tenant": self.tenant_id, "budget": budget_id})

    @contextmanager
    def _transaction(self) -> Iterator[None]:
        with self.connection.transaction():
            self.connection.execute(_SET_SCOPE, [str(self.tenant_id), str(self.user_id)])
            yield

    def _check_membership(self) -> None:
        if not self._one(_MEMBERSHIP, [self.tenant_id, self.user_id])["is_active"]:
            raise PermissionError("not an active member")

    def _one(self, statement: str, values: Any) -> Fields:
        """Return the one row. Raises `LookupError` when the conditions held for none: nothing was done."""
        row = self.connection.execute(statement, values).fetchone()
        if row is None:
            raise LookupError("the statement found no row")
        return row

    def _all(self, statement: str, values: Any) -> list[Fields]:
        return self.connection.execute(statement, values).fetchall()


def _with_derived_figures(line: Fields) -> Fields:
    budgeted, used = line["budgeted_amount"], line["committed_amount"] + line["actual_amount"]
    line["available_amount"] = budgeted - used
    line["overrun_amount"] = max(Decimal(0), line["actual_amount"] - budgeted)
    line["utilization_percentage"] = round(used * 100 / budgeted, 2) if budgeted else Decimal(0)
    return line


def as_json(answer: Fields) -> str:
    return json.dumps(answer, default=str)
