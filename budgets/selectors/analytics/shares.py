"""What part of an event's money a category typically takes: from the account's own past events, or as is typical."""

from dataclasses import dataclass
from decimal import Decimal
from statistics import mean, median, quantiles
from typing import Any
from uuid import UUID

from django.db.models import Sum

from budgets.models import BudgetLineItem, Category, LineKind
from budgets.selectors.analytics.inquiry import Inquiry, budgets_of, past
from budgets.selectors.analytics.position import answer
from budgetsite.money import ratios
from events.models import EventType

# With fewer, one unusual event would pass for what is usual.
LEAST_EVENTS = 5
# So many percentage points beside the typical share are still “about as much”.
CLOSE_BY = Decimal(2)

OWN_EVENTS, BENCHMARK = "own_events", "benchmark"
ABOVE, BELOW, USUAL = "above", "below", "usual"


@dataclass(frozen=True, slots=True)
class ShareStatistics:
    """Of the share, in percent, that a category had of what was spent on each past event that spent on it."""

    event_count: int
    mean: Decimal
    median: Decimal
    lower_quartile: Decimal
    upper_quartile: Decimal


@dataclass(frozen=True, slots=True)
class TypicalShare:
    """What is typical for a category: the median of the account's own events, else the category's benchmark."""

    share: Decimal
    source: str
    statistics: ShareStatistics | None = None

    def compare(self, share: Decimal) -> str:
        """Return whether a share is `ABOVE`, `BELOW` or within what is `USUAL`."""
        lower, upper = self.share - CLOSE_BY, self.share + CLOSE_BY
        if self.statistics is not None:
            lower = min(lower, self.statistics.lower_quartile)
            upper = max(upper, self.statistics.upper_quartile)
        return ABOVE if share > upper else BELOW if share < lower else USUAL


def share_statistics(inquiry: Inquiry) -> dict[UUID, ShareStatistics]:
    """Return the statistics of each category that at least `LEAST_EVENTS` past events have spent on. One statement.

    Shares have no currency: events in all of them count.
    """
    return answer("shares", inquiry, lambda: _statistics(inquiry))


def typical_share(
    category: Category, statistics: dict[UUID, ShareStatistics], *, event_type: str = ""
) -> TypicalShare | None:
    """Return what is typical for a category, None when nothing is known.

    Benchmarks of the categories offered for weddings are a wedding's: of an event of another type they say nothing.
    """
    own = statistics.get(category.pk)
    if own is not None:
        return TypicalShare(own.median, OWN_EVENTS, own)
    weddings_only = category.for_weddings and event_type not in ("", EventType.WEDDING)
    if category.benchmark_share is None or weddings_only:
        return None
    return TypicalShare(category.benchmark_share, BENCHMARK)


def hint(name: str, planned: Decimal, typical: TypicalShare) -> str:
    """Say in a sentence how a planned share compares with the typical one."""
    sentence = f"You plan {in_words(planned)} for {name}; {in_words(typical.share)} is typical"
    own = typical.statistics
    if own is None:
        return f"{sentence}."
    return (
        f"{sentence}: half of your {own.event_count} past events had between {in_words(own.lower_quartile)} and"
        f" {in_words(own.upper_quartile)}."
    )


def in_words(share: Decimal) -> str:
    """Return a percentage without the zeros at its end: 45%, 7.5%."""
    text = format(share.quantize(Decimal("0.1")) if abs(share) >= 1 else share, "f")
    return f"{text.rstrip('0').rstrip('.') if '.' in text else text}%"


def _statistics(inquiry: Inquiry) -> dict[UUID, ShareStatistics]:
    budgets = past(budgets_of(inquiry, all_currencies=True), inquiry).filter(total_actual_amount__gt=0)
    rows: Any = (
        BudgetLineItem.objects.filter(kind=LineKind.COST, budget__in=budgets.order_by().values("pk"))
        .order_by()
        .values("category_id", "budget_id", "budget__total_actual_amount")
        .annotate(spent=Sum("actual_amount"))
        .filter(spent__gt=0)
    )
    shares: dict[UUID, list[Decimal]] = {}
    for row in rows:
        # Unrounded: only what is shown is rounded.
        shares.setdefault(row["category_id"], []).append(row["spent"] * 100 / row["budget__total_actual_amount"])
    return {category_id: _described(found) for category_id, found in shares.items() if len(found) >= LEAST_EVENTS}


def _described(shares: list[Decimal]) -> ShareStatistics:
    lower, _, upper = quantiles(shares, n=4, method="inclusive")
    return ShareStatistics(
        event_count=len(shares),
        mean=rounded(mean(shares)),
        median=rounded(median(shares)),
        lower_quartile=rounded(lower),
        upper_quartile=rounded(upper),
    )


def rounded(share: Decimal) -> Decimal:
    """Return a percentage with two decimals, rounded as all are."""
    found = ratios.share_percentage(share, ratios.HUNDRED)
    assert found is not None
    return found
