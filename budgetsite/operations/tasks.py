"""Jobs of the operation itself."""

from datetime import timedelta

from celery import shared_task
from django.utils import timezone

from budgetsite.operations.figures_folder import add_up_ended
from budgetsite.operations.runs import prune_failures
from budgetsite.tenancy.tasks import SteppedTask

FAILURES_KEPT_FOR = timedelta(days=14)


@shared_task(base=SteppedTask)
def tidy_operations() -> int:
    """Forget old failures and add up what ended processes have counted. Return how many failures went."""
    add_up_ended()
    return prune_failures(before=timezone.now() - FAILURES_KEPT_FOR)
