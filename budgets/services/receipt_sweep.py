"""Files of receipts that no receipt names: left by transactions that were rolled back."""

from datetime import datetime, timedelta

from budgets.models import Receipt
from budgets.services.receipt_store import discard, stored_before
from budgetsite.tenancy.scope import deleted_rows_visible

# Whatever is younger may belong to an upload that is under way.
OLD_ENOUGH = timedelta(days=1)


def sweep_orphans(*, now: datetime) -> int:
    """Remove the account's files that no receipt names, a deleted one included; return how many that were.

    Safe to run twice, and at the same time.
    """
    found = list(stored_before(now - OLD_ENOUGH))
    with deleted_rows_visible():
        rows = list(Receipt.objects.values_list("stored_as", "thumbnail_as"))
    named = {name for row in rows for name in row}
    orphans = [name for name in found if name not in named]
    discard(*orphans)
    return len(orphans)
