"""Handing events on to their consumers: at least once, in the order of each subject, by any number of workers.

What holds, and why:

- An event is waiting while `relayed_at` is empty. It is claimed, handed to every consumer and marked in one
  transaction, so there is no state between: a worker that dies at any point leaves it waiting, as does a machine that
  is cut off (PostgreSQL ends its transaction, see `BOUNDS`). Consumers only store, so nothing of them remains either.
- Only the first waiting event of a subject can be claimed (`FOR NO KEY UPDATE SKIP LOCKED`); whoever has it takes those
  behind it along. Two workers therefore never have events of one subject at a time, nor the second before the first. A
  claim that waited for another one is checked again by PostgreSQL on the row as it is then, and is empty.
- What fails is tried again, later each time. Those of its subject wait behind it, nobody else does.
- The order of a subject is that of `position`, taken when the event is written, not when it is committed. Services
  write an event under the lock of its subject's row, which they keep until the commit, so nothing smaller follows. Two
  changes that don't exclude each other (of an event's slots and of its policy, say) may be told in either order:
  neither has seen the other.
- Accounts take turns by lot, a batch each: whoever changes 100,000 rows holds nobody else up.
- No worker waits for the disk after a batch, where two would queue. A crash of PostgreSQL before it is written, within
  a second, takes the marks back together with all that consumers stored: as if the worker had died before its commit.
  Whoever sends what they stored has claimed it first, in a transaction that does wait; since the log is written in its
  order, nothing that was sent is ever taken back.
"""

import logging
import random
import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID, uuid4

from django.db import connection, connections, transaction

from budgetsite.operations.piecework import Piecework
from budgetsite.outbox.consumers import consumers
from budgetsite.outbox.models import OutboxEvent
from budgetsite.tenancy.scope import require_tenant_id, tenant_scope

logger = logging.getLogger(__name__)

BATCH = 200
# So many accounts, or a tenth of those that have something waiting, are visited before a worker looks again which have.
ACCOUNTS_AT_ONCE = 10
_FIRST_SUBJECT = UUID(int=0)
FIRST_RETRY_SECONDS = 1
LONGEST_RETRY_SECONDS = 600
# No consumer waits long for a row that somebody else holds, no transaction outlives a worker that vanished, and none
# waits for the disk at its end (see above).
BOUNDS = """
    SELECT set_config('lock_timeout', '2s', true), set_config('statement_timeout', '15s', true),
           set_config('idle_in_transaction_session_timeout', '60s', true), set_config('synchronous_commit', 'off', true)
"""
# Walks from subject to subject in the index of what waits, beginning anywhere, and takes the first event of each: as
# fast whatever waits behind them, and workers that begin in different places hardly meet. Those whose row is free are
# locked, and take along what stands behind them.
CLAIM = """
    WITH RECURSIVE walk AS (
        (
            SELECT e.subject_id, e.subject_type, e.position, 1 AS step FROM outbox_outboxevent e
            WHERE e.tenant_id = %(tenant)s AND e.relayed_at IS NULL AND e.subject_id >= %(start)s
            ORDER BY e.subject_id, e.subject_type, e.position LIMIT 1
        )
        UNION ALL
        SELECT next.subject_id, next.subject_type, next.position, w.step + 1 FROM walk w CROSS JOIN LATERAL (
            SELECT e.subject_id, e.subject_type, e.position FROM outbox_outboxevent e
            WHERE e.tenant_id = %(tenant)s AND e.relayed_at IS NULL
              AND (e.subject_id, e.subject_type) > (w.subject_id, w.subject_type)
            ORDER BY e.subject_id, e.subject_type, e.position LIMIT 1
        ) next WHERE w.step < %(most)s
    ), first AS (
        SELECT e.* FROM walk w CROSS JOIN LATERAL (
            SELECT e.* FROM outbox_outboxevent e
            WHERE e.tenant_id = %(tenant)s AND e.relayed_at IS NULL
              AND e.subject_id = w.subject_id AND e.subject_type = w.subject_type AND e.position = w.position
              AND (e.retry_at IS NULL OR e.retry_at <= statement_timestamp())
            FOR NO KEY UPDATE SKIP LOCKED
        ) e
    )
    SELECT first.* FROM first
    UNION ALL
    SELECT behind.* FROM first f CROSS JOIN LATERAL (
        SELECT e.* FROM outbox_outboxevent e
        WHERE e.tenant_id = %(tenant)s AND e.relayed_at IS NULL
          AND e.subject_id = f.subject_id AND e.subject_type = f.subject_type AND e.position > f.position
        ORDER BY e.position LIMIT (SELECT %(most)s / count(*) - 1 FROM first)
    ) behind
    ORDER BY position
"""
MARK = """
    UPDATE outbox_outboxevent SET relayed_at = statement_timestamp(), retry_at = NULL, failure = ''
    WHERE tenant_id = %s AND id = ANY(%s)
"""
_PUT_OFF = """
    UPDATE outbox_outboxevent SET attempts = least(attempts + 1, 32000), failure = %(failure)s,
        retry_at = clock_timestamp()
            + make_interval(secs => least(%(first)s * 2 ^ least(attempts, 20), %(longest)s) * (0.8 + 0.4 * random()))
    WHERE tenant_id = %(tenant)s AND id = %(event)s
"""
# The accounts with something waiting, found one after the other in the index, however much there is.
_WAITING_TENANTS = """
    WITH RECURSIVE waiting (tenant_id) AS (
        (SELECT tenant_id FROM outbox_outboxevent WHERE relayed_at IS NULL ORDER BY tenant_id LIMIT 1)
        UNION ALL
        SELECT (
            SELECT e.tenant_id FROM outbox_outboxevent e
            WHERE e.relayed_at IS NULL AND e.tenant_id > w.tenant_id ORDER BY e.tenant_id LIMIT 1
        ) FROM waiting w WHERE w.tenant_id IS NOT NULL
    )
    SELECT tenant_id FROM waiting WHERE tenant_id IS NOT NULL
"""


