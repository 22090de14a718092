"""What the page of an event's budget says of the company budget that pays for it."""

from dataclasses import dataclass
from datetime import datetime

from budgets.models import EventBudget
from budgets.selectors.funding import Funding, funding_of
from budgetsite.accounts.permissions import may
from budgetsite.pages.access import PageRequest


@dataclass(frozen=True, slots=True)
class PaidFrom:
    """What the event's budget says of who pays. `funding` None: nobody. Figures are for those who may see them."""

    funding: Funding | None
    with_figures: bool
    may_change: bool


def paid_from(request: PageRequest, budget: EventBudget, *, now: datetime) -> PaidFrom | None:
    """Return who pays, for the team; None for those to whom it is not said, or nothing is to be said."""
    if not may(request.role, "budgets.view_internals"):
        return None
    funding = funding_of(budget.funded_by_id, now=now)
    may_change = may(request.role, "scoped_budgets.change") and not budget.is_locked
    if funding is None and not may_change:
        return None
    return PaidFrom(funding, with_figures=may(request.role, "scoped_budgets.view"), may_change=may_change)
