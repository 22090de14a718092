"""Sending what waits: at least once, never long by one receiver, and recorded attempt by attempt.

A delivery is claimed with a lease in one short transaction, sent without any, and what came of it is recorded in a
third. A worker that dies between leaves a lease that runs out; the message then is sent again with the same id. Claims
go by endpoint, whose row is locked meanwhile, so that no endpoint has more in flight than its share; one that fails has
one at a time, and is left alone between them. So a receiver that hangs costs one thread of many for some seconds, and
then nothing for minutes. A worker that has to wait for it goes on with those that are well.
"""

import logging
import random
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID, uuid4

from django.conf import settings
from django.db import connection, connections, transaction
from django.db.models import F, Q
from django.utils import timezone

from budgetsite.operations.piecework import Piecework
from budgetsite.outbox.services import record_event
from budgetsite.tenancy.scope import require_tenant_id, tenant_scope
from budgetsite.webhooks.connections import WHOLE_SECONDS, Answer, post
from budgetsite.webhooks.models import (
    DeliveryStatus,
    PauseReason,
    WebhookAttempt,
    WebhookDelivery,
    WebhookEndpoint,
    WebhookSecret,
)
from budgetsite.webhooks.services.endpoint import store_health
from budgetsite.webhooks.signals import deliveries_changed
from budgetsite.webhooks.signing import signed_headers

logger = logging.getLogger(__name__)

SENDERS = 16
OF_ONE_ENDPOINT = 8
_TOGETHER_SECONDS = 0.01
# Longer than any attempt takes, a slow name server included.
LEASE = timedelta(seconds=90)
# Waits between the attempts at one delivery, about a day together; each a fifth more or less.
RETRY_AFTER = [
    timedelta(seconds=5), timedelta(minutes=1), timedelta(minutes=5), timedelta(minutes=30), timedelta(hours=2),
    timedelta(hours=5), timedelta(hours=8), timedelta(hours=9),
]  # fmt: skip
LONGEST_WAIT = timedelta(days=1)
# A receiver that failed is left alone: a second, doubled each time it fails again.
LONGEST_REST = timedelta(minutes=5)
# One that took nothing for so long was away: all that waits for it is due once it is back. One that fails with some
# messages alone has each of these tried again in its own time.
AWAY_AFTER = timedelta(minutes=1)
ANSWER_CHARACTERS = 1_000
_DUE = """
    SELECT e.tenant_id, e.id FROM webhooks_webhookendpoint e
    WHERE e.deleted_at IS NULL AND e.paused_at IS NULL AND (e.failures = 0 OR NOT %(only_well)s)
      AND (e.resting_until IS NULL OR e.resting_until <= statement_timestamp())
      AND EXISTS (
          SELECT FROM webhooks_webhookdelivery d
          WHERE d.tenant_id = e.tenant_id AND d.endpoint_id = e.id AND d.status = 'waiting'
            AND d.next_attempt_at <= statement_timestamp()
            AND (d.leased_until IS NULL OR d.leased_until <= statement_timestamp())
      )
"""
# A statement of its own, after the endpoint was locked: so it sees what others had claimed until then.
_CLAIM = """
    WITH due AS (
        SELECT d.id FROM webhooks_webhookdelivery d
        WHERE d.tenant_id = %(tenant)s AND d.endpoint_id = %(endpoint)s AND d.status = 'waiting'
          AND d.next_attempt_at <= %(now)s AND (d.leased_until IS NULL OR d.leased_until <= %(now)s)
        ORDER BY d.next_attempt_at, d.id
        LIMIT (
            SELECT greatest(0, least(%(room)s, %(share)s - count(*))) FROM webhooks_webhookdelivery u
            WHERE u.tenant_id = %(tenant)s AND u.endpoint_id = %(endpoint)s AND u.status = 'waiting'
              AND u.leased_until > %(now)s
        )
        FOR NO KEY UPDATE SKIP LOCKED
    ), claimed AS (
        UPDATE webhooks_webhookdelivery d SET lease = %(lease)s, leased_until = %(until)s
        FROM due WHERE d.tenant_id = %(tenant)s AND d.id = due.id
        RETURNING d.id, d.event_id, d.body, d.next_attempt_at
    )
    SELECT id, event_id, body FROM claimed ORDER BY next_attempt_at, id
"""
_FOLLOW = """
    UPDATE webhooks_webhookdelivery d
    SET attempts = n.attempts, lease = NULL, leased_until = NULL, status = n.status, delivered_at = n.delivered_at,
        next_attempt_at = n.next_attempt_at
    FROM unnest(%(ids)s::uuid[], %(attempts)s::smallint[], %(statuses)s::text[], %(delivered)s::timestamptz[],
        %(next)s::timestamptz[]) AS n (id, attempts, status, delivered_at, next_attempt_at)
    WHERE d.tenant_id = %(tenant)s AND d.id = n.id
"""


