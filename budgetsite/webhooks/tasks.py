"""Sending webhooks: started by the relay, by people who ask for it, and by beat for retries and what was left."""

import logging
from datetime import timedelta

from celery import shared_task
from django.conf import settings
from django.utils import timezone

from budgetsite.tenancy.tasks import SteppedTask
from budgetsite.webhooks.services.pruning import prune_deliveries
from budgetsite.webhooks.services.sending import send_due
from budgetsite.webhooks.services.waking import SENDING

logger = logging.getLogger(__name__)

# One worker's turn; what it has begun by then, it ends.
_SECONDS = 10


@shared_task(base=SteppedTask)
def send_webhooks() -> None:
    """Send what is due. Safe to run twice and in parallel: each delivery is in one worker's hands."""
    SENDING.has_begun()
    if send_due(seconds=_SECONDS):
        SENDING.now()


@shared_task(base=SteppedTask)
def prune_webhooks() -> None:
    """Remove deliveries older than `WEBHOOK_RETENTION_DAYS`, with their attempts."""
    pruned = prune_deliveries(before=timezone.now() - timedelta(days=settings.WEBHOOK_RETENTION_DAYS))
    if pruned:
        logger.info("%d webhook deliveries removed", pruned)
