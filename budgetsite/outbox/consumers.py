"""Who hears of what has happened. Apps say so themselves when they are ready: the base knows none of them."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from budgetsite.outbox.models import OutboxEvent


@dataclass(frozen=True, slots=True)
class Consumer:
    """Hears of every event, once for each that is committed.

    `receive` is given events of one account in their order, some at a time, inside the account's scope and within the
    transaction that marks them as relayed: what it stores is stored exactly once. It only stores. Whatever may be slow
    or fail outside (mail, HTTP) it writes down as work of its own, and starts by `transaction.on_commit`; that work
    claims it in a transaction of its own before anything leaves, because this one does not wait for the disk (see
    `budgetsite.outbox.relay`). When it raises, everything is undone for all consumers; the event is tried again later,
    and until then those of its subject wait behind it.
    """

    name: str
    receive: Callable[[Sequence[OutboxEvent]], None]


_consumers: dict[str, Consumer] = {}


def register_consumer(consumer: Consumer) -> None:
    _consumers[consumer.name] = consumer


def consumers() -> list[Consumer]:
    """Return all consumers by their names, so that they are called in one order."""
    return [_consumers[name] for name in sorted(_consumers)]
