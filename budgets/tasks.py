"""What runs by itself: every night each account's ledger is proven."""

import logging

from celery import shared_task

from budgets.services.ledger_audit import audit_ledger
from budgetsite.accounts.selectors import all_accounts
from budgetsite.tenancy.scope import require_tenant_id

logger = logging.getLogger(__name__)


@shared_task
def verify_ledgers() -> None:
    """Start one verification per account: each runs in its own tenant, and one that fails stops no other."""
    for account in all_accounts():
        verify_ledger_of_account.apply_async(kwargs={"tenant_id": str(account.pk)})


# `tenant_id` is TenantTask's to take; Celery would miss it among the function's own arguments.
@shared_task(typing=False)
def verify_ledger_of_account() -> None:
    """Log an error that names the first entry or total that differs; `manage.py verify_ledger` lists them all."""
    audit = audit_ledger()
    if audit.discrepancies:
        logger.error("ledger of account %s: %s", require_tenant_id(), audit.verdict)
    else:
        logger.info("ledger of account %s: %s", require_tenant_id(), audit.verdict)
