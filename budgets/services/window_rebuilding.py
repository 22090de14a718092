"""The windows of a scoped budget counted anew from the entries: when its calendar changes, or to mend them."""

from collections.abc import Iterable
from datetime import UTC, date, datetime, time, timedelta
from typing import Any
from uuid import UUID

from django.db import connection
from django.utils import timezone

from budgets.models import BudgetWindow
from budgets.services.hierarchy import ChainBudget, read_chains
from budgets.services.window_movements import MOVED
from budgets.services.windows import Window, window_at
from budgetsite.tenancy.scope import deleted_rows_visible, require_tenant_id

_DAYS = f"""
    WITH {MOVED} SELECT DISTINCT (at AT TIME ZONE 'UTC')::date FROM moved
"""

# `starts` are those of windows that, one after the other, hold every movement.
_SUMS = f"""
    WITH {MOVED}
    SELECT width_bucket(at, %(starts)s::timestamptz[]) - 1, sum(committed), sum(actual), sum(reserved), sum(entries)
    FROM moved GROUP BY 1 ORDER BY 1
"""


def rebuild_windows(budget_ids: Iterable[UUID]) -> int:
    """Count the windows of these budgets anew, all their money in one row each; return how many windows there are.

    The caller has the hierarchy alone.
    """
    with deleted_rows_visible():
        wanted = set(budget_ids)
        return sum(_rebuild(budget) for budget in read_chains(wanted, deleted=True) if budget.id in wanted)


def _rebuild(budget: ChainBudget) -> int:
    parameters: dict[str, Any] = {"tenant": require_tenant_id(), "node": budget.id}
    with connection.cursor() as cursor:
        cursor.execute(_DAYS, parameters)
        windows = _windows_of(budget, [row[0] for row in cursor.fetchall()])
        cursor.execute(_SUMS, {**parameters, "starts": [window.start for window in windows]})
        sums = cursor.fetchall()
    BudgetWindow.objects.filter(budget_id=budget.id, deleted_at=None).update(deleted_at=timezone.now())
    BudgetWindow.objects.bulk_create(
        BudgetWindow(
            budget_id=budget.id,
            window_start=windows[place].start,
            window_end=windows[place].end,
            committed_amount=committed,
            actual_amount=actual,
            reserved_amount=reserved,
            entries_count=entries,
        )
        for place, committed, actual, reserved, entries in sums
    )
    return len(sums)


def _windows_of(budget: ChainBudget, days: Iterable[date]) -> list[Window]:
    """Return, in their order, the windows that touch these days of UTC."""
    found: dict[datetime, Window] = {}
    for day in days:
        moment = datetime.combine(day, time(), UTC)
        end = moment + timedelta(days=1)
        while moment < end:
            window = window_at(budget, moment)
            found[window.start] = window
            moment = max(window.end, moment + timedelta(minutes=1))
    return sorted(found.values(), key=lambda window: window.start)
