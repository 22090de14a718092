"""Writing down what has happened, with the change itself: both are stored or neither is."""

from typing import Any
from uuid import UUID

from django.db import connection

from budgetsite.outbox.models import OutboxEvent
from budgetsite.tenancy.scope import current_scope


class OutsideTransaction(RuntimeError):
    """An event that is not part of a transaction could tell of a change that was never stored."""

    def __init__(self) -> None:
        super().__init__("Record an event inside the transaction that makes the change.")


def record_event(*, kind: str, subject_type: str, subject_id: UUID, payload: dict[str, Any] | None = None) -> None:
    """Record that `kind` (`budget.submitted`) has happened to a subject; the actor is the scope's user.

    `payload` holds what a receiver needs and can be written as JSON: ids, numbers, amounts as text. No personal data.
    """
    if not connection.in_atomic_block:
        raise OutsideTransaction
    OutboxEvent.objects.create(
        kind=kind,
        subject_type=subject_type,
        subject_id=subject_id,
        payload=payload or {},
        actor_id=current_scope().user_id,
    )
