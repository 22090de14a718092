"""Every night, account by account: what the retention rules no longer keep goes."""

import logging

from celery import shared_task
from django.utils import timezone

from budgetsite.accounts.selectors import all_accounts
from budgetsite.privacy.services.retention import apply_retention
from budgetsite.tenancy.scope import require_tenant_id
from budgetsite.tenancy.tasks import SteppedTask

logger = logging.getLogger(__name__)


@shared_task
def apply_retention_everywhere() -> None:
    """Start one task per account: one that fails stops no other. Safe to run twice, and in parallel."""
    for account in all_accounts():
        apply_retention_of_account.apply_async(kwargs={"tenant_id": str(account.pk)})


# Each rule is a transaction of its own.
@shared_task(base=SteppedTask)
def apply_retention_of_account() -> None:
    for applied in apply_retention(now=timezone.now()):
        if applied.forgotten:
            logger.info("account %s: %s, %d row(s) let go", require_tenant_id(), applied.kind.name, applied.forgotten)
