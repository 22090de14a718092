"""Registrations done by hand: the same checks under the same locks, the same rows, in as few statements as it takes."""

import json
import secrets
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any
from uuid import UUID, uuid4

from psycopg.types.json import Jsonb

from budgetsite.testing.benchmarks.plain_sql import PlainSql

_EVENT = """
    SELECT * FROM events_event WHERE tenant_id = %s AND id = %s AND deleted_at IS NULL
"""
_INSERT = """
    INSERT INTO registrations_eventregistration (id, tenant_id, event_id, user_id, event_option_id, status, party_size,
        requested_at, holds, quoted_cost, currency, amount_committed, amount_kept, notes, qr_token, reason)
    VALUES (%(id)s, %(tenant)s, %(event)s, %(user)s, %(option)s, 'PENDING', 1, now(), true, %(price)s, %(currency)s, 0,
        0, '', %(code)s, '')
"""
_TAKE = """
    UPDATE registrations_eventoption SET held_count = held_count + 1, pending_places = pending_places + 1,
        pending_count = pending_count + 1
    WHERE tenant_id = %(tenant)s AND id = %(option)s AND event_id = %(event)s AND deleted_at IS NULL
        AND total_available - committed_count - held_count >= 1
    RETURNING cost_per_unit
"""
_LOOK = """
    SELECT o.option_type, o.total_available - o.committed_count - o.held_count AS available, o.cost_per_unit,
        (SELECT coalesce(b.approved_total_amount, b.total_budget_amount) - b.total_committed_amount
                - b.total_actual_amount
            FROM budgets_eventbudget b
            WHERE b.tenant_id = o.tenant_id AND b.event_id = o.event_id AND b.deleted_at IS NULL
                AND b.status NOT IN ('finalized', 'archived')) AS money_left,
        (SELECT r.id FROM registrations_eventregistration r
            WHERE r.tenant_id = o.tenant_id AND r.event_id = o.event_id AND r.user_id = %(user)s
                AND coalesce(r.event_option_id, r.event_id) = o.id
                AND r.status IN ('PENDING', 'APPROVED') AND r.deleted_at IS NULL) AS live_id,
        EXISTS (SELECT FROM registrations_waitlistentry w
            WHERE w.tenant_id = o.tenant_id AND w.event_id = o.event_id AND w.status = 'OFFERED'
                AND w.offer_expires_at <= now() AND w.deleted_at IS NULL) AS offers_have_run_out
    FROM registrations_eventoption o
    WHERE o.tenant_id = %(tenant)s AND o.id = %(option)s AND o.event_id = %(event)s AND o.deleted_at IS NULL
"""
_ALTERNATIVES = """
    SELECT id, option_name, total_available - committed_count - held_count AS available
    FROM registrations_eventoption
    WHERE tenant_id = %(tenant)s AND event_id = %(event)s AND option_type = %(type)s AND id <> %(option)s
        AND total_available - committed_count - held_count >= 1 AND deleted_at IS NULL
    ORDER BY sort_order, option_name, id LIMIT 10
"""
_OUTBOX = """
    INSERT INTO outbox_outboxevent (id, tenant_id, kind, subject_type, subject_id, payload, actor_id)
    VALUES (%s, %s, %s, 'registration', %s, %s, %s)
"""
_APPROVE = """
    UPDATE registrations_eventregistration SET status = 'APPROVED', decided_at = now(), decided_by_id = %(user)s,
        approved_at = now(), approved_by_id = %(user)s, holds = false, amount_committed = %(price)s,
        committed_budget_id = %(budget)s
    WHERE tenant_id = %(tenant)s AND id = %(registration)s AND status = 'PENDING' AND user_id <> %(user)s
        AND deleted_at IS NULL
    RETURNING event_option_id
"""
_PROMISE = """
    UPDATE registrations_eventoption SET held_count = held_count - 1, committed_count = committed_count + 1,
        pending_places = pending_places - 1, pending_count = pending_count - 1, approved_count = approved_count + 1
    WHERE tenant_id = %(tenant)s AND id = %(option)s AND deleted_at IS NULL
    RETURNING cost_per_unit
"""
_COMMIT = """
    UPDATE budgets_eventbudget SET total_committed_amount = total_committed_amount + %(price)s,
        unallocated_committed_amount = unallocated_committed_amount + %(price)s
    WHERE tenant_id = %(tenant)s AND id = %(budget)s AND deleted_at IS NULL
        AND status NOT IN ('finalized', 'archived')
        AND coalesce(approved_total_amount, total_budget_amount) - total_committed_amount - total_actual_amount
            >= %(price)s
    RETURNING id
"""
_ENTRY = """
    INSERT INTO budgets_ledgerentry (id, tenant_id, budget_id, line_item_id, kind, committed_delta, actual_delta,
        currency, occurred_at, source, source_id, actor_id, description)
    VALUES (%(entry)s, %(tenant)s, %(budget)s, NULL, 'commit', %(price)s, 0, %(currency)s, %(now)s, 'registration',
        %(source)s, %(user)s, 'Registration approved')
"""
_LIST = """
    SELECT r.*, u.name, o.option_name, s.starts_at, s.ends_at FROM registrations_eventregistration r
    JOIN accounts_user u ON u.id = r.user_id
    LEFT JOIN registrations_eventoption o ON o.tenant_id = r.tenant_id AND o.id = r.event_option_id
    LEFT JOIN registrations_pickupslot s ON s.tenant_id = r.tenant_id AND s.id = r.assigned_slot_id
    WHERE r.tenant_id = %s AND r.event_id = %s AND r.deleted_at IS NULL
    ORDER BY r.created_at DESC, r.id DESC LIMIT %s
"""
_BUDGET = "SELECT * FROM budgets_eventbudget WHERE tenant_id = %s AND event_id = %s AND deleted_at IS NULL"
_DESK = "SELECT * FROM registrations_registrationdesk WHERE tenant_id = %s AND event_id = %s AND deleted_at IS NULL"
_OPTIONS = "SELECT * FROM registrations_eventoption WHERE tenant_id = %s AND event_id = %s ORDER BY sort_order, id"
_OPTION = "SELECT * FROM registrations_eventoption WHERE tenant_id = %s AND id = %s AND deleted_at IS NULL"
_COLLECT = """
    UPDATE registrations_eventregistration SET collected_at = now(), collected_by_id = %(user)s
    WHERE tenant_id = %(tenant)s AND event_id = %(event)s AND qr_token = %(code)s AND status = 'APPROVED'
        AND collected_at IS NULL AND deleted_at IS NULL
    RETURNING id, event_option_id
"""
_COUNT_COLLECTED = """
    UPDATE registrations_eventoption SET collected_count = collected_count + 1 WHERE tenant_id = %s AND id = %s
"""
_SCAN = """
    INSERT INTO registrations_checkin (id, tenant_id, event_id, registration_id, result, actor_id, reason)
    VALUES (%s, %s, %s, %s, %s, %s, '')
"""


