"""What one event brings in, what it costs, and what is left."""

from dataclasses import dataclass
from decimal import Decimal
from typing import Any
from uuid import UUID

from django.db.models import Sum
from django.db.models.functions import Coalesce

from budgets.models import BudgetLineItem, EntryKind, EntrySource, EventBudget, LedgerEntry, LineKind
from budgets.selectors.analytics.inquiry import ZERO, EventFigures, Inquiry, event_figures
from budgets.selectors.analytics.position import answer


@dataclass(frozen=True, slots=True)
class IncomeLine:
    line_item_id: UUID
    name: str
    planned: Decimal
    received: Decimal


@dataclass(frozen=True, slots=True)
class CategoryCosts:
    """`category_id` is None for what stands on no line of the plan."""

    category_id: UUID | None
    name: str
    planned: Decimal
    committed: Decimal
    actual: Decimal


@dataclass(frozen=True, slots=True)
class SourceCosts:
    """What one source of entries (`EntrySource`) has promised and not settled, and what it has cost."""

    source: str
    committed: Decimal
    actual: Decimal


@dataclass(frozen=True, slots=True)
class ProfitAndLoss:
    """Income less costs: as planned, as it is, and as it will be once everything promised is billed.

    `sources` cut the same costs another way: those of registrations, of expenses, those set by hand or imported.
    """

    row: EventFigures
    income: list[IncomeLine]
    costs: list[CategoryCosts]
    sources: list[SourceCosts]

    @property
    def planned_result(self) -> Decimal:
        return self.row.figures.projected_income - self.row.figures.budgeted

    @property
    def result(self) -> Decimal:
        return self.row.figures.result

    @property
    def expected_result(self) -> Decimal:
        """Once what is promised is billed as it was promised, and nothing else comes in or is spent."""
        return self.row.figures.result - self.row.figures.committed

    def costs_of(self, source: str) -> SourceCosts:
        return next((one for one in self.sources if one.source == source), SourceCosts(source, ZERO, ZERO))

    @property
    def registrations(self) -> SourceCosts:
        """What the event's registrations have cost (kept) and what they have promised (committed)."""
        return self.costs_of(EntrySource.REGISTRATION)


def profit_and_loss(budget: EventBudget, inquiry: Inquiry) -> ProfitAndLoss:
    """Return the profit and loss of a budget that was read with its event. Two statements."""
    return answer("profit and loss", inquiry, lambda: _profit_and_loss(budget), budget.pk)


def _profit_and_loss(budget: EventBudget) -> ProfitAndLoss:
    lines = BudgetLineItem.objects.filter(budget_id=budget.pk).select_related("category")
    income: list[IncomeLine] = []
    costs: dict[UUID, CategoryCosts] = {}
    for line in lines.order_by("category__sort_order", "category__name", "category_id", "sort_order", "id"):
        if line.kind == LineKind.INCOME:
            income.append(IncomeLine(line.pk, line.name, line.budgeted_amount, line.actual_amount))
            continue
        so_far = costs.get(line.category_id) or CategoryCosts(line.category_id, line.category.name, ZERO, ZERO, ZERO)
        costs[line.category_id] = CategoryCosts(
            so_far.category_id,
            so_far.name,
            so_far.planned + line.in_force_amount,
            so_far.committed + line.committed_amount,
            so_far.actual + line.actual_amount,
        )
    return ProfitAndLoss(
        row=event_figures(budget),
        income=income,
        costs=[*costs.values(), *_on_no_line(budget, list(costs.values()))],
        sources=_sources(budget),
    )


def _on_no_line(budget: EventBudget, costs: list[CategoryCosts]) -> list[CategoryCosts]:
    planned = budget.in_force_amount - sum((cost.planned for cost in costs), ZERO)
    committed = budget.total_committed_amount - sum((cost.committed for cost in costs), ZERO)
    actual = budget.total_actual_amount - sum((cost.actual for cost in costs), ZERO)
    if not (planned or committed or actual):
        return []
    return [CategoryCosts(None, "On no line", planned, committed, actual)]


def _sources(budget: EventBudget) -> list[SourceCosts]:
    rows: Any = (
        LedgerEntry.objects.filter(budget_id=budget.pk)
        .exclude(kind=EntryKind.INCOME)
        .order_by()
        .values("source")
        .annotate(
            committed=Coalesce(Sum("committed_delta"), ZERO),
            actual=Coalesce(Sum("actual_delta"), ZERO),
        )
    )
    found = [SourceCosts(row["source"], row["committed"], row["actual"]) for row in rows]
    order = list(EntrySource.values)
    return sorted(found, key=lambda one: order.index(one.source))
