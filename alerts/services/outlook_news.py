"""What changes what is ahead of an event's budget: heard from the outbox, or said by whoever changed a rule."""

from collections.abc import Iterator, Sequence
from uuid import UUID

from celery import Task, current_app
from django.db import transaction

from alerts.services.evaluation_request import OUTLOOK, evaluate_after_commit
from budgetsite.outbox.models import OutboxEvent
from budgetsite.tenancy.scope import require_tenant_id

WHOLE_ACCOUNT = "alerts.tasks.follow_event_budgets_of_account"
_RECEIPTS = "expense.receipt"


def receive(events: Sequence[OutboxEvent]) -> None:
    """Let the budgets be evaluated whose figures, plans, expenses or payments have changed: each once. No statement."""
    budget_ids = set(_changed(events))
    if budget_ids:
        evaluate_after_commit(budget_ids, task_name=OUTLOOK)


def evaluate_account_after_commit() -> None:
    """Let a worker look at all budgets of the account: for reminders that come earlier or later than so far."""
    kwargs = {"tenant_id": str(require_tenant_id())}

    def ask() -> None:
        # By its name: the tasks import whoever asks.
        task: Task[..., object] = current_app.tasks[WHOLE_ACCOUNT]
        task.apply_async(kwargs=kwargs)

    transaction.on_commit(ask, robust=True)


def _changed(events: Sequence[OutboxEvent]) -> Iterator[UUID]:
    for event in events:
        budget_id = None
        if event.subject_type == "event_budget":
            budget_id = event.subject_id
        elif event.subject_type == "expense" and not event.kind.startswith(_RECEIPTS):
            budget_id = event.payload.get("budget")
        if budget_id is not None:
            yield UUID(str(budget_id))