@dataclass(frozen=True, slots=True)
class Outgoing:
    """One attempt under way, and all that it needs: whoever sends it asks the database nothing."""

    tenant_id: UUID
    endpoint_id: UUID
    delivery_id: UUID
    lease: UUID
    url: str
    secrets: tuple[str, ...]
    event_id: UUID
    body: str


@dataclass(frozen=True, slots=True)
class Attempted:
    started_at: datetime
    duration_ms: int
    answer: Answer

    @property
    def is_success(self) -> bool:
        return self.answer.status_code is not None and 200 <= self.answer.status_code < 300


def send_due(*, seconds: float) -> bool:
    """Send what is due, of all accounts, and begin nothing new after `seconds`; return whether more may be due.

    While slow receivers keep it longer, what is due to those that are well goes on being sent. An endpoint whose
    messages can't be read keeps those of no other waiting; raises `SomeFailed` at the end. Commits step by step: call
    it outside any transaction.
    """
    until = time.monotonic() + seconds
    # By then those that were begun in time are done, and so it ends even if others hang one after the other.
    at_last = until + WHOLE_SECONDS
    flying: dict[Future[Attempted], Outgoing] = {}
    with (
        Piecework(logger, "the messages of webhook %s could not be sent") as work,
        ThreadPoolExecutor(SENDERS) as pool,
    ):
        while True:
            now = time.monotonic()
            goes_on = now < until
            if (goes_on or (flying and now < at_last)) and len(flying) < SENDERS:
                for outgoing in claim_due(room=SENDERS - len(flying), work=work, only_well=not goes_on):
                    flying[pool.submit(attempt, outgoing)] = outgoing
            if not flying:
                return not goes_on
            wait(flying, timeout=0.5, return_when=FIRST_COMPLETED)
            # Whoever ends in the same moment is recorded together.
            done, _ = wait(flying, timeout=_TOGETHER_SECONDS)
            record_all([(flying.pop(future), future.result()) for future in done], work=work)


def claim_due(*, room: int, work: Piecework, only_well: bool = False) -> Iterator[Outgoing]:
    """Claim up to `room` deliveries, of endpoints in any order, without those that failed before in this work.

    With `only_well` endpoints that are known to fail are passed over.
    """
    endpoints = [each for each in _due_endpoints(only_well=only_well) if each[1] not in work.failed]
    random.shuffle(endpoints)
    for tenant_id, endpoint_id in endpoints:
        if room <= 0:
            return
        claimed: list[Outgoing] = []
        with work.piece(endpoint_id, tenant_id=tenant_id), tenant_scope(tenant_id), transaction.atomic():
            claimed = _claim(endpoint_id, room)
        room -= len(claimed)
        yield from claimed


def _due_endpoints(*, only_well: bool) -> list[tuple[UUID, UUID]]:
    with connections["service"].cursor() as cursor:
        cursor.execute(_DUE, {"only_well": only_well})
        return list(cursor.fetchall())


