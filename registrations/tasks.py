"""What runs by itself, account by account: offers of the waitlist run out and pass on, and counters are proven."""

import logging
from uuid import UUID

from celery import shared_task
from django.utils import timezone

from budgetsite.accounts.selectors import all_accounts
from budgetsite.tenancy.scope import require_tenant_id
from registrations.services.registration_proof import verify_registrations
from registrations.services.waitlist import mind_queue, queues_due

logger = logging.getLogger(__name__)


@shared_task
def mind_waitlists() -> None:
    """Let offers that have run out pass on to the next. Safe to run twice, and in parallel."""
    for account in all_accounts():
        mind_waitlists_of_account.apply_async(kwargs={"tenant_id": str(account.pk)})


# `tenant_id` is TenantTask's to take; Celery would miss it among the function's own arguments.
@shared_task(typing=False)
def mind_waitlists_of_account() -> None:
    """Start one task per queue that has something to do: no queue's places are held while another's are waited for."""
    for event_id, option_id in queues_due(timezone.now()):
        arguments = {"event_id": str(event_id), "option_id": str(option_id) if option_id else None}
        mind_one_waitlist.apply_async(kwargs={**arguments, "tenant_id": str(require_tenant_id())})


@shared_task(typing=False)
def mind_one_waitlist(*, event_id: str, option_id: str | None) -> None:
    minded = mind_queue(event_id=UUID(event_id), option_id=UUID(option_id) if option_id else None, now=timezone.now())
    if minded.expired or minded.offered:
        logger.info("event %s: %d offer(s) ran out, %d made", event_id, minded.expired, minded.offered)


@shared_task
def verify_all_registrations() -> None:
    """Start one proof per account: each runs in its own tenant, and one that fails stops no other."""
    for account in all_accounts():
        verify_registrations_of_account.apply_async(kwargs={"tenant_id": str(account.pk)})


class RegistrationsDiffer(RuntimeError):
    """An account's counters don't add up: the task has failed, and the page “Operations” says for whom."""


@shared_task(typing=False)
def verify_registrations_of_account() -> None:
    """Log an error that names the first counter that differs; `manage.py verify_registrations` lists them all.

    Raises `RegistrationsDiffer`.
    """
    discrepancies = verify_registrations()
    if discrepancies:
        first, more = discrepancies[0], len(discrepancies) - 1
        logger.error("registrations of account %s: %s (and %d more)", require_tenant_id(), first, more)
        raise RegistrationsDiffer(f"{len(discrepancies)} discrepancies")
    logger.info("registrations of account %s: all right", require_tenant_id())