@dataclass(frozen=True, slots=True)
class Progress:
    """How many events were relayed, and whether there was no time for more."""

    relayed: int
    is_unfinished: bool


@dataclass(frozen=True, slots=True)
class Batch:
    """How many events a worker had in its hands, and how many of them every consumer took."""

    claimed: int
    relayed: int


class _ConsumerFailed(Exception):
    """A consumer raised something: `__cause__`."""

    def __init__(self, name: str) -> None:
        super().__init__(name)
        self.name = name


def relay_pending(*, seconds: float) -> Progress:
    """Relay what waits, of all accounts, for about so many seconds. Commits batch by batch: call it outside any
    transaction. An account whose batch can't be relayed at all keeps no other waiting; raises `SomeFailed` at the end.
    """
    until = time.monotonic() + seconds
    relayed = 0
    with Piecework(logger, "the events of account %s could not be relayed") as work:
        moved = False
        # Where there was nothing to do: another worker has it in hand, or it is to be tried later.
        idle: set[UUID] = set()
        while True:
            tenants = [tenant for tenant in waiting_tenants() if tenant not in idle and tenant not in work.failed]
            if not tenants:
                if not idle or not moved:
                    return Progress(relayed, is_unfinished=False)
                # A batch that only failed was put off, and there may be others behind it.
                idle.clear()
                moved = False
                continue
            # Workers that began together don't follow each other from account to account, and soon notice which the
            # others have done.
            random.shuffle(tenants)
            for tenant_id in tenants[: max(ACCOUNTS_AT_ONCE, len(tenants) // 10)]:
                with work.piece(tenant_id, tenant_id=tenant_id):
                    batch = relay_batch(tenant_id)
                    relayed += batch.relayed
                    if batch.claimed:
                        moved = True
                    else:
                        idle.add(tenant_id)
                if time.monotonic() >= until:
                    return Progress(relayed, is_unfinished=True)


def waiting_tenants() -> list[UUID]:
    """Return the accounts that have events waiting, as the role that sees them all."""
    with connections["service"].cursor() as cursor:
        cursor.execute(_WAITING_TENANTS)
        return [row[0] for row in cursor.fetchall()]


def relay_batch(tenant_id: UUID) -> Batch:
    """Relay up to `BATCH` events of an account, as the request role under the account's policies."""
    with tenant_scope(tenant_id), transaction.atomic():
        claimed = events = _claim()
        if not events:
            return Batch(0, 0)
        try:
            with transaction.atomic():
                _hand_out(events)
        except _ConsumerFailed:
            # Somewhere among them is one that fails: those of other subjects are not to wait for it.
            events = _hand_out_one_by_one(events)
        _mark(events)
        return Batch(claimed=len(claimed), relayed=len(events))


def _claim() -> list[OutboxEvent]:
    with connection.cursor() as cursor:
        cursor.execute(BOUNDS)
    for start in (uuid4(), _FIRST_SUBJECT):
        parameters = {"tenant": require_tenant_id(), "start": start, "most": BATCH}
        events = list(OutboxEvent.objects.raw(CLAIM, parameters))
        if events:
            return events
    return []


def _hand_out(events: Sequence[OutboxEvent]) -> None:
    """Give events to every consumer. Raises `_ConsumerFailed`, after which the caller takes everything back."""
    for consumer in consumers():
        try:
            consumer.receive(events)
        except Exception as error:
            raise _ConsumerFailed(consumer.name) from error


def _hand_out_one_by_one(events: Iterable[OutboxEvent]) -> list[OutboxEvent]:
    """Return the events that went well. One that does not is put off, and those of its subject wait behind it."""
    relayed = []
    blocked = set()
    for event in events:
        subject = event.subject_type, event.subject_id
        if subject in blocked:
            continue
        try:
            with transaction.atomic():
                _hand_out([event])
        except _ConsumerFailed as problem:
            blocked.add(subject)
            _put_off(event, f"{problem.name}: {type(problem.__cause__).__name__}")
            logger.exception("event %s (%s) is tried again later", event.pk, event.kind)
        else:
            relayed.append(event)
    return relayed


def _mark(events: Sequence[OutboxEvent]) -> None:
    with connection.cursor() as cursor:
        cursor.execute(MARK, [require_tenant_id(), [event.pk for event in events]])


def _put_off(event: OutboxEvent, failure: str) -> None:
    parameters: dict[str, Any] = {
        "tenant": require_tenant_id(),
        "event": event.pk,
        "failure": failure[:200],
        "first": FIRST_RETRY_SECONDS,
        "longest": LONGEST_RETRY_SECONDS,
    }
    with connection.cursor() as cursor:
        cursor.execute(_PUT_OFF, parameters)
