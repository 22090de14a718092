"""How near to their plans past events came: what of it is skill, and where plans are always too low."""

from collections.abc import Iterable
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from django.db.models import Sum
from django.db.models.functions import Coalesce

from budgets.models import BudgetLineItem, EventBudget, LineKind
from budgets.selectors.analytics.inquiry import ZERO, EventFigures, Inquiry, budgets_of, event_figures, past
from budgets.selectors.analytics.position import answer
from budgetsite.money import ratios

# The latest of the events are listed; the figures are of all.
LENGTH = 50


@dataclass(frozen=True, slots=True)
class Accuracy:
    """Of several plans: each one's deviation is actual less planned in percent of planned, positive when it was over.

    `mean_absolute_deviation` counts each plan alike, over or under; `mean_deviation` lets them make up for each other
    and so tells a habit. Both are None where nothing was planned. Plans of 0 deviate by no percentage: they count in
    the sums alone.
    """

    name: str
    count: int
    planned: Decimal
    actual: Decimal
    over_count: int
    mean_absolute_deviation: Decimal | None
    mean_deviation: Decimal | None

    @property
    def deviation(self) -> Decimal | None:
        """Of all together: the sums' difference in percent of what was planned."""
        return deviation(self.planned, self.actual)


@dataclass(frozen=True, slots=True)
class AccuracyReport:
    currency: str
    all: Accuracy
    by_event_type: list[Accuracy]
    by_category: list[Accuracy]
    events: list[EventFigures]


def accuracy(inquiry: Inquiry) -> AccuracyReport:
    """Return how the past budgets asked for came out: closed ones, and those of events that have begun.

    Three statements. Their amounts are of the plan in force.
    """
    return answer("accuracy", inquiry, lambda: _accuracy(inquiry))


def deviation(planned: Decimal, actual: Decimal) -> Decimal | None:
    """Return by how many percent of the plan actual is above it; None when nothing was planned."""
    return ratios.share_percentage(actual - planned, planned)


def accuracy_of(name: str, plans: Iterable[tuple[Decimal, Decimal]]) -> Accuracy:
    """Return the accuracy of plans, each (planned, actual)."""
    found = list(plans)
    # Unrounded: only the means are rounded.
    deviations = [(actual - planned) * 100 / planned for planned, actual in found if planned]
    return Accuracy(
        name=name,
        count=len(found),
        planned=sum((planned for planned, _ in found), ZERO),
        actual=sum((actual for _, actual in found), ZERO),
        over_count=sum(ratios.is_overspent(planned, actual) for planned, actual in found),
        mean_absolute_deviation=_mean([abs(one) for one in deviations]),
        mean_deviation=_mean(deviations),
    )


def _accuracy(inquiry: Inquiry) -> AccuracyReport:
    over = past(budgets_of(inquiry), inquiry)
    planned = Coalesce("approved_total_amount", "total_budget_amount")
    plans = list(over.order_by().values_list("event__event_type", planned, "total_actual_amount"))
    types = sorted({event_type for event_type, _, _ in plans})
    latest: list[EventBudget] = list(over.select_related("event").order_by("-event__event_date", "-id")[:LENGTH])
    by_category: dict[str, list[tuple[Decimal, Decimal]]] = {}
    for row in _lines(over.order_by().values("pk")):
        by_category.setdefault(row["category__name"], []).append((row["planned"], row["actual"]))
    return AccuracyReport(
        currency=inquiry.currency,
        all=accuracy_of("", [(plan, actual) for _, plan, actual in plans]),
        by_event_type=[
            accuracy_of(one, [(plan, actual) for event_type, plan, actual in plans if event_type == one])
            for one in types
        ],
        by_category=[accuracy_of(name, found) for name, found in by_category.items()],
        events=[event_figures(budget) for budget in latest],
    )


def _lines(budget_ids: Any) -> Any:
    """Return each budget's plan and spending by category, in the categories' order."""
    return (
        BudgetLineItem.objects.filter(kind=LineKind.COST, budget__in=budget_ids)
        .order_by()
        .values("budget_id", "category_id", "category__name", "category__sort_order")
        .annotate(planned=Sum(Coalesce("approved_amount", "budgeted_amount")), actual=Sum("actual_amount"))
        .order_by("category__sort_order", "category__name", "category_id")
    )


def _mean(deviations: list[Decimal]) -> Decimal | None:
    if not deviations:
        return None
    return ratios.share_percentage(sum(deviations, ZERO), ratios.HUNDRED * len(deviations))