class PlainRegistrations(PlainSql):
    def register(self, event_id: UUID, option_id: UUID, price: Decimal, currency: str) -> None:
        """Ask for one place, which is held."""
        with self._transaction():
            self._check_membership()
            self._one(_EVENT, [self.tenant_id, event_id])
            self._take_place(self._wish(event_id, option_id, price, currency))

    def try_to_register(self, event_id: UUID, option_id: UUID, price: Decimal, currency: str) -> bool:
        """Ask for one place; False, and nothing stored, when there is none: what else has room is read then.

        As the site does: looked at first, so that a queue at a sold-out option writes nothing; a place that goes away
        meanwhile takes the attempt back.
        """
        wish = self._wish(event_id, option_id, price, currency)
        with self._transaction():
            self._check_membership()
            self._one(_EVENT, [self.tenant_id, event_id])
            look = self._one(_LOOK, wish)
            if look["available"] >= 1:
                try:
                    with self.connection.transaction():
                        self._take_place(wish)
                    return True
                except LookupError:
                    # Sold while we wrote.
                    look = self._one(_LOOK, wish)
            json.dumps(self._all(_ALTERNATIVES, {**wish, "type": look["option_type"]}), default=str)
        return False

    def _wish(self, event_id: UUID, option_id: UUID, price: Decimal, currency: str) -> dict[str, Any]:
        return {
            "id": uuid4(),
            "tenant": self.tenant_id,
            "event": event_id,
            "user": self.user_id,
            "option": option_id,
            "price": price,
            "currency": currency,
            "code": secrets.token_urlsafe(24),
        }

    def _take_place(self, wish: dict[str, Any]) -> None:
        self.connection.execute(_INSERT, wish)
        self._one(_TAKE, wish)
        self._tell("registration.requested", wish["id"])

    def approve(self, event_id: UUID, budget_id: UUID, registration: UUID, price: Decimal, currency: str) -> None:
        """Promise the place and its price."""
        values: dict[str, Any] = {
            "tenant": self.tenant_id,
            "user": self.user_id,
            "registration": registration,
            "budget": budget_id,
            "price": price,
            "currency": currency,
            "entry": uuid4(),
            "source": str(registration),
            "now": datetime.now(UTC),
        }
        with self._transaction():
            self._check_membership()
            self._one(_EVENT, [self.tenant_id, event_id])
            values["option"] = self._one(_APPROVE, values)["event_option_id"]
            self._one(_PROMISE, values)
            self._one(_COMMIT, values)
            self.connection.execute(_ENTRY, values)
            self._tell("registration.approved", registration)

    def list_registrations(self, event_id: UUID, limit: int) -> str:
        with self._transaction():
            self._check_membership()
            self._one(_EVENT, [self.tenant_id, event_id])
            return json.dumps(self._all(_LIST, [self.tenant_id, event_id, limit]), default=str)

    def variance(self, event_id: UUID) -> str:
        """Read the report's counters."""
        return self._counters(event_id, _EVENT, _BUDGET, _DESK, _OPTIONS)

    def preflight(self, event_id: UUID, option_id: UUID) -> str:
        with self._transaction():
            self._check_membership()
            found = [
                self._one(_EVENT, [self.tenant_id, event_id]),
                self._one(_OPTION, [self.tenant_id, option_id]),
                self._one(_BUDGET, [self.tenant_id, event_id]),
            ]
        return json.dumps(found, default=str)

    def check_in(self, event_id: UUID, code: str) -> None:
        values = {"tenant": self.tenant_id, "event": event_id, "code": code, "user": self.user_id}
        with self._transaction():
            self._check_membership()
            self._one(_EVENT, [self.tenant_id, event_id])
            collected = self.connection.execute(_COLLECT, values).fetchone()
            registration = collected["id"] if collected else None
            if collected:
                self.connection.execute(_COUNT_COLLECTED, [self.tenant_id, collected["event_option_id"]])
                self._tell("registration.collected", collected["id"])
            result = "SUCCESS" if collected else "ALREADY_COLLECTED"
            self.connection.execute(_SCAN, [uuid4(), self.tenant_id, event_id, registration, result, self.user_id])

    def _counters(self, event_id: UUID, *queries: str) -> str:
        with self._transaction():
            self._check_membership()
            return json.dumps([self._all(query, [self.tenant_id, event_id]) for query in queries], default=str)

    def _tell(self, kind: str, registration: UUID) -> None:
        payload = Jsonb({"registration": str(registration)})
        self.connection.execute(_OUTBOX, [uuid4(), self.tenant_id, kind, registration, payload, self.user_id])
