"""The relay's work: started by commits, by beat for what a dead worker or an absent Valkey left, and going on by itself
while there is more.
"""

import logging
from datetime import timedelta

from celery import shared_task
from django.conf import settings
from django.utils import timezone

from budgetsite.outbox.pruning import prune_relayed
from budgetsite.outbox.relay import relay_pending
from budgetsite.outbox.wakeup import WakeUp
from budgetsite.tenancy.tasks import SteppedTask

logger = logging.getLogger(__name__)

# One worker's turn; then others have theirs.
_SECONDS = 5

RELAY = WakeUp("budgetsite.outbox.tasks.relay_events")


# Each batch is a transaction of its own.
@shared_task(base=SteppedTask)
def relay_events() -> None:
    """Relay what waits. Safe to run twice and in parallel: each event is in one worker's hands."""
    RELAY.has_begun()
    if relay_pending(seconds=_SECONDS).is_unfinished:
        RELAY.now()


@shared_task(base=SteppedTask)
def prune_outbox() -> None:
    """Remove events that were relayed `OUTBOX_RETENTION_DAYS` ago. What waits stays, however old."""
    pruned = prune_relayed(before=timezone.now() - timedelta(days=settings.OUTBOX_RETENTION_DAYS))
    if pruned:
        logger.info("%d event(s) removed from the outbox", pruned)
