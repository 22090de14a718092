"""Who may write below an event: many at once, or one alone, who deletes or restores it with all that hangs on it.

Deleting and restoring go through the tables below an event one by one, in an order that nobody else keeps. So whoever
registers, decides, queues, lets in or plans holds the event before any row is locked, and who deletes or restores it
waits for them and has it alone: nobody ever waits in a circle. PostgreSQL's advisory locks, because they write nothing,
and because who waits to have the event alone is not overtaken by ever more who hold it. They end with the transaction.
"""

from collections.abc import Iterable
from uuid import UUID

from django.db import connection, connections

from events.models import Event

# For statements that lock rows: `WITH gate AS MATERIALIZED (SELECT {HOLD_EVENT})` joined to what is changed or locked,
# so that no row is touched before; `%(event_lock)s` is `event_lock(event_id)`.
HOLD_EVENT = "pg_advisory_xact_lock_shared(%(event_lock)s::bigint)"
_ALONE = "pg_advisory_xact_lock(%(event_lock)s::bigint)"
_HOLD_MANY = "SELECT pg_advisory_xact_lock_shared(held.event_lock) FROM unnest(%s::bigint[]) AS held (event_lock)"


def hold_event(event_id: UUID) -> bool:
    """Keep an event as it is, deleted or not, until the transaction ends; False when it is deleted.

    Waits while somebody deletes or restores it. Two statements.
    """
    _lock(HOLD_EVENT, event_id)
    # Looked at afterwards: it may have been deleted while we waited.
    return bool(Event.objects.filter(pk=event_id).exists())


def hold_events(event_ids: Iterable[UUID], *, using: str) -> None:
    """Hold several events, deleted or not, on a connection of one's own, in the order of their ids. One statement."""
    locks = [event_lock(event_id) for event_id in sorted(event_ids)]
    with connections[using].cursor() as cursor:
        cursor.execute(_HOLD_MANY, [locks])


def have_event_alone(event_id: UUID) -> None:
    """Wait until nobody holds the event; nobody can until the transaction ends. Before any of its rows is locked."""
    _lock(_ALONE, event_id)


def event_lock(event_id: UUID) -> int:
    """Return the number that stands for an event among PostgreSQL's advisory locks: half of its random bits."""
    return int.from_bytes(event_id.bytes[8:], signed=True)


def _lock(function: str, event_id: UUID) -> None:
    with connection.cursor() as cursor:
        cursor.execute(f"SELECT {function}", {"event_lock": event_lock(event_id)})
