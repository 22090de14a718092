"""What is planned, promised and spent by category, against the plan and against what is typical."""

from dataclasses import dataclass
from decimal import Decimal
from typing import Any
from uuid import UUID

from django.db.models import Count, Sum
from django.db.models.functions import Coalesce

from budgets.models import BudgetLineItem, Category, LineKind
from budgets.selectors.analytics.inquiry import ZERO, Figures, Inquiry, budgets_of, figures_by
from budgets.selectors.analytics.position import answer
from budgets.selectors.analytics.shares import TypicalShare, hint, share_statistics, typical_share
from budgetsite.money import ratios


@dataclass(frozen=True, slots=True)
class CategoryFigures:
    """One category's lines of cost. `planned` is the plan in force; shares are in percent of all categories together.

    `share_of_plan` and `share_of_spend` are None while nothing is planned or spent at all.
    """

    category_id: UUID
    name: str
    line_count: int
    planned: Decimal
    committed: Decimal
    actual: Decimal
    share_of_plan: Decimal | None
    share_of_spend: Decimal | None
    benchmark_share: Decimal | None
    typical: TypicalShare | None

    @property
    def variance(self) -> Decimal:
        """Planned less actual: positive is under the plan."""
        return ratios.variance(self.planned, self.actual)

    @property
    def variance_percentage(self) -> Decimal | None:
        return ratios.variance_percentage(self.planned, self.actual)

    @property
    def beside_typical(self) -> Decimal | None:
        """By how many percentage points the planned share is above the typical one."""
        if self.typical is None or self.share_of_plan is None:
            return None
        return self.share_of_plan - self.typical.share

    @property
    def compared(self) -> str:
        """`above`, `below`, `usual`; empty when there is nothing to compare."""
        if self.typical is None or self.share_of_plan is None:
            return ""
        return self.typical.compare(self.share_of_plan)

    @property
    def hint(self) -> str:
        if self.typical is None or self.share_of_plan is None:
            return ""
        return hint(self.name, self.share_of_plan, self.typical)


@dataclass(frozen=True, slots=True)
class Categories:
    """`figures` are of the budgets; what stands on no line of them is theirs less the rows'.

    `benchmark_total` is what the benchmarks of all categories add up to: to allocate a total by them, divide by it.
    """

    figures: Figures
    rows: list[CategoryFigures]
    benchmark_total: Decimal

    @property
    def planned(self) -> Decimal:
        return sum((row.planned for row in self.rows), ZERO)

    @property
    def committed(self) -> Decimal:
        return sum((row.committed for row in self.rows), ZERO)

    @property
    def actual(self) -> Decimal:
        return sum((row.actual for row in self.rows), ZERO)

    @property
    def planned_on_no_line(self) -> Decimal:
        return self.figures.budgeted - self.planned

    @property
    def committed_on_no_line(self) -> Decimal:
        return self.figures.committed - self.committed

    @property
    def actual_on_no_line(self) -> Decimal:
        return self.figures.actual - self.actual

    def allocation_share(self, row: CategoryFigures) -> Decimal | None:
        """Return the part of a total that a benchmark stands for when the total is allocated by all of them."""
        if row.benchmark_share is None:
            return None
        return ratios.share_percentage(row.benchmark_share, self.benchmark_total)


def categories(inquiry: Inquiry) -> Categories:
    """Return every category that the events asked for have lines in, in the account's order. Four statements."""
    return answer("categories", inquiry, lambda: _categories(inquiry))


def _categories(inquiry: Inquiry) -> Categories:
    budgets = budgets_of(inquiry)
    sums = figures_by(budgets)
    rows: Any = (
        BudgetLineItem.objects.filter(kind=LineKind.COST, budget__in=budgets.order_by().values("pk"))
        .order_by()
        .values("category_id")
        .annotate(
            line_count=Count("pk"),
            planned=Sum(Coalesce("approved_amount", "budgeted_amount")),
            committed=Sum("committed_amount"),
            actual=Sum("actual_amount"),
        )
    )
    found = {row["category_id"]: row for row in rows}
    known = list(Category.objects.order_by("sort_order", "name", "id"))
    statistics = share_statistics(inquiry)
    planned = sum((row["planned"] for row in found.values()), ZERO)
    actual = sum((row["actual"] for row in found.values()), ZERO)
    return Categories(
        figures=sums[0]["figures"] if sums else Figures(inquiry.currency),
        rows=[
            CategoryFigures(
                category_id=category.pk,
                name=category.name,
                line_count=row["line_count"],
                planned=row["planned"],
                committed=row["committed"],
                actual=row["actual"],
                share_of_plan=ratios.share_percentage(row["planned"], planned),
                share_of_spend=ratios.share_percentage(row["actual"], actual),
                benchmark_share=category.benchmark_share,
                typical=typical_share(category, statistics, event_type=inquiry.event_type),
            )
            for category in known
            if (row := found.get(category.pk)) is not None
        ],
        benchmark_total=sum((category.benchmark_share or ZERO for category in known), ZERO),
    )
