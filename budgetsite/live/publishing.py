"""Writing down what has happened for whoever listens: events of the outbox, and nudges that are no events."""

import logging
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

import redis
from django.db import DEFAULT_DB_ALIAS, transaction

from budgetsite.live.journal import PEOPLE, append, note_once
from budgetsite.live.sight import Sight, sights_of
from budgetsite.outbox.models import OutboxEvent
from budgetsite.tenancy.scope import require_tenant_id
from budgetsite.valkey import Absence
from budgetsite.webhooks.catalogue import kind_called
from budgetsite.webhooks.services.fanout import published_data

logger = logging.getLogger(__name__)

# What changes all the time moves pages so often at most; a page waits for so long before it looks.
SETTLE_MS = 1000


def receive(events: Sequence[OutboxEvent]) -> None:
    """The outbox's consumer. Writes into the journal before the events count as relayed: at least once, each with its
    id. Where Valkey is away this raises, and they are relayed later.
    """
    sights = sights_of(events)
    entries = [_entry(event, sights[event.pk]) for event in events if event.pk in sights]
    if entries:
        append({require_tenant_id(): entries})


def nudge_after_commit(sight: Sight) -> None:
    """Let pages that show `sight.topics` look again, once the present transaction is committed.

    For what is too frequent, or too small, to be an event: it is told to nobody else and may be lost while Valkey is
    away.
    """
    tenant_id = require_tenant_id()
    transaction.on_commit(lambda: _nudging.send({tenant_id: [{"sight": sight.as_json()}]}), robust=True)


def nudge_at_times_after_commit(topic: str, *, needs: str) -> None:
    """Let pages of whoever may do `needs` look at `topic` again: at most once per account in SETTLE_MS.

    For what may change thousands of times a second. The first change of a while is told, and pages look SETTLE_MS later
    (`settle_ms` tells them): all that was committed meanwhile, untold, they see then. One round trip to Valkey, and
    another for the one that is told.
    """
    nudge = _RareNudge(require_tenant_id(), topic, needs)
    waiting = transaction.get_connection().run_on_commit
    if not any(callback == nudge for _, callback, _ in waiting):
        transaction.on_commit(nudge, robust=True)


def end_streams_after_commit(person_ids: Iterable[UUID], *, using: str = DEFAULT_DB_ALIAS) -> None:
    """Let these people's streams end, in whatever account: they come back, and what they may see is judged anew.

    Where Valkey is away, or its answer is lost, the streams end after LIVE_STREAM_SECONDS, as all do.
    """
    entries = [{"person": str(person_id)} for person_id in person_ids]

    def end() -> None:
        try:
            append({PEOPLE: entries})
        except redis.RedisError as error:
            logger.warning("streams are not ended before their time: %s", type(error).__name__)

    if entries:
        transaction.on_commit(end, using=using, robust=True)


@dataclass(slots=True)
class _Nudging:
    """After Valkey did not answer it is left alone for a while: no request waits in vain."""

    absence: Absence = field(default_factory=Absence)

    def send(self, written: Mapping[UUID, Sequence[Mapping[str, Any]]], *, once: str = "") -> None:
        """Write into journals; with `once` only where that was not noted within SETTLE_MS."""
        if self.absence.lasts:
            return
        try:
            if not once or note_once(once, milliseconds=SETTLE_MS):
                append(written)
        except redis.RedisError as error:
            self.absence.begin()
            logger.warning("open pages are not told of a change: %s", type(error).__name__)


@dataclass(frozen=True, slots=True)
class _RareNudge:
    tenant_id: UUID
    topic: str
    needs: str

    def __call__(self) -> None:
        entry = {"sight": Sight(needs=self.needs, topics=(self.topic,)).as_json(), "settle_ms": SETTLE_MS}
        _nudging.send({self.tenant_id: [entry]}, once=f"{self.tenant_id}:{self.topic}")


_nudging = _Nudging()


def _entry(event: OutboxEvent, sight: Sight) -> dict[str, Any]:
    """An event in the shape in which webhooks tell it. (Kinds that are not told outside only move pages.)"""
    kind = kind_called(event.kind)
    entry: dict[str, Any] = {"sight": sight.as_json()}
    if kind is not None:
        entry["event"] = {
            "id": str(event.pk),
            "type": event.kind,
            "timestamp": event.created_at.isoformat(),
            "data": published_data(event, kind),
        }
    return entry
