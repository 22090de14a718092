"""How the relay is doing, in all accounts together."""

from dataclasses import dataclass

from django.db import connections

# An event that failed, and those of its subject behind it, are counted as failing: they say nothing about how fast
# the others are. The oldest of each account is the first in the index.
_STATE = """
    WITH RECURSIVE waiting (tenant_id) AS (
        (SELECT tenant_id FROM outbox_outboxevent WHERE relayed_at IS NULL ORDER BY tenant_id LIMIT 1)
        UNION ALL
        SELECT (
            SELECT e.tenant_id FROM outbox_outboxevent e
            WHERE e.relayed_at IS NULL AND e.tenant_id > w.tenant_id ORDER BY e.tenant_id LIMIT 1
        ) FROM waiting w WHERE w.tenant_id IS NOT NULL
    ), oldest AS (
        SELECT (
            SELECT e.created_at FROM outbox_outboxevent e
            WHERE e.relayed_at IS NULL AND e.tenant_id = w.tenant_id AND e.attempts = 0 AND NOT EXISTS (
                SELECT FROM outbox_outboxevent failed
                WHERE failed.tenant_id = e.tenant_id AND failed.relayed_at IS NULL
                  AND failed.subject_type = e.subject_type AND failed.subject_id = e.subject_id
                  AND failed.position < e.position AND failed.attempts > 0
            )
            ORDER BY e.position LIMIT 1
        ) AS created_at FROM waiting w WHERE w.tenant_id IS NOT NULL
    )
    SELECT count(*), count(*) FILTER (WHERE attempts > 0),
           greatest(extract(epoch FROM statement_timestamp() - (SELECT min(created_at) FROM oldest)), 0)::float8
    FROM outbox_outboxevent WHERE relayed_at IS NULL
"""


@dataclass(frozen=True, slots=True)
class OutboxState:
    """`waiting` events, `failing` among them that consumers could not take, and the age of the oldest of the others."""

    waiting: int
    failing: int
    lag_seconds: float


def outbox_state() -> OutboxState:
    """Return the relay's state, as the role that sees all accounts. One statement."""
    with connections["service"].cursor() as cursor:
        cursor.execute(_STATE)
        waiting, failing, lag = cursor.fetchone()
    return OutboxState(waiting, failing, lag or 0.0)


def backlog() -> int:
    """Return how many events wait to be relayed."""
    return outbox_state().waiting


def lag_seconds() -> float:
    """Return for how long the oldest event has waited that no consumer has failed on; 0 when none waits."""
    return outbox_state().lag_seconds
