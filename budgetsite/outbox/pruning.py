"""Letting go of events that everybody has had."""

from datetime import datetime

from django.db import connections, transaction

_BATCH = 5_000
_DELETE = """
    DELETE FROM outbox_outboxevent WHERE ctid = ANY(ARRAY(
        SELECT ctid FROM outbox_outboxevent WHERE relayed_at < %s LIMIT %s FOR UPDATE SKIP LOCKED
    ))
"""


def prune_relayed(*, before: datetime) -> int:
    """Remove events of all accounts that were relayed before a moment, a batch in each transaction; return how many."""
    pruned = 0
    while True:
        with transaction.atomic(using="service"), connections["service"].cursor() as cursor:
            cursor.execute(_DELETE, [before, _BATCH])
            removed: int = cursor.rowcount
        pruned += removed
        if removed < _BATCH:
            return pruned
