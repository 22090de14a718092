"""Letting go of what people were told long ago."""

from datetime import datetime

from django.db import connections, transaction

_BATCH = 5_000
_NOTIFICATIONS = """
    DELETE FROM notifications_notification WHERE ctid = ANY(ARRAY(
        SELECT ctid FROM notifications_notification WHERE created_at < %s LIMIT %s FOR UPDATE SKIP LOCKED
    ))
"""
# What is still to be sent stays, and so does what stands in a younger notification.
_MAILS = """
    DELETE FROM notifications_mail WHERE ctid = ANY(ARRAY(
        SELECT m.ctid FROM notifications_mail m
        WHERE m.created_at < %s AND m.closed_at IS NOT NULL AND NOT EXISTS (
            SELECT FROM notifications_notification n WHERE n.tenant_id = m.tenant_id AND n.mail_id = m.id
        ) LIMIT %s FOR UPDATE SKIP LOCKED
    ))
"""


def prune_told(*, before: datetime) -> tuple[int, int]:
    """Remove notifications of all accounts from before a moment, then mails; return how many of each."""
    return _prune(_NOTIFICATIONS, before), _prune(_MAILS, before)


def _prune(statement: str, before: datetime) -> int:
    pruned = 0
    while True:
        with transaction.atomic(using="service"), connections["service"].cursor() as cursor:
            cursor.execute(statement, [before, _BATCH])
            removed: int = cursor.rowcount
        pruned += removed
        if removed < _BATCH:
            return pruned
