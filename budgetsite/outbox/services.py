"""Writing down what has happened, with the change itself: both are stored or neither is."""

from collections.abc import Mapping
from typing import Any
from uuid import UUID

from django.db import connection

from budgetsite.outbox.models import OutboxEvent
from budgetsite.outbox.tasks import RELAY
from budgetsite.tenancy.scope import current_scope

# For hot paths, which record an event within the statement that makes the change: the start of an INSERT. They call
# `relay_after_commit` themselves.
INSERT_EVENT = """
    INSERT INTO outbox_outboxevent (id, tenant_id, kind, subject_type, subject_id, payload, actor_id)
"""


class OutsideTransaction(RuntimeError):
    """An event that is not part of a transaction could tell of a change that was never stored."""

    def __init__(self) -> None:
        super().__init__("Record an event inside the transaction that makes the change.")


def record_event(*, kind: str, subject_type: str, subject_id: UUID, payload: dict[str, Any] | None = None) -> None:
    """Record that `kind` (`budget.submitted`) has happened to a subject; the actor is the scope's user.

    `payload` holds what a receiver needs and can be written as JSON: ids, numbers, amounts as text. No personal data.
    """
    record_events(kind=kind, subject_type=subject_type, payloads={subject_id: payload or {}})


def record_events(*, kind: str, subject_type: str, payloads: Mapping[UUID, dict[str, Any]]) -> None:
    """Record that `kind` has happened to each of several subjects (id → payload), in their order. One statement."""
    OutboxEvent.objects.bulk_create(
        [
            new_event(kind=kind, subject_type=subject_type, subject_id=subject_id, payload=payload)
            for subject_id, payload in payloads.items()
        ]
    )


def new_event(*, kind: str, subject_type: str, subject_id: UUID, payload: dict[str, Any]) -> OutboxEvent:
    """Return an event that the caller stores, in the transaction and together with what it tells of."""
    if not connection.in_atomic_block:
        raise OutsideTransaction
    relay_after_commit()
    return OutboxEvent(
        kind=kind, subject_type=subject_type, subject_id=subject_id, payload=payload, actor_id=current_scope().user_id
    )


def relay_after_commit() -> None:
    """Let a worker hand on what was recorded, once it is committed. Without it that happens some seconds later."""
    RELAY.after_commit()
