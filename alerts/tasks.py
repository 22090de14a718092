"""Work on alerts that nobody waits for."""

import logging
from collections.abc import Sequence
from uuid import UUID

from celery import shared_task
from django.db import transaction
from django.utils import timezone

from alerts.services.evaluation import reevaluate_budget
from alerts.services.evaluation_request import has_begun
from alerts.services.outlook import follow_all_event_budgets, follow_event_budgets
from alerts.services.routing.alert_escalation import escalate_alerts
from alerts.services.routing.payment_reminders import remind_of_payments
from alerts.services.scoped_evaluation import follow_all_scoped_budgets, follow_scoped_budgets
from budgets.models import LOCKED_STATUSES, EventBudget
from budgetsite.accounts.selectors import all_accounts
from budgetsite.operations.piecework import Piecework
from budgetsite.tenancy.scope import current_scope, require_tenant_id
from budgetsite.tenancy.tasks import SteppedTask

logger = logging.getLogger(__name__)

# One transaction locks this many budgets; postings to them wait that long.
BATCH_SIZE = 50


def reevaluate_account_soon(*, after: UUID | None = None) -> None:
    """Queue `reevaluate_account` for the scope's tenant, once the present transaction is committed.

    With the queue away the transaction holds all the same: the failure is logged, and each budget follows with its next
    posting, or at night.
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


@shared_task
def reevaluate_everywhere() -> None:
    """Bring the alerts of all budgets in line with their figures, account by account: what a lost task has left."""
    for account in all_accounts():
        reevaluate_account.apply_async(kwargs={"tenant_id": str(account.pk)})


@shared_task(base=SteppedTask)
def reevaluate_account(after: str | None = None) -> int:
    """Evaluate the tenant's open budgets anew, a batch in each transaction, by id; return how many this batch had. The
    scoped ones follow the last, and what is ahead of all of them.

    Queued when the account's rule has changed. Budgets that have a rule of their own come out as they were. One failing
    stops no other, of this batch and of the next: `SomeFailed` is raised at the end.
    """
    with Piecework(logger, "budget %s could not be evaluated; the next night tries again") as work:
        return _reevaluate_batch(UUID(after) if after else None, work)


@transaction.atomic
def _reevaluate_batch(after: UUID | None, work: Piecework) -> int:
    budgets = EventBudget.objects.filter(deleted_at=None).exclude(status__in=LOCKED_STATUSES)
    if after is not None:
        budgets = budgets.filter(pk__gt=after)
    batch = list(budgets.order_by("pk").values_list("pk", flat=True)[:BATCH_SIZE])
    for budget_id in batch:
        # A savepoint of its own: what fails takes nothing else back.
        with work.piece(budget_id), transaction.atomic():
            reevaluate_budget(budget_id)
    if len(batch) == BATCH_SIZE:
        reevaluate_account_soon(after=batch[-1])
    else:
        _follow_soon()
    return len(batch)


# Each budget is evaluated in a transaction of its own: no window is held while another is waited for.
@shared_task(base=SteppedTask)
def evaluate_scoped_budgets(budget_ids: Sequence[str]) -> None:
    """Evaluate soft budgets after somebody has spent from them. Asked for by `alerts.services.evaluation_request`."""
    wanted = [UUID(budget_id) for budget_id in budget_ids]
    has_begun(wanted)
    follow_scoped_budgets(wanted, now=timezone.now())


@shared_task
def follow_scoped_budgets_everywhere() -> None:
    """Bring all alerts of scoped budgets in line: forecasts and windows change with time alone."""
    for account in all_accounts():
        follow_scoped_budgets_of_account.apply_async(kwargs={"tenant_id": str(account.pk)})


@shared_task(base=SteppedTask)
def follow_scoped_budgets_of_account() -> None:
    followed = follow_all_scoped_budgets(now=timezone.now())
    if followed.alerts:
        logger.info("account %s: %d alert(s) of scoped budgets written", require_tenant_id(), followed.alerts)


@shared_task(base=SteppedTask)
def evaluate_outlook_of_budgets(budget_ids: Sequence[str]) -> None:
    """Evaluate what is ahead of budgets of events after a change. Asked for by `alerts.services.outlook_news`."""
    wanted = [UUID(budget_id) for budget_id in budget_ids]
    has_begun(wanted)
    follow_event_budgets(wanted, now=timezone.now())


@shared_task
def follow_event_budgets_everywhere() -> None:
    """Bring the alerts about what is ahead of events' budgets in line: days pass by themselves. Safe to run twice."""
    for account in all_accounts():
        follow_event_budgets_of_account.apply_async(kwargs={"tenant_id": str(account.pk)})


@shared_task(base=SteppedTask)
def follow_event_budgets_of_account() -> None:
    followed = follow_all_event_budgets(now=timezone.now())
    if followed.alerts:
        logger.info("account %s: %d alert(s) of payments and forecasts written", require_tenant_id(), followed.alerts)


@shared_task
def remind_of_payments_everywhere() -> None:
    """Tell of payments that are due or late, account by account. Safe to run twice, and in parallel."""
    for account in all_accounts():
        remind_of_payments_of_account.apply_async(kwargs={"tenant_id": str(account.pk)})


@shared_task(base=SteppedTask)
def remind_of_payments_of_account() -> None:
    told = remind_of_payments(now=timezone.now())
    if told:
        logger.info("account %s: %d reminder(s) of payments", require_tenant_id(), told)


@shared_task
def escalate_alerts_everywhere() -> None:
    """Tell of critical alerts that nobody acknowledges, account by account. Safe to run twice, and in parallel."""
    for account in all_accounts():
        escalate_alerts_of_account.apply_async(kwargs={"tenant_id": str(account.pk)})


@shared_task(base=SteppedTask)
def escalate_alerts_of_account() -> None:
    told = escalate_alerts(now=timezone.now())
    if told:
        logger.info("account %s: %d person(s) told of alerts that wait", require_tenant_id(), told)


def _follow_soon() -> None:
    kwargs = {"tenant_id": str(require_tenant_id())}

    def queue() -> None:
        follow_scoped_budgets_of_account.apply_async(kwargs=kwargs)
        follow_event_budgets_of_account.apply_async(kwargs=kwargs)

    transaction.on_commit(queue, robust=True)
