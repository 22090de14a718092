"""A threshold crossed by hand: the posting, the alert that follows from it, and the event that tells of it."""

from collections.abc import Callable
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any
from uuid import UUID, uuid4

from budgetsite.testing.benchmarks.plain_sql import POST_TO_BUDGET, POST_TO_LINE, PlainSql

_INSERT_ENTRY = """
    INSERT INTO budgets_ledgerentry (id, tenant_id, budget_id, line_item_id, kind, committed_delta, actual_delta,
        currency, occurred_at, source, source_id, actor_id, description)
    VALUES (%(entry)s, %(tenant)s, %(budget)s, %(line)s, %(kind)s, 0, %(amount)s,
        %(currency)s, %(now)s, 'manual', '', %(user)s, '')
"""

_OPEN = """
    INSERT INTO alerts_budgetalert (id, tenant_id, budget_id, alert_type, level, threshold, utilization, overrun_amount,
        message, times_raised, is_acknowledged, acknowledged_comment, resolved, resolved_comment, state_holds)
    VALUES (%(alert)s, %(tenant)s, %(budget)s, 'threshold_exceeded', 'information', %(threshold)s, %(utilization)s, 0,
        %(message)s, 0, false, '', false, '', true)
    RETURNING id, level, threshold, utilization
"""

_RESOLVE = """
    UPDATE alerts_budgetalert SET resolved = true, resolved_at = statement_timestamp(), state_holds = false
    WHERE tenant_id = %(tenant)s AND budget_id = %(budget)s AND state_holds AND deleted_at IS NULL
    RETURNING id, level, threshold, utilization
"""

_TELL = """
    INSERT INTO outbox_outboxevent (id, tenant_id, kind, subject_type, subject_id, payload, actor_id)
    VALUES (gen_random_uuid(), %(tenant)s, %(event)s, 'alert', %(alert)s,
        jsonb_build_object('budget_id', %(budget)s::uuid, 'scoped_budget_id', NULL, 'line_item_id', NULL,
            'alert_type', 'threshold_exceeded', 'level', %(level)s::text,
            'threshold', %(threshold)s::numeric(12, 2)::text, 'utilization', %(utilization)s::numeric(12, 2)::text),
        %(user)s)
"""

_READ_BACK = """
    SELECT a.id, a.level, a.threshold, a.utilization, a.message, e.kind, e.payload
    FROM alerts_budgetalert a
    JOIN outbox_outboxevent e ON e.tenant_id = a.tenant_id AND e.subject_id = a.id AND e.subject_type = 'alert'
    WHERE a.tenant_id = %s AND a.budget_id = %s AND NOT a.resolved AND a.deleted_at IS NULL
"""


class PlainAlerts(PlainSql):
    """The connection of `PlainSql`, for one milestone of budgets whose money is all on one line."""

    def cross(self, budget_id: UUID, line_id: UUID, amount: Decimal, currency: str, *, milestone: int) -> None:
        """Spend an amount that reaches the milestone, open its alert and tell the outbox."""

        def open_alert(values: dict[str, Any], used: Decimal) -> dict[str, Any]:
            message = f"The {milestone}% milestone is reached: {used}% spent or promised."
            return self._one(
                _OPEN,
                {**values, "alert": uuid4(), "threshold": milestone, "utilization": used, "message": message},
            )

        self._post_and_tell(budget_id, line_id, amount, currency, ("actual", "alert.opened"), open_alert)

    def come_back(self, budget_id: UUID, line_id: UUID, amount: Decimal, currency: str) -> None:
        """Take an amount back, resolve the budget's alert and tell the outbox."""
        self._post_and_tell(
            budget_id,
            line_id,
            -amount,
            currency,
            ("refund", "alert.resolved"),
            lambda values, _used: self._one(_RESOLVE, values),
        )

    def read_back(self, budget_id: UUID) -> dict[str, Any]:
        """Return the open alert of a budget with the event that tells of it."""
        with self._transaction():
            return self._one(_READ_BACK, [self.tenant_id, budget_id])

    def _post_and_tell(
        self,
        budget_id: UUID,
        line_id: UUID,
        amount: Decimal,
        currency: str,
        kinds: tuple[str, str],
        follow: Callable[[dict[str, Any], Decimal], dict[str, Any]],
    ) -> None:
        kind, event = kinds
        values = {
            "tenant": self.tenant_id,
            "budget": budget_id,
            "line": line_id,
            "amount": amount,
            "currency": currency,
            "entry": uuid4(),
            "kind": kind,
            "user": self.user_id,
            "now": datetime.now(UTC),
        }
        with self._transaction():
            budget = self._one(POST_TO_BUDGET, values)
            self._one(POST_TO_LINE, values)
            self.connection.execute(_INSERT_ENTRY, values)
            used = round(budget["total_actual_amount"] * 100 / budget["total_budget_amount"], 2)
            alert = follow(values, used)
            self.connection.execute(_TELL, {**values, **alert, "alert": alert["id"], "event": event})
