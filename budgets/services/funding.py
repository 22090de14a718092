"""The scoped budget whose money an event's budget is: what the event promises and spends counts there and above."""

from collections.abc import Collection, Iterable, Sequence
from datetime import datetime
from decimal import Decimal
from uuid import UUID

from django.utils import timezone

from budgets.models import EventBudget
from budgets.services.counting import Movement, count, lock_windows, refusals_of
from budgets.services.hierarchy import ChainBudget, hold_hierarchy, read_chain, read_chains
from budgets.services.scoped_problems import FundingDoesNotFit, NoRoom, Refusal
from budgetsite.money.amounts import usage_to_json
from budgetsite.outbox.services import record_event
from budgetsite.tenancy.scope import deleted_rows_visible


def count_funded(
    scoped_budget_id: UUID, *, committed: Decimal, actual: Decimal, at: datetime, stops: bool
) -> list[Refusal]:
    """Count an entry of an event's budget in the scoped budget that funds it, and in all above.

    With `stops` it has to fit there: `FundingDoesNotFit` names every budget that has no room, and then the caller's
    savepoint has to be rolled back. Without, the refusals that there would have been are returned. Income moves
    nothing here. The caller holds the event's budget.
    """
    if not committed and not actual:
        return []
    hold_hierarchy()
    movement = Movement(at=at, committed=committed, actual=actual)
    try:
        counted = count(funding_chain(scoped_budget_id), movement, stops=stops, now=timezone.now())
    except NoRoom as no_room:
        raise FundingDoesNotFit(amount=movement.amount, refusals=no_room.refusals) from no_room
    return refusals_of(counted, movement) if movement.amount > 0 else []


def lock_budgets(budget_ids: Iterable[UUID]) -> set[UUID]:
    """Lock several event budgets by their ids, and return which scoped budgets pay for them: for `lock_funding`.

    One statement.
    """
    rows = EventBudget.objects.filter(pk__in=set(budget_ids)).order_by("pk").select_for_update(no_key=True)
    return {funded_by for _pk, funded_by in rows.values_list("pk", "funded_by_id") if funded_by is not None}


def lock_funding(scoped_budget_ids: Collection[UUID], *, at: datetime) -> None:
    """Lock the windows that several scoped budgets and all above them have at one moment, before any of them counts.

    Chains that meet further up would otherwise be locked one after the other, each after the top of the one before.
    The last lock that is taken before money moves: after budgets, lines, and names that others may be making too.
    Three statements; none where all the money is of one pot.
    """
    if len(scoped_budget_ids) < 2:
        return
    hold_hierarchy()
    with deleted_rows_visible():
        chains = read_chains(scoped_budget_ids, deleted=True)
    lock_windows(chains, at=at)


def funding_chain(scoped_budget_id: UUID) -> list[ChainBudget]:
    """Return the budget that pays and all above it, from the leaf up.

    One that was deleted while the event was deleted too goes on counting, and refusing, until another one pays.
    """
    chain = read_chain(scoped_budget_id)
    if chain:
        return chain
    with deleted_rows_visible():
        return read_chains([scoped_budget_id], deleted=True)


def tell_overridden(budget_id: UUID, entry_id: UUID, amount: Decimal, refusals: Sequence[Refusal]) -> None:
    """Record that somebody promised what these budgets have no room for. Who says so is the scope's user."""
    record_event(
        kind="budget.funding_overridden",
        subject_type="event_budget",
        subject_id=budget_id,
        payload={
            "entry_id": str(entry_id),
            "amount": usage_to_json(amount, refusals[0].currency),
            "currency": refusals[0].currency,
            "refused_by": [
                {"budget_id": str(refusal.budget_id), "remaining": usage_to_json(refusal.remaining, refusal.currency)}
                for refusal in refusals
            ],
        },
    )
