"""Files of receipts that no receipt names: left by transactions that were rolled back."""

import logging
from datetime import datetime, timedelta

from django.db import transaction

from budgets.models import Receipt
from budgets.services.receipt_store import discard, stored_names, was_stored_before
from budgetsite.operations.piecework import Piecework
from budgetsite.tenancy.scope import deleted_rows_visible

logger = logging.getLogger(__name__)

# Whatever is younger may belong to an upload that is under way.
OLD_ENOUGH = timedelta(days=1)


def sweep_orphans(*, now: datetime) -> int:
    """Remove the account's files that no receipt names, a deleted one included; return how many that were.

    Safe to run twice, and at the same time. Call it outside any transaction: a store may take its time.
    """
    found = stored_names()
    if not found:
        return 0
    # Read after the files: whatever was stored for them is named by now, or its upload is under way.
    with deleted_rows_visible(), transaction.atomic():
        rows = list(Receipt.objects.values_list("stored_as", "thumbnail_as"))
    named = {name for row in rows for name in row}
    orphans = [name for name in found if name not in named and was_stored_before(name, now - OLD_ENOUGH)]
    with Piecework(logger, "file %s could not be removed; the next run tries again") as work:
        for name in orphans:
            with work.piece(name):
                discard(name)
    return len(orphans)
