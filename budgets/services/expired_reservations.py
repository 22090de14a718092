"""Reservations that have expired and that no job has freed yet: they count for nobody, whoever looks."""

from collections.abc import Mapping
from datetime import datetime
from decimal import Decimal
from uuid import UUID

from django.db import connection

from budgets.services.hierarchy import ChainBudget
from budgets.services.windows import Window
from budgetsite.tenancy.scope import require_tenant_id

_EXPIRED = """
    SELECT r.held_at, r.held_amount, b.path || b.id
    FROM budgets_reservation r
    JOIN budgets_scopedbudget b ON b.tenant_id = r.tenant_id AND b.id = r.budget_id
    WHERE r.tenant_id = %(tenant)s AND r.status = 'held' AND r.deleted_at IS NULL AND r.expires_at <= %(now)s
        AND (b.id = ANY (%(budgets)s) OR b.path && %(budgets)s::uuid[])
"""


def expired_reserved(windows: Mapping[ChainBudget, Window], *, now: datetime) -> dict[UUID, Decimal]:
    """Return, for each budget, how much of what its window says is reserved has expired. One statement, few rows."""
    with connection.cursor() as cursor:
        cursor.execute(
            _EXPIRED,
            {"tenant": require_tenant_id(), "now": now, "budgets": [budget.id for budget in windows]},
        )
        rows = cursor.fetchall()
    freed: dict[UUID, Decimal] = {}
    for held_at, held, places in rows:
        for budget, window in windows.items():
            if budget.id in places and window.holds(held_at):
                freed[budget.id] = freed.get(budget.id, Decimal(0)) + held
    return freed
