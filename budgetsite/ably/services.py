"""Publishing events on Ably's channels by its REST interface: one channel per account, in the order of the outbox.

Switched on by `ABLY_KEY`. Messages are written while the events are relayed, and go out afterwards: at least once, each
by itself with the event's id, by which Ably leaves out a repeat (idempotent publishing; of several in one request the
ids would have to be numbered). A message that was not taken holds up those of its account behind it, and nobody else's.
"""

import base64
import json
import logging
import random
import time
from collections.abc import Sequence
from dataclasses import dataclass
from urllib.parse import quote
from uuid import UUID

from django.conf import settings
from django.db import connections, transaction

from budgetsite.ably.models import AblyMessage
from budgetsite.operations.piecework import Piecework
from budgetsite.outbox.models import OutboxEvent
from budgetsite.outbox.wakeup import WakeUp
from budgetsite.webhooks.catalogue import kind_called
from budgetsite.webhooks.connections import Answer, post
from budgetsite.webhooks.services.fanout import subject_data

logger = logging.getLogger(__name__)

PUBLISHING = WakeUp("budgetsite.ably.tasks.publish_to_ably")
# Of one account's turn, which is over well before somebody else may take its messages.
BATCH = 50
_LEASE_SECONDS = 60
_LONGEST_WAIT_SECONDS = 600
_WAITING_TENANTS = """
    WITH RECURSIVE waiting (tenant_id) AS (
        (SELECT tenant_id FROM ably_ablymessage ORDER BY tenant_id LIMIT 1)
        UNION ALL
        SELECT (
            SELECT m.tenant_id FROM ably_ablymessage m WHERE m.tenant_id > w.tenant_id ORDER BY m.tenant_id LIMIT 1
        ) FROM waiting w WHERE w.tenant_id IS NOT NULL
    )
    SELECT tenant_id FROM waiting WHERE tenant_id IS NOT NULL
"""
# One worker at a time decides about an account: `next_attempt_at` of the oldest holds all behind it.
_ALONE = "SELECT pg_try_advisory_xact_lock(hashtextextended('ably ' || %s::text, 0))"
_CLAIM = """
    WITH oldest AS (
        SELECT id, next_attempt_at FROM ably_ablymessage WHERE tenant_id = %(tenant)s ORDER BY position LIMIT %(most)s
    ), claimed AS (
        UPDATE ably_ablymessage m
        SET next_attempt_at = now() + make_interval(secs => %(lease)s), attempts = attempts + 1
        WHERE m.tenant_id = %(tenant)s AND m.id IN (SELECT id FROM oldest)
          AND NOT EXISTS (SELECT FROM oldest WHERE next_attempt_at > now())
        RETURNING m.id, m.event_id, m.kind, m.data::text, m.attempts, m.position
    )
    SELECT id, event_id, kind, data, attempts FROM claimed ORDER BY position
"""
_REMOVE = "DELETE FROM ably_ablymessage WHERE tenant_id = %(tenant)s AND id = ANY(%(ids)s)"
_PUT_OFF = """
    UPDATE ably_ablymessage SET next_attempt_at = now() + make_interval(secs => %(wait)s)
    WHERE tenant_id = %(tenant)s AND id = ANY(%(ids)s)
"""


@dataclass(frozen=True, slots=True)
class _Message:
    id: UUID
    event_id: UUID
    kind: str
    data: str
    attempts: int


def receive(events: Sequence[OutboxEvent]) -> None:
    """Write down what of these events is published. One statement; none while Ably is not configured."""
    if not settings.ABLY_KEY:
        return
    messages = []
    for event in events:
        kind = kind_called(event.kind)
        if kind is not None:
            subject = subject_data(
                subject_type=event.subject_type, subject_id=event.subject_id, sequence=event.position
            )
            data = {**subject, **kind.published(event.payload), "timestamp": event.created_at.isoformat()}
            messages.append(AblyMessage(event_id=event.pk, position=event.position, kind=event.kind, data=data))
    if messages:
        AblyMessage.objects.bulk_create(messages, ignore_conflicts=True)
        PUBLISHING.after_commit()


class _Away(Exception):
    """Ably itself does not answer: nobody's messages would be taken."""


def publish_due(*, seconds: float) -> int:
    """Publish what waits, of all accounts, for about so many seconds; return how many messages Ably has taken.

    While Ably does not answer, one account's message finds that out, and those of the others wait for the next turn.
    Commits step by step: call it outside any transaction. Raises `SomeFailed` at the end.
    """
    until = time.monotonic() + seconds
    published = 0
    with Piecework(logger, "the messages of account %s could not be published") as work:
        while settings.ABLY_KEY:
            taken = 0
            tenants = [tenant_id for tenant_id in _waiting_tenants() if tenant_id not in work.failed]
            random.shuffle(tenants)
            for tenant_id in tenants:
                if time.monotonic() >= until:
                    return published + taken
                with work.piece(tenant_id, tenant_id=tenant_id):
                    try:
                        taken += _publish(tenant_id, until=until)
                    except _Away:
                        return published + taken
            if not taken:
                break
            published += taken
    return published


def channel_of(tenant_id: UUID) -> str:
    return f"{settings.ABLY_CHANNEL_PREFIX}{tenant_id}"


def _waiting_tenants() -> list[UUID]:
    with connections["service"].cursor() as cursor:
        cursor.execute(_WAITING_TENANTS)
        return [row[0] for row in cursor.fetchall()]


def _publish(tenant_id: UUID, *, until: float) -> int:
    """Publish an account's oldest messages one after the other, up to the first that is not taken. Raises `_Away`."""
    taken: list[UUID] = []
    wait = 0
    is_away = False
    messages = _claim(tenant_id)
    for message in messages:
        answer = _post(tenant_id, message)
        if answer.status_code is None or not 200 <= answer.status_code < 300:
            wait = min(2 ** min(message.attempts, 20), _LONGEST_WAIT_SECONDS)
            logger.warning("Ably took nothing (%s); again in %d s", answer.status_code or answer.problem, wait)
            is_away = answer.status_code is None
            break
        taken.append(message.id)
        if time.monotonic() >= until:
            break
    if messages:
        left = [message.id for message in messages[len(taken) :]]
        with transaction.atomic(using="service"), connections["service"].cursor() as cursor:
            cursor.execute(_REMOVE, {"tenant": tenant_id, "ids": taken})
            cursor.execute(_PUT_OFF, {"tenant": tenant_id, "ids": left, "wait": wait})
    if is_away:
        raise _Away
    return len(taken)


def _claim(tenant_id: UUID) -> list[_Message]:
    with transaction.atomic(using="service"), connections["service"].cursor() as cursor:
        cursor.execute(_ALONE, [tenant_id])
        if not cursor.fetchone()[0]:
            return []
        cursor.execute(_CLAIM, {"tenant": tenant_id, "most": BATCH, "lease": _LEASE_SECONDS})
        return [_Message(*row) for row in cursor.fetchall()]


def _post(tenant_id: UUID, message: _Message) -> Answer:
    address = f"{settings.ABLY_URL.rstrip('/')}/channels/{quote(channel_of(tenant_id), safe='')}/messages"
    key = base64.b64encode(settings.ABLY_KEY.encode()).decode()
    said = {"id": str(message.event_id), "name": message.kind, "data": message.data, "encoding": "json"}
    return post(
        address,
        body=json.dumps(said, separators=(",", ":")).encode(),
        headers={"Authorization": f"Basic {key}", "Content-Type": "application/json", "X-Ably-Version": "2"},
        is_operators_own=True,
    )
