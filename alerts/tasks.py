"""Work on alerts that nobody waits for."""

from functools import partial
from uuid import UUID

from celery import shared_task
from django.db import transaction

from alerts.services.evaluation import reevaluate_budget
from budgets.models import LOCKED_STATUSES, EventBudget
from budgetsite.tenancy.scope import current_scope

# One transaction locks this many budgets; postings to them wait that long.
BATCH_SIZE = 50


@shared_task
def reevaluate_account(after: str | None = None) -> int:
    """Evaluate the tenant's open budgets anew, a batch in each transaction, by id; return how many this batch had.

    Queued with `tenant_id` when the account's rule has changed. Budgets that have a rule of their own come out as they
    were.
    """
    budgets = EventBudget.objects.filter(deleted_at=None).exclude(status__in=LOCKED_STATUSES)
    if after is not None:
        budgets = budgets.filter(pk__gt=UUID(after))
    batch = list(budgets.order_by("pk").values_list("pk", flat=True)[:BATCH_SIZE])
    for budget_id in batch:
        reevaluate_budget(budget_id)
    if len(batch) == BATCH_SIZE:
        scope = current_scope()
        transaction.on_commit(
            partial(
                reevaluate_account.apply_async,
                kwargs={
                    "after": str(batch[-1]),
                    "tenant_id": str(scope.tenant_id),
                    "user_id": str(scope.user_id) if scope.user_id else None,
                },
            )
        )
    return len(batch)
