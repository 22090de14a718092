"""Work on alerts that nobody waits for."""

from uuid import UUID

from celery import shared_task
from django.db import transaction

from alerts.services.evaluation import reevaluate_budget
from budgets.models import LOCKED_STATUSES, EventBudget
from budgetsite.tenancy.scope import current_scope, require_tenant_id

# One transaction locks this many budgets; postings to them wait that long.
BATCH_SIZE = 50


def reevaluate_account_soon(*, after: UUID | None = None) -> None:
    """Queue `reevaluate_account` for the scope's tenant, once the present transaction is committed.

    With the queue away the transaction holds all the same: the failure is logged, and each budget follows with its next
    posting.
    """
    user_id = current_scope().user_id
    kwargs = {
        "after": str(after) if after else None,
        "tenant_id": str(require_tenant_id()),
        "user_id": str(user_id) if user_id else None,
    }

    def queue() -> None:
        reevaluate_account.apply_async(kwargs=kwargs)

    transaction.on_commit(queue, robust=True)


# Celery would check the keywords against the function, which is not handed those that name the scope.
@shared_task(typing=False)
def reevaluate_account(after: str | None = None) -> int:
    """Evaluate the tenant's open budgets anew, a batch in each transaction, by id; return how many this batch had.

    Queued when the account's rule has changed. Budgets that have a rule of their own come out as they were.
    """
    budgets = EventBudget.objects.filter(deleted_at=None).exclude(status__in=LOCKED_STATUSES)
    if after is not None:
        budgets = budgets.filter(pk__gt=UUID(after))
    batch = list(budgets.order_by("pk").values_list("pk", flat=True)[:BATCH_SIZE])
    for budget_id in batch:
        reevaluate_budget(budget_id)
    if len(batch) == BATCH_SIZE:
        reevaluate_account_soon(after=batch[-1])
    return len(batch)
