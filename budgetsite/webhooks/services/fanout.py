"""Writing down what each endpoint is to be told, in the transaction that marks the events as relayed."""

import json
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from budgetsite.outbox.models import OutboxEvent
from budgetsite.tenancy.scope import require_tenant_id
from budgetsite.webhooks.catalogue import EventKind, kind_called
from budgetsite.webhooks.models import WebhookDelivery, WebhookEndpoint
from budgetsite.webhooks.services.waking import send_after_commit
from budgetsite.webhooks.signals import deliveries_changed


def receive(events: Sequence[OutboxEvent]) -> None:
    """Make a delivery for each event and endpoint that wants it. Two statements, one in an account without webhooks."""
    endpoints = list(WebhookEndpoint.objects.order_by("created_at", "pk").only("pk", "kinds"))
    if not endpoints:
        return
    deliveries = [
        WebhookDelivery(endpoint_id=endpoint.pk, event_id=event.pk, kind=event.kind, body=body)
        for event, kind, body in _published(events)
        for endpoint in endpoints
        if wants(endpoint.kinds, kind) and event.subject_id != endpoint.pk
    ]
    if deliveries:
        WebhookDelivery.objects.bulk_create(deliveries, ignore_conflicts=True)
        send_after_commit()
        deliveries_changed.send(sender=WebhookDelivery)


def wants(kinds: Sequence[str], kind: EventKind) -> bool:
    return not kinds or kind.name in kinds or f"{kind.family}.*" in kinds


def message(kind: str, *, happened_at: datetime, data: Mapping[str, Any]) -> str:
    """Return the body as Standard Webhooks has it: `type`, `timestamp`, `data`."""
    return json.dumps(
        {"type": kind, "timestamp": happened_at.isoformat(), "data": data}, separators=(",", ":"), ensure_ascii=False
    )


def subject_data(*, subject_type: str, subject_id: UUID, sequence: int) -> dict[str, Any]:
    return {
        "account_id": str(require_tenant_id()),
        "subject_type": subject_type,
        "subject_id": str(subject_id),
        "sequence": sequence,
    }


def _published(events: Sequence[OutboxEvent]) -> list[tuple[OutboxEvent, EventKind, str]]:
    found = []
    for event in events:
        kind = kind_called(event.kind)
        if kind is not None:
            data = published_data(event, kind)
            found.append((event, kind, message(event.kind, happened_at=event.created_at, data=data)))
    return found


def published_data(event: OutboxEvent, kind: EventKind) -> dict[str, Any]:
    """Return what is told of an event: its subject, and of its payload what the catalogue names."""
    subject = subject_data(subject_type=event.subject_type, subject_id=event.subject_id, sequence=event.position)
    return {**subject, **kind.published(event.payload)}
