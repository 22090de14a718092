"""What runs by itself, account by account: ledgers are proven, budgets become active on their day, and who has to
approve is reminded.
"""

import logging

from celery import shared_task
from django.utils import timezone

from budgets.services.activation import activate_due
from budgets.services.approval_reminders import remind_of_waiting
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


@shared_task
def activate_due_budgets() -> None:
    """Let approved budgets become active where the event's day has come. Safe to run twice, and in parallel."""
    for account in all_accounts():
        activate_due_budgets_of_account.apply_async(kwargs={"tenant_id": str(account.pk)})


@shared_task(typing=False)
def activate_due_budgets_of_account() -> None:
    activated = activate_due(now=timezone.now())
    if activated:
        logger.info("account %s: %d budget(s) became active", require_tenant_id(), len(activated))


@shared_task
def remind_of_waiting_approvals() -> None:
    """Tell the outbox of budgets that have waited too long for an approval. Safe to run twice, and in parallel."""
    for account in all_accounts():
        remind_of_waiting_approvals_of_account.apply_async(kwargs={"tenant_id": str(account.pk)})


@shared_task(typing=False)
def remind_of_waiting_approvals_of_account() -> None:
    reminded = remind_of_waiting(now=timezone.now())
    if reminded:
        logger.info("account %s: reminded of %d budget(s)", require_tenant_id(), len(reminded))
