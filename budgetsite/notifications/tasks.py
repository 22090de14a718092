"""Sending mail: by beat when it is due and for what was left, at once where that is due already; and letting go."""

import logging
from datetime import timedelta

from celery import shared_task
from django.conf import settings
from django.utils import timezone

from budgetsite.notifications.services.mailing import free_claims, send_due
from budgetsite.notifications.services.pruning import prune_told
from budgetsite.notifications.services.waking import MAILING
from budgetsite.tenancy.tasks import SteppedTask

logger = logging.getLogger(__name__)

# One worker's turn; what it has begun by then, it ends.
_SECONDS = 10


@shared_task(base=SteppedTask)
def send_mails() -> None:
    """Send what is due. Safe to run twice and in parallel: each mail is in one worker's hands."""
    MAILING.has_begun()
    free_claims(now=timezone.now())
    if send_due(seconds=_SECONDS):
        MAILING.now()


@shared_task(base=SteppedTask)
def prune_notifications() -> None:
    """Remove notifications and mails older than `NOTIFICATION_RETENTION_DAYS`, read or not."""
    notifications, mails = prune_told(before=timezone.now() - timedelta(days=settings.NOTIFICATION_RETENTION_DAYS))
    if notifications or mails:
        logger.info("%d notifications and %d mails removed", notifications, mails)
