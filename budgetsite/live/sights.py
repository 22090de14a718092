"""Who sees what happens to webhooks, and to people's own inboxes."""

from collections.abc import Iterable, Mapping, Sequence
from uuid import UUID

from budgetsite.live.publishing import nudge_after_commit
from budgetsite.live.sight import Sight, register_sight
from budgetsite.outbox.models import OutboxEvent


def sights_of_webhooks(events: Sequence[OutboxEvent]) -> Mapping[UUID, Sight]:
    return {event.pk: Sight(needs="webhooks.view", topics=("webhooks",)) for event in events}


def let_count_anew(person_ids: Iterable[UUID]) -> None:
    """Let these people's open pages count anew what they have not read, once the transaction is committed."""
    nudge_after_commit(Sight(needs=None, topics=("notifications",), concerned=frozenset(person_ids)))


def register() -> None:
    register_sight(["webhook"], sights_of_webhooks)
