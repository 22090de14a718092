"""Recording usage, asking before spending and reading a status by hand."""

from datetime import UTC, datetime
from decimal import Decimal
from uuid import UUID, uuid4

from budgetsite.testing.benchmarks.plain_sql import PlainSql, as_json

_CHAIN = """
    SELECT b.id, b.amount, b.depth FROM budgets_scopedbudget b
    WHERE b.tenant_id = %(tenant)s AND b.deleted_at IS NULL AND b.id IN (
        SELECT unnest(l.path || l.id) FROM budgets_scopedbudget l
        WHERE l.tenant_id = %(tenant)s AND l.id = %(leaf)s AND l.deleted_at IS NULL)
    ORDER BY b.depth DESC
"""

_INSERT_USAGE = """
    INSERT INTO budgets_ledgerentry (id, tenant_id, scoped_budget_id, kind, committed_delta, actual_delta, currency,
        occurred_at, source, source_id, actor_id, description)
    VALUES (%(entry)s, %(tenant)s, %(leaf)s, 'actual', 0, %(amount)s, %(currency)s, %(now)s, 'api', '', %(user)s, '')
"""

_COUNT = """
    INSERT INTO budgets_budgetwindow AS w (id, tenant_id, budget_id, window_start, window_end, shard, committed_amount,
        actual_amount, reserved_amount, entries_count)
    SELECT gen_random_uuid(), %(tenant)s, n.id, date_trunc('year', now(), 'UTC'),
        date_trunc('year', now(), 'UTC') + interval '1 year', 0, 0, %(amount)s, 0, 1
    FROM unnest(%(budgets)s::uuid[]) WITH ORDINALITY AS n(id, place) ORDER BY n.place
    ON CONFLICT (tenant_id, budget_id, window_start, shard) WHERE deleted_at IS NULL DO UPDATE SET
        actual_amount = w.actual_amount + excluded.actual_amount, entries_count = w.entries_count + 1
    RETURNING w.actual_amount
"""

_FIGURES = """
    SELECT w.budget_id, sum(w.committed_amount + w.reserved_amount) AS promised, sum(w.actual_amount) AS actual
    FROM budgets_budgetwindow w
    WHERE w.tenant_id = %(tenant)s AND w.budget_id = ANY (%(budgets)s) AND w.deleted_at IS NULL
        AND w.window_start = date_trunc('year', now(), 'UTC')
    GROUP BY w.budget_id
"""


class PlainScoped(PlainSql):
    """The connection of `PlainSql`, for budgets above events: a year's windows in UTC."""

    def record(self, leaf: UUID, amount: Decimal, currency: str) -> None:
        """Record usage on a budget and count it in all above."""
        values = {
            "tenant": self.tenant_id,
            "leaf": leaf,
            "amount": amount,
            "currency": currency,
            "now": datetime.now(UTC),
            "entry": uuid4(),
            "user": self.user_id,
        }
        with self._transaction():
            chain = self._all(_CHAIN, values)
            self.connection.execute(_INSERT_USAGE, values)
            self._all(_COUNT, {**values, "budgets": [budget["id"] for budget in chain]})

    def check(self, leaf: UUID, estimate: Decimal) -> str:
        """Return whether an estimate fits a budget and all above it."""
        with self._transaction():
            self._check_membership()
            chain = self._all(_CHAIN, {"tenant": self.tenant_id, "leaf": leaf})
            used = self._used([budget["id"] for budget in chain])
        refusing = [str(b["id"]) for b in chain if used.get(b["id"], 0) + estimate > b["amount"]]
        return as_json({"can_proceed": not refusing, "refusals": refusing})

    def status(self, budget_id: UUID) -> str:
        """Return what a budget has used."""
        with self._transaction():
            self._check_membership()
            [budget] = self._all(
                "SELECT id, amount FROM budgets_scopedbudget WHERE tenant_id = %s AND id = %s AND deleted_at IS NULL",
                [self.tenant_id, budget_id],
            )
            used = self._used([budget_id]).get(budget_id, Decimal(0))
        return as_json({"used": used, "remaining": budget["amount"] - used})

    def _used(self, budget_ids: list[UUID]) -> dict[UUID, Decimal]:
        rows = self._all(_FIGURES, {"tenant": self.tenant_id, "budgets": budget_ids})
        return {row["budget_id"]: row["promised"] + row["actual"] for row in rows}
