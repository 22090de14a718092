"""Reservations that have expired and that no job has freed yet: they count for nobody, whoever looks."""

from collections.abc import Iterable, Mapping
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
    return {budget_id: freed for (budget_id, _start), freed in expired_in(windows.items(), now=now).items()}


def expired_in(windows: Iterable[tuple[ChainBudget, Window]], *, now: datetime) -> dict[tuple[UUID, datetime], Decimal]:
    """Return the same by budget and start of the window, for any windows of theirs."""
    wanted = list(windows)
    with connection.cursor() as cursor:
        cursor.execute(
            _EXPIRED,
            {"tenant": require_tenant_id(), "now": now, "budgets": [budget.id for budget, _window in wanted]},
        )
        rows = cursor.fetchall()
    freed: dict[tuple[UUID, datetime], Decimal] = {}
    for held_at, held, places in rows:
        for budget, window in wanted:
            if budget.id in places and window.holds(held_at):
                place = (budget.id, window.start)
                freed[place] = freed.get(place, Decimal(0)) + held
    return freed
