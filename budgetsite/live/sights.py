"""Who sees what happens to webhooks, and to people's own inboxes."""

from collections.abc import Iterable, Mapping, Sequence
from uuid import UUID

from budgetsite.live.publishing import nudge_after_commit, nudge_at_times_after_commit
from budgetsite.live.sight import Sight, register_sight
from budgetsite.outbox.models import OutboxEvent


def sights_of_webhooks(events: Sequence[OutboxEvent]) -> Mapping[UUID, Sight]:
    return {event.pk: Sight(needs="webhooks.view", topics=("webhooks",)) for event in events}


def let_count_anew(person_ids: Iterable[UUID]) -> None:
    """Let these people's open pages count anew what they have not read, once the transaction is committed."""
    nudge_after_commit(Sight(needs=None, topics=("notifications",), concerned=frozenset(person_ids)))


def let_deliveries_be_seen() -> None:
    """Let open pages of webhooks look again, at most once a second and account: there may be hundreds in a second."""
    nudge_at_times_after_commit("webhooks", needs="webhooks.view")


def register() -> None:
    register_sight(["webhook"], sights_of_webhooks)
