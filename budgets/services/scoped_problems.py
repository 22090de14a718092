"""Why a change of a scoped budget, or money that would be spent from one, is refused."""

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal
from uuid import UUID

from budgets.services.problems import AmountDoesNotFit, BudgetProblem
from budgetsite.money.amounts import format_amount, usage_to_json


class ScopedBudgetNotFound(BudgetProblem):
    code = "not_found"

    def __init__(self, budget_id: UUID) -> None:
        self.budget_id = budget_id
        super().__init__("There is no such budget, or it was deleted.")


class ParentNotFound(BudgetProblem):
    code = "parent_not_found"

    def __init__(self, parent_id: UUID) -> None:
        self.parent_id = parent_id
        super().__init__("There is no such budget to stand under, or it was deleted. Choose another parent.")


class ParentCurrencyDiffers(BudgetProblem):
    code = "parent_currency_differs"

    def __init__(self, *, currency: str, parent_currency: str, parent_name: str) -> None:
        self.currency, self.parent_currency = currency, parent_currency
        super().__init__(
            f"“{parent_name}” is kept in {parent_currency}, and what is spent in {currency} can't be counted there. "
            f"Make this budget in {parent_currency}, or without a parent."
        )


class TooManyLevels(BudgetProblem):
    code = "too_many_levels"

    def __init__(self, most: int) -> None:
        self.most = most
        super().__init__(f"A budget has at most {most - 1} others above it. Choose a parent nearer to the top.")


class PlaceFixed(BudgetProblem):
    """Scope, parent and currency of a budget are chosen once."""

    code = "fixed"

    def __init__(self, field: str) -> None:
        self.field = field
        super().__init__("This can't be changed after the budget is made. Make a new budget instead.")


class HasChildren(BudgetProblem):
    code = "has_children"

    def __init__(self, names: Sequence[str], count: int) -> None:
        self.names, self.count = list(names), count
        more = f" and {count - len(self.names)} more" if count > len(self.names) else ""
        super().__init__(f"Other budgets stand under it: {', '.join(self.names)}{more}. Delete those first.")


class FundsEvents(BudgetProblem):
    code = "funds_events"

    def __init__(self, names: Sequence[str], count: int) -> None:
        self.names, self.count = list(names), count
        more = f" and {count - len(self.names)} more" if count > len(self.names) else ""
        super().__init__(f"It pays for events: {', '.join(self.names)}{more}. Let another budget pay for them first.")


class HoldsReservations(BudgetProblem):
    code = "holds_reservations"

    def __init__(self) -> None:
        super().__init__("Amounts are reserved on it. Settle or release the reservations first, or let them expire.")


class StaleScopedVersion(BudgetProblem):
    code = "stale_version"

    def __init__(self, *, sent: int, current: int, budget_id: UUID) -> None:
        self.sent, self.current, self.budget_id = sent, current, budget_id
        super().__init__(
            f"This was changed by someone else: you read version {sent}, it is now at {current}. "
            "Look at what changed, then make your change again."
        )


class UsageNotFound(BudgetProblem):
    code = "usage_not_found"

    def __init__(self) -> None:
        super().__init__("This budget has no such usage.")


class UsageAlreadyReversed(BudgetProblem):
    code = "already_reversed"

    def __init__(self) -> None:
        super().__init__("This usage was taken back already, or takes back another.")


class ReservationNotFound(BudgetProblem):
    code = "reservation_not_found"

    def __init__(self) -> None:
        super().__init__("This budget has no such reservation.")


class ReservationClosed(BudgetProblem):
    code = "reservation_closed"

    def __init__(self, status: str) -> None:
        self.status = status
        super().__init__(f"This reservation is {status}: nothing is held by it any more.")


@dataclass(frozen=True, slots=True)
class Refusal:
    """Why one budget of a chain lets nothing more pass. `action` is the strictest of its thresholds that was reached.

    `remaining` is what it has left now, negative when it is overspent.
    """

    budget_id: UUID
    name: str
    scope_type: str
    scope_id: str
    reason: str
    action: str
    remaining: Decimal
    currency: str

    def as_json(self) -> dict[str, str]:
        """Return it as every refused promise answers it, whichever app's."""
        return {
            "budget_id": str(self.budget_id),
            "name": self.name,
            "scope_type": self.scope_type,
            "scope_id": self.scope_id,
            "reason": self.reason,
            "action": self.action,
            "remaining": usage_to_json(self.remaining, self.currency),
            "currency": self.currency,
        }


class NoRoom(BudgetProblem):
    """What was to be spent or held does not fit into a scoped budget, or into one above it."""

    code = "does_not_fit"

    def __init__(self, refusals: Sequence[Refusal]) -> None:
        self.refusals = list(refusals)
        super().__init__(" ".join(refusal.reason for refusal in refusals))


class FundingDoesNotFit(AmountDoesNotFit):
    """What an event's budget was to promise or spend does not fit into the money that pays for it."""

    code = "funding_exhausted"

    def __init__(self, *, amount: Decimal, refusals: Sequence[Refusal]) -> None:
        first = refusals[0]
        super().__init__(amount=amount, available=first.remaining, currency=first.currency)
        self.refusals = list(refusals)
        self.args = (
            f"{format_amount(amount, first.currency, 'en')} {first.currency} can't be promised: "
            + " ".join(refusal.reason for refusal in refusals)
            + " Promise less or make room there; an owner or a manager may go beyond it with a reason.",
        )
