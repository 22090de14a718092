"""How the scoped budgets stand that pay for an event's budget: each leaf with all above it."""

from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from uuid import UUID

from budgets.models import Enforcement
from budgets.selectors.scoped_status import HUNDRED, Standing, standings
from budgets.services.constraints import Judgement, judge
from budgets.services.funding import funding_chain


@dataclass(frozen=True, slots=True)
class Place:
    """One budget of a chain; `room` is what it lets pass, None for any amount."""

    standing: Standing
    room: Decimal | None

    @property
    def has_room(self) -> bool:
        return self.room is None or self.room > 0


@dataclass(frozen=True, slots=True)
class Funding:
    """`chain`: how the budget that pays and all above it stand, from the leaf up."""

    chain: list[Standing]

    @property
    def leaf(self) -> Standing:
        return self.chain[0]

    @property
    def path(self) -> str:
        """The names from the top down: “Season 2026 › Catering”."""
        return " › ".join(standing.budget.name for standing in reversed(self.chain))

    @property
    def places(self) -> list[Place]:
        return [Place(standing, room_in(standing)) for standing in self.chain]

    @property
    def has_room(self) -> bool:
        """Whether anything may still be promised."""
        return self.room is None or self.room > 0

    @property
    def tightest(self) -> Standing | None:
        """Of those that refuse anything the one with the least room; None where nothing is refused."""
        hard = [standing for standing in self.chain if room_in(standing) is not None]
        return min(hard, key=lambda standing: room_in(standing) or Decimal(0), default=None)

    @property
    def room(self) -> Decimal | None:
        """What may still be promised before one of them refuses, negative when more is used; None for any amount."""
        return None if self.tightest is None else room_in(self.tightest)


def room_in(standing: Standing) -> Decimal | None:
    """Return what a scoped budget lets pass before it refuses; None for any amount, 0 while it is not in force."""
    budget, figures = standing.budget, standing.figures
    if not budget.is_hard:
        return None
    blocking = [one.percentage for one in budget.thresholds if one.strictest.blocks]
    limits = [budget.amount * percentage / HUNDRED for percentage in blocking]
    if budget.enforcement == Enforcement.STOP:
        limits.append(budget.amount)
    room: Decimal = min(limits) - figures.used
    return room if standing.is_in_force or budget.enforcement != Enforcement.STOP else min(room, Decimal(0))


def funding_of(scoped_budget_id: UUID | None, *, now: datetime) -> Funding | None:
    """Return how what pays stands; None where nothing does. Three statements at most, none then."""
    if scoped_budget_id is None:
        return None
    chain = funding_chain(scoped_budget_id)
    return Funding(standings(chain, now=now)) if chain else None


def judged_chain(scoped_budget_id: UUID, estimate: Decimal, *, now: datetime) -> list[Judgement]:
    """Judge an estimate by what pays and all above it, from the leaf up. Three statements at most, no locks."""
    found = standings(funding_chain(scoped_budget_id), now=now)
    return [judge(standing.budget, standing.figures, estimate, at=now) for standing in found]
