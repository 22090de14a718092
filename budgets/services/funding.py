"""The scoped budget whose money an event's budget is: what the event promises and spends counts there and above."""

from datetime import datetime
from decimal import Decimal
from uuid import UUID

from django.utils import timezone

from budgets.services.counting import Movement, count
from budgets.services.hierarchy import hold_hierarchy, read_chain
from budgets.services.scoped_problems import FundingDoesNotFit, NoRoom, ScopedBudgetNotFound


def count_funded(scoped_budget_id: UUID, *, committed: Decimal, actual: Decimal, at: datetime, stops: bool) -> None:
    """Count an entry of an event's budget in the scoped budget that funds it, and in all above.

    With `stops` it has to fit there: `FundingDoesNotFit` names every budget that has no room, and then the caller's
    savepoint has to be rolled back. Income moves nothing here. The caller holds the event's budget.
    """
    if not committed and not actual:
        return
    hold_hierarchy()
    chain = read_chain(scoped_budget_id)
    if not chain:
        raise ScopedBudgetNotFound(scoped_budget_id)
    try:
        count(chain, Movement(at=at, committed=committed, actual=actual), stops=stops, now=timezone.now())
    except NoRoom as no_room:
        raise FundingDoesNotFit(amount=committed + actual, refusals=no_room.refusals) from no_room