def _claim(endpoint_id: UUID, room: int) -> list[Outgoing]:
    now = timezone.now()
    free = WebhookEndpoint.objects.select_for_update(no_key=True, skip_locked=True)
    endpoint = free.filter(Q(resting_until=None) | Q(resting_until__lte=now), pk=endpoint_id, paused_at=None).first()
    if endpoint is None:
        return []
    lease = uuid4()
    with connection.cursor() as cursor:
        cursor.execute(
            _CLAIM,
            {
                "tenant": endpoint.tenant_id,
                "endpoint": endpoint.pk,
                "now": now,
                "room": room,
                "share": 1 if endpoint.failures else OF_ONE_ENDPOINT,
                "lease": lease,
                "until": now + LEASE,
            },
        )
        claimed = cursor.fetchall()
    if not claimed:
        return []
    good = WebhookSecret.objects.filter(Q(expires_at=None) | Q(expires_at__gt=now), endpoint=endpoint)
    secrets = tuple(secret.text for secret in good.order_by(F("expires_at").desc(nulls_first=True), "pk"))
    return [
        Outgoing(
            tenant_id=endpoint.tenant_id,
            endpoint_id=endpoint.pk,
            delivery_id=delivery_id,
            lease=lease,
            url=endpoint.url,
            secrets=secrets,
            event_id=event_id,
            body=body,
        )
        for delivery_id, event_id, body in claimed
    ]


def attempt(outgoing: Outgoing) -> Attempted:
    """Send one message. Called in a thread: it touches no database."""
    started_at, began = timezone.now(), time.monotonic()
    try:
        answer = _post(outgoing, started_at)
    except Exception:
        # Not the receiver's doing. It is tried again like all that fails, and everybody else's is recorded.
        logger.exception("delivery %s could not be sent", outgoing.delivery_id)
        answer = Answer(problem="not_sent")
    return Attempted(started_at, int((time.monotonic() - began) * 1000), answer)


def _post(outgoing: Outgoing, now: datetime) -> Answer:
    headers = signed_headers(message_id=str(outgoing.event_id), body=outgoing.body, texts=outgoing.secrets, now=now)
    return post(
        outgoing.url,
        body=outgoing.body.encode(),
        headers={
            **headers,
            "Content-Type": "application/json",
            "User-Agent": "Budgetsite-Webhooks/1",
            "Accept-Encoding": "identity",
        },
    )


def record_all(finished: Sequence[tuple[Outgoing, Attempted]], *, work: Piecework) -> None:
    """Keep what came of attempts, those of one endpoint in one transaction."""
    by_endpoint: dict[tuple[UUID, UUID], list[tuple[Outgoing, Attempted]]] = {}
    for outgoing, attempted in finished:
        by_endpoint.setdefault((outgoing.tenant_id, outgoing.endpoint_id), []).append((outgoing, attempted))
    for (tenant_id, endpoint_id), attempts in by_endpoint.items():
        with work.piece(endpoint_id, tenant_id=tenant_id), tenant_scope(tenant_id), transaction.atomic():
            _record(endpoint_id, attempts)


def _record(endpoint_id: UUID, finished: Sequence[tuple[Outgoing, Attempted]]) -> None:
    """Decide what is next for some deliveries and for their endpoint.

    Whoever comes late, after the lease was another's or the endpoint was deleted, changes nothing but the log.
    """
    endpoint = WebhookEndpoint.objects.select_for_update(no_key=True).filter(pk=endpoint_id).first()
    WebhookAttempt.objects.bulk_create(
        WebhookAttempt(
            delivery_id=outgoing.delivery_id,
            started_at=attempted.started_at,
            duration_ms=attempted.duration_ms,
            status_code=attempted.answer.status_code,
            problem=attempted.answer.problem,
            answer=attempted.answer.text[:ANSWER_CHARACTERS],
        )
        for outgoing, attempted in finished
    )
    deliveries_changed.send(sender=WebhookDelivery)
    if endpoint is None:
        return
    now = timezone.now()
    rows = WebhookDelivery.objects.filter(pk__in=[outgoing.delivery_id for outgoing, _ in finished])
    deliveries = {row.pk: row for row in rows.order_by("pk").select_for_update(no_key=True)}
    changed: list[WebhookDelivery] = []
    health = _Health(endpoint, now)
    for outgoing, attempted in finished:
        delivery = deliveries.get(outgoing.delivery_id)
        if delivery is None or delivery.lease != outgoing.lease:
            continue
        _follow(delivery, attempted, now)
        changed.append(delivery)
        if endpoint.url == outgoing.url:
            health.follow(delivery, attempted)
    if changed:
        _store(changed)
        health.store()


