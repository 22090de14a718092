"""Letting a worker send what waits."""

from budgetsite.outbox.wakeup import WakeUp

SENDING = WakeUp("budgetsite.webhooks.tasks.send_webhooks")


def send_after_commit() -> None:
    """Let a worker send once the present transaction is committed; without Valkey that happens some seconds later."""
    SENDING.after_commit()
