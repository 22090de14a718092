"""What runs by itself, account by account: ledgers are proven, budgets become active on their day, who has to
approve is reminded, reservations expire, and receipts are drawn and swept.
"""

import logging
from uuid import UUID

from celery import shared_task
from django.db import transaction
from django.utils import timezone

from budgets.services.activation import activate_due
from budgets.services.approval_reminders import remind_of_waiting
from budgets.services.ledger_audit import audit_ledger
from budgets.services.receipt_sweep import sweep_orphans
from budgets.services.receipt_thumbnail import draw_thumbnail_of
from budgets.services.reservation import expire_reservations
from budgetsite.accounts.selectors import all_accounts
from budgetsite.tenancy.scope import require_tenant_id
from budgetsite.tenancy.tasks import SteppedTask

logger = logging.getLogger(__name__)


@shared_task
def verify_ledgers() -> None:
    """Start one verification per account: each runs in its own tenant, and one that fails stops no other."""
    for account in all_accounts():
        verify_ledger_of_account.apply_async(kwargs={"tenant_id": str(account.pk)})


class LedgerDiffers(RuntimeError):
    """An account's books don't add up: the task has failed, and the page “Operations” says for whom."""


# `tenant_id` is TenantTask's to take; Celery would miss it among the function's own arguments.
@shared_task(typing=False)
def verify_ledger_of_account() -> None:
    """Log an error that names the first entry or total that differs; `manage.py verify_ledger` lists them all.

    Raises `LedgerDiffers`.
    """
    audit = audit_ledger()
    if audit.discrepancies:
        logger.error("ledger of account %s: %s", require_tenant_id(), audit.verdict)
        raise LedgerDiffers(f"{len(audit.discrepancies)} discrepancies")
    logger.info("ledger of account %s: %s", require_tenant_id(), audit.verdict)


@shared_task
def activate_due_budgets() -> None:
    """Let approved budgets become active where the event's day has come. Safe to run twice, and in parallel."""
    for account in all_accounts():
        activate_due_budgets_of_account.apply_async(kwargs={"tenant_id": str(account.pk)})


# Each budget becomes active by itself: one that can't takes no other back.
@shared_task(base=SteppedTask)
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


@shared_task
def free_expired_reservations() -> None:
    """Free what was reserved and has expired. Safe to run twice, and in parallel."""
    for account in all_accounts():
        free_expired_reservations_of_account.apply_async(kwargs={"tenant_id": str(account.pk)})


# Each reservation is freed by itself: no window is held while another is waited for.
@shared_task(base=SteppedTask)
def free_expired_reservations_of_account() -> None:
    freed = expire_reservations(now=timezone.now())
    if freed:
        logger.info("account %s: %d reservation(s) expired", require_tenant_id(), freed)


def draw_thumbnail_soon(receipt_id: UUID) -> None:
    """Let a worker draw a receipt once the present transaction is committed. With the queue away it has an icon."""
    kwargs = {"receipt_id": str(receipt_id), "tenant_id": str(require_tenant_id())}
    transaction.on_commit(lambda: draw_thumbnail.apply_async(kwargs=kwargs) and None, robust=True)


# A PDF that takes longer is not worth its picture.
@shared_task(typing=False, soft_time_limit=20, time_limit=30)
def draw_thumbnail(*, receipt_id: str) -> None:
    if not draw_thumbnail_of(UUID(receipt_id)):
        logger.info("receipt %s has no thumbnail", receipt_id)


@shared_task
def sweep_receipts() -> None:
    """Remove the files that no receipt names. Safe to run twice, and in parallel."""
    for account in all_accounts():
        sweep_receipts_of_account.apply_async(kwargs={"tenant_id": str(account.pk)})


# Looking through a store may take long: no transaction is kept open for it.
@shared_task(base=SteppedTask)
def sweep_receipts_of_account() -> None:
    swept = sweep_orphans(now=timezone.now())
    if swept:
        logger.info("account %s: %d file(s) that no receipt names removed", require_tenant_id(), swept)
