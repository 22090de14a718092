"""Proof of the registrations: every counter and every promise counted anew from the rows and the ledger's entries."""

from collections.abc import Iterator, Sequence
from typing import Any

from django.db import connection, transaction

from budgets.services.discrepancy import Discrepancy
from budgetsite.tenancy.scope import deleted_rows_visible, require_tenant_id

_STATUSES = """
    count(*) FILTER (WHERE status = 'PENDING') AS pending_count,
    count(*) FILTER (WHERE status = 'APPROVED') AS approved_count,
    count(*) FILTER (WHERE status = 'REJECTED') AS rejected_count,
    count(*) FILTER (WHERE status = 'CANCELLED') AS cancelled_count,
    count(*) FILTER (WHERE collected_at IS NOT NULL) AS collected_count
"""
_STATUS_COLUMNS = ("pending_count", "approved_count", "rejected_count", "cancelled_count", "collected_count")

# Deleted rows count: an event that was called off returns with its counters.
_OPTIONS = f"""
    SELECT o.id, o.committed_count, o.held_count, o.pending_places,
        {", ".join(f"o.{name}" for name in _STATUS_COLUMNS)},
        coalesce(r.committed, 0), coalesce(r.held, 0) + coalesce(w.offered, 0), coalesce(r.asked, 0),
        {", ".join(f"coalesce(r.{name}, 0)" for name in _STATUS_COLUMNS)}
    FROM registrations_eventoption o
    LEFT JOIN (
        SELECT event_option_id, {_STATUSES},
            sum(party_size) FILTER (WHERE status = 'APPROVED') AS committed,
            sum(party_size) FILTER (WHERE status = 'PENDING' AND holds) AS held,
            sum(party_size) FILTER (WHERE status = 'PENDING') AS asked
        FROM registrations_eventregistration
        WHERE tenant_id = %(tenant)s AND event_option_id IS NOT NULL GROUP BY event_option_id
    ) r ON r.event_option_id = o.id
    LEFT JOIN (
        SELECT event_option_id, sum(party_size) AS offered FROM registrations_waitlistentry
        WHERE tenant_id = %(tenant)s AND status = 'OFFERED' AND event_option_id IS NOT NULL GROUP BY event_option_id
    ) w ON w.event_option_id = o.id
    WHERE o.tenant_id = %(tenant)s ORDER BY o.id
"""
_DESKS = f"""
    SELECT d.id, {", ".join(f"d.{name}" for name in _STATUS_COLUMNS)},
        {", ".join(f"coalesce(r.{name}, 0)" for name in _STATUS_COLUMNS)}
    FROM registrations_registrationdesk d
    LEFT JOIN (
        SELECT event_id, {_STATUSES} FROM registrations_eventregistration
        WHERE tenant_id = %(tenant)s AND event_option_id IS NULL GROUP BY event_id
    ) r ON r.event_id = d.event_id
    WHERE d.tenant_id = %(tenant)s ORDER BY d.id
"""
_SLOTS = """
    SELECT s.id, s.booked, coalesce(a.places, 0) + coalesce(p.places, 0) + coalesce(w.places, 0)
    FROM registrations_pickupslot s
    LEFT JOIN (
        SELECT assigned_slot_id, sum(party_size) AS places FROM registrations_eventregistration
        WHERE tenant_id = %(tenant)s AND status = 'APPROVED' AND assigned_slot_id IS NOT NULL GROUP BY assigned_slot_id
    ) a ON a.assigned_slot_id = s.id
    LEFT JOIN (
        SELECT preferred_slot_id, sum(party_size) AS places FROM registrations_eventregistration
        WHERE tenant_id = %(tenant)s AND status = 'PENDING' AND holds AND preferred_slot_id IS NOT NULL
        GROUP BY preferred_slot_id
    ) p ON p.preferred_slot_id = s.id
    LEFT JOIN (
        SELECT preferred_slot_id, sum(party_size) AS places FROM registrations_waitlistentry
        WHERE tenant_id = %(tenant)s AND status = 'OFFERED' AND preferred_slot_id IS NOT NULL GROUP BY preferred_slot_id
    ) w ON w.preferred_slot_id = s.id
    WHERE s.tenant_id = %(tenant)s ORDER BY s.id
"""
_MONEY = """
    SELECT r.id, r.amount_committed, r.amount_kept, coalesce(e.committed, 0), coalesce(e.actual, 0)
    FROM registrations_eventregistration r
    LEFT JOIN (
        SELECT source_id, sum(committed_delta) AS committed, sum(actual_delta) AS actual FROM budgets_ledgerentry
        WHERE tenant_id = %(tenant)s AND source = 'registration' GROUP BY source_id
    ) e ON e.source_id = r.id::text
    WHERE r.tenant_id = %(tenant)s AND (r.amount_committed <> coalesce(e.committed, 0)
        OR r.amount_kept <> coalesce(e.actual, 0))
    ORDER BY r.id LIMIT 100
"""
_PROOFS: tuple[tuple[str, str, Sequence[str]], ...] = (
    ("option", _OPTIONS, ("committed_count", "held_count", "pending_places", *_STATUS_COLUMNS)),
    ("desk", _DESKS, _STATUS_COLUMNS),
    ("slot", _SLOTS, ("booked",)),
    ("registration", _MONEY, ("amount_committed", "amount_kept")),
)


@transaction.atomic
def verify_registrations() -> list[Discrepancy]:
    """Count the current tenant's registrations anew and name what differs: [] when all is right. Changes nothing.

    Counters of options and desks and what is booked in slots are compared with the rows, deleted ones included; what a
    registration promises and keeps with its entries in the ledger.
    """
    with deleted_rows_visible():
        return list(_differences())


def _differences() -> Iterator[Discrepancy]:
    for subject, statement, names in _PROOFS:
        for row in _rows(statement):
            stored, counted = row[1 : len(names) + 1], row[len(names) + 1 :]
            for name, is_, should_be in zip(names, stored, counted, strict=True):
                if is_ != should_be:
                    yield Discrepancy(subject, str(row[0]), f"{name} is {is_}, the rows say {should_be}")


def _rows(statement: str) -> list[Any]:
    with connection.cursor() as cursor:
        cursor.execute(statement, {"tenant": require_tenant_id()})
        rows: list[Any] = cursor.fetchall()
    return rows
