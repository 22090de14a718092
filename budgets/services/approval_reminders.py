"""Reminders of budgets that wait for an approval: events of the outbox, which whoever sends mail hears."""

from datetime import datetime, timedelta
from uuid import UUID

from django.db import connection, transaction

from budgetsite.accounts.models import Account
from budgetsite.outbox.services import record_events
from budgetsite.tenancy.scope import require_tenant_id

# Claimed and read in one statement: of two machines at once, one gets each row and the other passes it by.
_CLAIM = """
    WITH waiting AS (
        SELECT b.id FROM budgets_eventbudget b
        JOIN events_event e ON e.tenant_id = b.tenant_id AND e.id = b.event_id AND e.deleted_at IS NULL
        WHERE b.tenant_id = %(tenant)s AND b.deleted_at IS NULL AND b.status = 'review'
            AND b.awaiting_since <= %(before)s AND (b.reminded_at IS NULL OR b.reminded_at <= %(before)s)
        ORDER BY b.id FOR NO KEY UPDATE OF b SKIP LOCKED
    )
    UPDATE budgets_eventbudget b SET reminded_at = %(now)s FROM waiting
    WHERE b.tenant_id = %(tenant)s AND b.id = waiting.id
    RETURNING b.id, b.awaiting_stage, b.awaiting_role, b.awaiting_since
"""


@transaction.atomic
def remind_of_waiting(*, now: datetime) -> list[UUID]:
    """Record `budget.approval_waiting` for each budget that has waited too long; return which, the longest first.

    Too long is the account's `approval_reminder_days`, and as many again after each reminder; 0 is never. `reminders`
    in the event counts the intervals waited, 1 at first. Three statements.
    """
    days = Account.objects.values_list("approval_reminder_days", flat=True).get(pk=require_tenant_id())
    if not days:
        return []
    interval = timedelta(days=days)
    with connection.cursor() as cursor:
        cursor.execute(_CLAIM, {"tenant": require_tenant_id(), "now": now, "before": now - interval})
        claimed = sorted(cursor.fetchall(), key=lambda row: (row[3], row[0]))
    record_events(
        kind="budget.approval_waiting",
        subject_type="event_budget",
        payloads={
            budget_id: {
                "stage": stage,
                "role": role,
                "since": since.isoformat(),
                "reminders": (now - since) // interval,
            }
            for budget_id, stage, role, since in claimed
        },
    )
    return [row[0] for row in claimed]
