"""The running figures of one scoped budget proven against its entries, and counted anew where they differ."""

from uuid import UUID

from django.db import transaction

from budgets.services.discrepancy import Discrepancy
from budgets.services.hierarchy import have_hierarchy_alone
from budgets.services.scoped_proof import wrong_windows
from budgets.services.window_rebuilding import rebuild_windows
from budgetsite.tenancy.scope import deleted_rows_visible


@transaction.atomic
def refresh_windows(*, budget_id: UUID) -> list[Discrepancy]:
    """Return what differed, nothing when all was right; then it is mended.

    Looks without a lock, for one statement sees entries and figures of one moment. Only to mend it waits until nobody
    counts, and looks again.
    """
    if not _differences(budget_id):
        return []
    have_hierarchy_alone()
    found = _differences(budget_id)
    if found:
        rebuild_windows([budget_id])
    return found


def _differences(budget_id: UUID) -> list[Discrepancy]:
    # What was spent from deleted budgets below goes on counting.
    with deleted_rows_visible():
        return list(wrong_windows(budget_id))
