"""Writing down what has happened for whoever listens: events of the outbox, and nudges that are no events."""

import logging
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

import redis
from django.db import transaction

from budgetsite.live.journal import append
from budgetsite.live.sight import Sight, sights_of
from budgetsite.outbox.models import OutboxEvent
from budgetsite.tenancy.scope import require_tenant_id
from budgetsite.webhooks.catalogue import kind_called
from budgetsite.webhooks.services.fanout import published_data

logger = logging.getLogger(__name__)

_AWAY_FOR_SECONDS = 5


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


@dataclass(slots=True)
class _Nudging:
    """After Valkey did not answer it is left alone for a while: no request waits in vain."""

    away_until: float = 0.0

    def send(self, written: Mapping[UUID, Sequence[Mapping[str, Any]]]) -> None:
        if time.monotonic() < self.away_until:
            return
        try:
            append(written)
        except redis.RedisError as error:
            self.away_until = time.monotonic() + _AWAY_FOR_SECONDS
            logger.warning("open pages are not told of a change: %s", type(error).__name__)


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
