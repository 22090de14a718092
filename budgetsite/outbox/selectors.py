"""How the relay is doing, in all accounts together."""

from dataclasses import dataclass

from django.db import connections

# An event that failed, and those of its subject behind it, say nothing about how fast the others are told.
_STATE = """
    WITH waiting AS MATERIALIZED (
        SELECT e.tenant_id, e.subject_id, e.subject_type, e.attempts, e.created_at FROM outbox_outboxevent e
        WHERE e.relayed_at IS NULL
    )
    SELECT count(*), count(*) FILTER (WHERE attempts > 0),
        greatest(extract(epoch FROM statement_timestamp() - min(created_at) FILTER (
            WHERE (tenant_id, subject_id, subject_type) NOT IN (
                SELECT tenant_id, subject_id, subject_type FROM waiting WHERE attempts > 0
            )
        )), 0)::float8
    FROM waiting
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
