"""Jobs of the REST groundwork."""

from datetime import timedelta

from celery import shared_task
from django.apps import apps
from django.db.models import Model, QuerySet
from django.utils import timezone

KEPT_FOR = timedelta(hours=48)


@shared_task
def prune_kept_answers() -> int:
    """Remove the answers kept for idempotency keys older than two days, in all tenants; return how many."""
    kept: QuerySet[Model] = QuerySet(apps.get_model("api", "KeptAnswer"), using="service")
    removed, _ = kept.filter(created_at__lt=timezone.now() - KEPT_FOR).delete()
    return removed
