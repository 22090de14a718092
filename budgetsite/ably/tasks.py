"""Publishing on Ably: started by the relay, and by beat for what was left."""

from celery import shared_task

from budgetsite.ably.services import PUBLISHING, publish_due
from budgetsite.tenancy.tasks import SteppedTask

_SECONDS = 10


@shared_task(base=SteppedTask)
def publish_to_ably() -> None:
    """Publish what waits. Safe to run twice and in parallel: an account's messages are in one worker's hands."""
    PUBLISHING.has_begun()
    publish_due(seconds=_SECONDS)
