"""One budget's plan against what is typical for an event of its type."""

from dataclasses import dataclass, replace
from decimal import Decimal
from fractions import Fraction
from uuid import UUID

from django.db.models import Sum

from budgets.models import BudgetLineItem, Category, EventBudget, LineKind
from budgets.selectors.analytics.inquiry import ZERO, Inquiry
from budgets.selectors.analytics.position import answer
from budgets.selectors.analytics.shares import (
    BELOW,
    BENCHMARK,
    TypicalShare,
    hint,
    in_words,
    share_statistics,
    typical_share,
)
from budgetsite.money import ratios
from budgetsite.money.allocation import round_together, smallest_unit


@dataclass(frozen=True, slots=True)
class PlanShare:
    """A category's part of a plan. `allocated` is what it has when the plan's total is shared out by benchmarks."""

    category_id: UUID
    name: str
    planned: Decimal
    share: Decimal
    typical: TypicalShare
    allocated: Decimal | None

    @property
    def is_planned(self) -> bool:
        return self.planned > 0

    @property
    def compared(self) -> str:
        return self.typical.compare(self.share) if self.is_planned else BELOW

    @property
    def hint(self) -> str:
        if not self.is_planned:
            return f"Nothing is planned for {self.name}; {in_words(self.typical.share)} is typical."
        return hint(self.name, self.share, self.typical)


@dataclass(frozen=True, slots=True)
class PlanShares:
    """`rows` are the categories about which something typical is known, in the account's order."""

    currency: str
    planned: Decimal
    rows: list[PlanShare]
    benchmark_total: Decimal

    @property
    def by_benchmarks(self) -> bool:
        return any(row.typical.source == BENCHMARK for row in self.rows)

    @property
    def own_events(self) -> bool:
        return any(row.typical.source != BENCHMARK for row in self.rows)


def plan_shares(budget: EventBudget, inquiry: Inquiry) -> PlanShares:
    """Return how the lines of cost of a budget (read with its event) share its plan, beside what is typical.

    What is typical comes from past events of the same type, this one left out by being neither past nor closed, or
    counted with them once it is. Three statements.
    """
    return answer("plan shares", inquiry, lambda: _plan_shares(budget, inquiry), budget.pk)


def _plan_shares(budget: EventBudget, inquiry: Inquiry) -> PlanShares:
    lines = BudgetLineItem.objects.filter(budget_id=budget.pk, kind=LineKind.COST).order_by()
    planned = dict(lines.values_list("category_id").annotate(planned=Sum("budgeted_amount")))
    total = sum(planned.values(), ZERO)
    event_type = budget.event.event_type
    statistics = share_statistics(replace(inquiry.on_any_day(), event_type=event_type, client_id=None))
    known = list(Category.objects.order_by("sort_order", "name", "id"))
    allocated = _allocated(known, total, budget.currency)
    rows = []
    for category in known:
        typical = typical_share(category, statistics, event_type=event_type)
        amount = planned.get(category.pk, ZERO)
        share = ratios.share_percentage(amount, total)
        if typical is None or share is None:
            continue
        given = allocated.get(category.pk) if typical.source == BENCHMARK else None
        rows.append(PlanShare(category.pk, category.name, amount, share, typical, given))
    return PlanShares(
        currency=budget.currency,
        planned=total,
        rows=rows,
        benchmark_total=sum((category.benchmark_share or ZERO for category in known), ZERO),
    )


def _allocated(known: list[Category], total: Decimal, currency: str) -> dict[UUID, Decimal]:
    """Share a total out by all benchmarks: each divided by what they add up to (130 % is 1.30), to the cent."""
    shares = [(category.pk, Fraction(category.benchmark_share)) for category in known if category.benchmark_share]
    whole = sum((share for _, share in shares), Fraction(0))
    if not whole:
        return {}
    amounts = round_together([Fraction(total) * share / whole for _, share in shares], smallest_unit(currency))
    return dict(zip((pk for pk, _ in shares), amounts, strict=True))
