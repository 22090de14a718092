"""Analytics by hand: the sums of the books in SQL alone. As `plain_sql`, and of the same kind."""

from typing import Any

from budgetsite.testing.benchmarks.plain_sql import PlainSql, as_json

_MONTHS = """
    SELECT date_trunc('month', e.occurred_at AT TIME ZONE %(zone)s)::date AS month,
           coalesce(sum(e.actual_delta) FILTER (WHERE e.kind <> 'income'), 0) AS spent,
           coalesce(sum(e.committed_delta), 0) AS committed,
           coalesce(sum(e.actual_delta) FILTER (WHERE e.kind = 'income'), 0) AS received
    FROM budgets_ledgerentry e
    JOIN budgets_eventbudget b ON b.tenant_id = e.tenant_id AND b.id = e.budget_id
    WHERE e.tenant_id = %(tenant)s AND b.deleted_at IS NULL AND b.currency = %(currency)s
        AND e.occurred_at >= (date_trunc('month', now() AT TIME ZONE %(zone)s) - interval '11 months')
            AT TIME ZONE %(zone)s
    GROUP BY 1 ORDER BY 1
"""

_BUDGETS = """
    SELECT b.currency, count(*) AS budgets, count(*) FILTER (WHERE b.variance_amount < 0) AS over,
           sum(coalesce(b.approved_total_amount, b.total_budget_amount)) AS budgeted,
           sum(b.total_committed_amount) AS committed, sum(b.total_actual_amount) AS actual,
           sum(greatest(-b.variance_amount, 0)) AS overrun, sum(b.total_income_amount) AS income
    FROM budgets_eventbudget b
    JOIN events_event e ON e.tenant_id = b.tenant_id AND e.id = b.event_id
    WHERE b.tenant_id = %(tenant)s AND b.deleted_at IS NULL AND e.deleted_at IS NULL
    GROUP BY b.currency
"""

_PAYMENTS = """
    SELECT x.payment_status, sum(x.invoiced_amount - x.paid_amount) AS owed FROM budgets_expense x
    WHERE x.tenant_id = %(tenant)s AND x.deleted_at IS NULL AND x.currency = %(currency)s
    GROUP BY x.payment_status
"""


class PlainAnalytics(PlainSql):
    """The connection of `PlainSql`, for the account's books."""

    def trends(self, currency: str, zone: str) -> str:
        """Return what was spent, committed and received in each of twelve months, as JSON."""
        with self._transaction():
            return as_json({"months": self._months(currency, zone)})

    def overview(self, currency: str, zone: str) -> str:
        """Return the sums of all budgets, what is owed and the twelve months, as JSON."""
        values = {"tenant": self.tenant_id, "currency": currency}
        with self._transaction():
            return as_json(
                {
                    "budgets": self._all(_BUDGETS, values),
                    "payments": self._all(_PAYMENTS, values),
                    "months": self._months(currency, zone),
                }
            )

    def _months(self, currency: str, zone: str) -> list[dict[str, Any]]:
        return self._all(_MONTHS, {"tenant": self.tenant_id, "currency": currency, "zone": zone})
