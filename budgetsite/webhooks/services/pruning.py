"""Letting go of old deliveries and of secrets that sign no more."""

from datetime import datetime

from django.db import connections, transaction

_BATCH = 2_000
_DELETE = """
    WITH old AS (
        SELECT tenant_id, id FROM webhooks_webhookdelivery WHERE created_at < %(before)s LIMIT %(most)s
        FOR UPDATE SKIP LOCKED
    ), log AS (
        DELETE FROM webhooks_webhookattempt a USING old WHERE a.tenant_id = old.tenant_id AND a.delivery_id = old.id
    )
    DELETE FROM webhooks_webhookdelivery d USING old WHERE d.tenant_id = old.tenant_id AND d.id = old.id
"""
_EMPTY = "UPDATE webhooks_webhooksecret SET text = '' WHERE expires_at < now() AND text <> ''"


def prune_deliveries(*, before: datetime) -> int:
    """Remove deliveries of all accounts that were made before a moment, sent or not; return how many."""
    pruned = 0
    with connections["service"].cursor() as cursor:
        cursor.execute(_EMPTY)
    while True:
        with transaction.atomic(using="service"), connections["service"].cursor() as cursor:
            cursor.execute(_DELETE, {"before": before, "most": _BATCH})
            removed: int = cursor.rowcount
        pruned += removed
        if removed < _BATCH:
            return pruned
