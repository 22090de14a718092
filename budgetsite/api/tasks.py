"""Jobs of the REST groundwork."""

from datetime import timedelta

from celery import shared_task
from django.apps import apps
from django.db.models import Model, QuerySet
from django.utils import timezone

from budgetsite.operations.pruning import remove_in_batches
from budgetsite.tenancy.tasks import SteppedTask

KEPT_FOR = timedelta(hours=48)


@shared_task(base=SteppedTask)
def prune_kept_answers() -> int:
    """Remove the answers kept for idempotency keys older than two days, in all tenants; return how many."""
    kept: QuerySet[Model] = QuerySet(apps.get_model("api", "KeptAnswer"), using="service")
    return remove_in_batches(kept.filter(created_at__lt=timezone.now() - KEPT_FOR))
