"""Letting go of rows that are over, however many there are."""

from typing import Any

from django.db import transaction
from django.db.models import QuerySet

BATCH = 5_000


def remove_in_batches(rows: QuerySet[Any]) -> int:
    """Remove rows, a batch in each transaction; return how many. Those that somebody holds stay until the next time.

    Safe to run twice at once. Call it outside any transaction.
    """
    removed = 0
    while True:
        with transaction.atomic(using=rows.db):
            free = rows.order_by().select_for_update(skip_locked=True).values_list("pk", flat=True)
            batch = list(free[:BATCH])
            QuerySet(rows.model, using=rows.db).filter(pk__in=batch).delete()
        removed += len(batch)
        if len(batch) < BATCH:
            return removed
