"""Opening, changing, deleting and restoring event budgets."""

from collections.abc import Sequence
from datetime import datetime
from decimal import Decimal
from typing import Any
from uuid import UUID

from django.db import IntegrityError, transaction

from budgets.models import EventBudget
from budgets.services.funding_change import refuse_funder
from budgets.services.guards import lock_budget, refuse_fixed_plan, refuse_locked
from budgets.services.line_item import insert_lines
from budgets.services.problems import BudgetExists, BudgetHasCommitments, EventNotFound, LinesExceedTotal
from budgets.services.recalculation import recalculate_budget
from budgets.services.texts import plain_breaks
from budgetsite.accounts.models import Account, User
from budgetsite.money.amounts import parse_amount
from budgetsite.tenancy.deletion import restore, soft_delete
from events.models import Event
from events.services import create_event

ZERO = Decimal(0)


@transaction.atomic
def create_event_budget(
    *,
    event: Event,
    acting_user: User,
    total_budget_amount: Decimal | None = None,
    notes: str = "",
    line_items: Sequence[dict[str, Any]] = (),
    copied_from: EventBudget | None = None,
    funded_by: UUID | None = None,
) -> EventBudget:
    """Open an event's budget. Without a total (or with 0) the total follows the lines.

    `line_items` are dicts of `budgets.services.line_item.LINE_FIELDS`; `funded_by` is the scoped budget that pays.
    Raises `BudgetExists`, `LinesExceedTotal`, `UnknownCategory`, `InvalidAmount`, `EventNotFound`, and as
    `funding_change.refuse_funder`; nothing is stored then.
    """
    _lock_event(event.pk)
    if funded_by is not None:
        refuse_funder(funded_by, currency=event.currency, acting_user=acting_user)
    total = parse_amount(total_budget_amount or ZERO, event.currency, minimum=ZERO)
    budget = EventBudget(
        event=event,
        currency=event.currency,
        total_budget_amount=total,
        total_follows_lines=not total,
        variance_amount=total,
        notes=plain_breaks(notes),
        copied_from=copied_from,
        funded_by_id=funded_by,
    )
    try:
        with transaction.atomic():
            budget.save(force_insert=True)
    except IntegrityError as error:
        if "budgets_eventbudget_one_per_event" not in str(error):
            raise
        existing = EventBudget.objects.filter(event=event).first()
        raise BudgetExists(event.pk, existing.pk if existing else None) from error
    if line_items:
        # The lines are part of the first version, not a change of it.
        insert_lines(budget, line_items, version=budget.version)
        recalculate_budget(budget.pk, plan_changed=False)
    return _with_event(budget.pk)


@transaction.atomic
def open_event(
    *,
    account: Account,
    acting_user: User,
    event_budget_amount: Decimal | None = None,
    funded_by: UUID | None = None,
    **event_fields: Any,
) -> tuple[Event, EventBudget | None]:
    """Make an event and, when an amount is given or a scoped budget that pays, its budget with that ceiling."""
    event = create_event(account=account, acting_user=acting_user, **event_fields)
    if event_budget_amount is None and funded_by is None:
        return event, None
    budget = create_event_budget(
        event=event, acting_user=acting_user, total_budget_amount=event_budget_amount, funded_by=funded_by
    )
    return event, budget


@transaction.atomic
def update_event_budget(
    *,
    budget_id: UUID,
    version: int,
    acting_user: User,
    total_budget_amount: Decimal | None = None,
    notes: str | None = None,
) -> EventBudget:
    """Change the ceiling or the notes. A total of 0 follows the lines from then on.

    Raises `StaleVersion`, `PlanFixed`, `BudgetLocked`, `LinesExceedTotal`.
    """
    budget = lock_budget(budget_id, version=version)
    changed = False
    if notes is not None and plain_breaks(notes) != budget.notes:
        refuse_locked(budget)
        budget.notes = plain_breaks(notes)
        changed = True
    if total_budget_amount is not None:
        changed = _set_total(budget, total_budget_amount) or changed
    if changed:
        budget.save()
    return _with_event(budget.pk)


@transaction.atomic
def delete_event_budget(*, budget_id: UUID, acting_user: User, now: datetime, version: int | None = None) -> None:
    """Soft-delete a budget with its lines and alerts.

    Raises `BudgetLocked` for one that is finalized or archived, `BudgetHasCommitments` while promises are open.
    """
    budget = lock_budget(budget_id, version=version)
    refuse_locked(budget)
    if budget.total_committed_amount:
        raise BudgetHasCommitments(committed=budget.total_committed_amount, currency=budget.currency)
    soft_delete(budget, now=now)


@transaction.atomic
def restore_event_budget(*, budget: EventBudget, acting_user: User) -> None:
    """Bring a deleted budget back.

    Raises `BudgetExists` when its event has got another one since, `EventNotFound` while the event itself is deleted.
    """
    _lock_event(budget.event_id)
    try:
        with transaction.atomic():
            restore(budget)
    except IntegrityError as error:
        if "budgets_eventbudget_one_per_event" not in str(error):
            raise
        raise BudgetExists(budget.event_id) from error


def _lock_event(event_id: UUID) -> None:
    """Keep the event from being deleted while a budget appears below it."""
    if not Event.objects.filter(pk=event_id, deleted_at=None).select_for_update(no_key=True).values_list("pk").first():
        raise EventNotFound(event_id)


def _set_total(budget: EventBudget, wanted: Decimal) -> bool:
    total = parse_amount(wanted, budget.currency, minimum=ZERO)
    follows = not total
    if follows == budget.total_follows_lines and (follows or total == budget.total_budget_amount):
        return False
    refuse_fixed_plan(budget)
    budget.total_follows_lines = follows
    if not follows:
        if budget.lines_total_amount > total:
            raise LinesExceedTotal(lines_total=budget.lines_total_amount, total=total, currency=budget.currency)
        budget.total_budget_amount = total
    return True


def _with_event(budget_id: UUID) -> EventBudget:
    budget: EventBudget = EventBudget.objects.select_related("event").get(pk=budget_id)
    return budget