def _follow(delivery: WebhookDelivery, attempted: Attempted, now: datetime) -> None:
    delivery.attempts += 1
    if attempted.is_success:
        delivery.status, delivery.delivered_at = DeliveryStatus.DELIVERED, now
    elif delivery.is_test or delivery.attempts > len(RETRY_AFTER):
        delivery.status = DeliveryStatus.FAILED
    else:
        delivery.next_attempt_at = now + _wait(delivery.attempts, attempted.answer.retry_after)


def _store(deliveries: Sequence[WebhookDelivery]) -> None:
    """Store what was decided of deliveries, which nobody has any more."""
    with connection.cursor() as cursor:
        cursor.execute(
            _FOLLOW,
            {
                "tenant": require_tenant_id(),
                "ids": [delivery.pk for delivery in deliveries],
                "attempts": [delivery.attempts for delivery in deliveries],
                "statuses": [str(delivery.status) for delivery in deliveries],
                "delivered": [delivery.delivered_at for delivery in deliveries],
                "next": [delivery.next_attempt_at for delivery in deliveries],
            },
        )


def _wait(attempts: int, retry_after: str) -> timedelta:
    """Return how long to wait after so many attempts, or longer where the receiver asks for it (RFC 9110: seconds)."""
    spread = RETRY_AFTER[attempts - 1] * random.uniform(0.8, 1.2)  # noqa: S311 - nobody gains by guessing it
    asked = retry_after.strip()
    wanted = timedelta(seconds=int(asked)) if asked.isascii() and asked.isdigit() and len(asked) < 9 else timedelta(0)
    return max(spread, min(wanted, LONGEST_WAIT))


@dataclass(slots=True)
class _Health:
    """How an endpoint is after some attempts: one that works has all that waits, one that fails is left alone."""

    endpoint: WebhookEndpoint
    now: datetime
    is_back: bool = False
    pause_reason: PauseReason | None = None

    def follow(self, delivery: WebhookDelivery, attempted: Attempted) -> None:
        endpoint, now = self.endpoint, self.now
        if attempted.is_success:
            was_away = endpoint.failing_since is not None and endpoint.failing_since <= now - AWAY_AFTER
            self.is_back = self.is_back or was_away
            endpoint.failures, endpoint.failing_since, endpoint.resting_until = 0, None, None
            endpoint.delivered_at = now
            self.pause_reason = None
        elif not delivery.is_test:
            endpoint.failures += 1
            endpoint.failing_since = endpoint.failing_since or now
            endpoint.resting_until = now + min(timedelta(seconds=2 ** min(endpoint.failures - 1, 20)), LONGEST_REST)
            if attempted.answer.status_code == 410:
                self.pause_reason = PauseReason.GONE
            elif endpoint.failing_since <= now - timedelta(days=settings.WEBHOOK_PAUSE_AFTER_DAYS):
                self.pause_reason = PauseReason.FAILING

    def store(self) -> None:
        """Store it, tell the outbox of a pause, and let a receiver that is back have at once what would wait."""
        endpoint, reason = self.endpoint, self.pause_reason
        if reason is None or endpoint.is_paused:
            store_health(endpoint)
        else:
            endpoint.paused_at, endpoint.pause_reason = self.now, reason
            endpoint.save()
            payload = {"reason": str(reason)}
            record_event(kind="webhook.paused", subject_type="webhook", subject_id=endpoint.pk, payload=payload)
        if self.is_back and not endpoint.failures:
            waiting = WebhookDelivery.objects.filter(endpoint=endpoint, status=DeliveryStatus.WAITING)
            waiting.filter(next_attempt_at__gt=self.now).update(next_attempt_at=self.now)
