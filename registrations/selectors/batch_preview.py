"""What deciding on all who wait and match would come to, before anything is saved."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any
from uuid import UUID

from django.db.models import Count, Q, QuerySet, Sum

from budgets.models import EventBudget
from budgets.selectors.funding import Funding, funding_of
from registrations.models import EventOption, EventRegistration, RegistrationStatus
from registrations.selectors.desk_page import desk_rows
from registrations.selectors.variance import ZERO, EventVariance, variance_of


@dataclass(frozen=True, slots=True)
class OptionAsked:
    """Places asked for of an option (None: of taking part), and those that are free or kept for who asks."""

    option: EventOption | None
    people: int
    places: int
    free: int | None
    cost: Decimal

    @property
    def short_by(self) -> int:
        return 0 if self.free is None else max(0, self.places - self.free)


@dataclass(frozen=True, slots=True)
class MoneyLeft:
    """What may still be promised for an event, and who has so little left: its budget, or what pays for that."""

    amount: Decimal
    payer: str = "The budget"


@dataclass(frozen=True, slots=True)
class BatchPreview:
    """`funding`: the scoped budgets that pay for the event's, None where none does."""

    variance: EventVariance
    asked: list[OptionAsked]
    funding: Funding | None = None

    @property
    def total(self) -> int:
        return sum(row.people for row in self.asked)

    @property
    def cost(self) -> Decimal:
        """What approving all would commit at today's prices, in the event's currency."""
        return sum((row.cost for row in self.asked), ZERO)

    @property
    def money(self) -> MoneyLeft:
        return _left(self.variance.budget, self.funding)

    @property
    def available(self) -> Decimal:
        return self.money.amount

    @property
    def short_by(self) -> Decimal:
        return max(ZERO, self.cost - self.available)


def cost_of_approving(registrations: Iterable[EventRegistration]) -> Decimal:
    """Return what approving these would commit at today's prices; those that are approved already cost nothing more."""
    return sum(
        (
            row.event_option.cost_per_unit * row.party_size
            for row in registrations
            if row.event_option and row.status == RegistrationStatus.PENDING
        ),
        ZERO,
    )


def available_to(event_id: UUID, *, now: datetime) -> MoneyLeft:
    """Return what may still be promised for an event; nothing where there is no budget.

    One statement, three more where scoped budgets pay.
    """
    budget: EventBudget | None = EventBudget.objects.filter(event_id=event_id).first()
    return _left(budget, funding_of(budget.funded_by_id, now=now) if budget else None)


def money_left(variance: EventVariance, *, now: datetime) -> MoneyLeft:
    """Return what may still be promised for an event whose report was read. No statement more, three where scoped
    budgets pay for what waits.
    """
    budget = variance.budget
    asks = budget is not None and budget.funded_by_id is not None and variance.pending_exposure > 0
    return _left(budget, funding_of(budget.funded_by_id, now=now) if budget and asks else None)


def _left(budget: EventBudget | None, funding: Funding | None) -> MoneyLeft:
    if budget is None:
        return MoneyLeft(ZERO)
    tightest = funding.tightest if funding else None
    if funding is None or tightest is None or funding.room is None or funding.room >= budget.available_amount:
        return MoneyLeft(budget.available_amount)
    return MoneyLeft(funding.room, f"“{tightest.budget.name}”")


def waiting(event_id: UUID, narrowing: dict[str, Any], *, asked_by: datetime) -> QuerySet[EventRegistration]:
    """Return who waits, matches the desk's filter, and had asked by that moment."""
    return desk_rows(event_id, status=RegistrationStatus.PENDING, **narrowing).filter(created_at__lte=asked_by)


def preview_of(event_id: UUID, narrowing: dict[str, Any], *, asked_by: datetime) -> BatchPreview:
    """Sum up who waits and matches. Four statements, however many they are and however many options there are.

    Three more where scoped budgets pay.
    """
    variance = variance_of(event_id)
    funding = funding_of(variance.budget.funded_by_id, now=asked_by) if variance.budget else None
    sums = {
        row["event_option_id"]: row
        for row in waiting(event_id, narrowing, asked_by=asked_by)
        .values("event_option_id")
        .annotate(people=Count("pk"), places=Sum("party_size"), kept=Sum("party_size", filter=Q(holds=True)))
        .order_by("event_option_id")
    }
    asked = [
        OptionAsked(
            option=option,
            people=row["people"],
            places=row["places"],
            free=option.available_slots + (row["kept"] or 0),
            cost=row["places"] * option.cost_per_unit,
        )
        for option in variance.options
        if (row := sums.pop(option.pk, None))
    ]
    # Those without an option; and those whose option was deleted, who are refused when their turn comes.
    asked += [
        OptionAsked(option=None, people=row["people"], places=row["places"], free=None, cost=ZERO)
        for row in sums.values()
    ]
    return BatchPreview(variance, asked, funding)


def matching_count(event_id: UUID, narrowing: dict[str, Any], variance: EventVariance, *, now: datetime) -> int:
    """Return how many wait and match: a counter; one count of rows where a slot, a name or no option is asked for."""
    narrowed = {name for name, value in narrowing.items() if value}
    if not variance.pending:
        return 0
    if not narrowed:
        return variance.pending
    if narrowed == {"option"}:
        for option in variance.options:
            if str(option.pk) == narrowing["option"]:
                return option.pending_count
    return waiting(event_id, narrowing, asked_by=now).count()
