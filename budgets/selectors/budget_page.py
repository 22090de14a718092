"""Reading one budget for its page: the lines by category with subtotals, a page of them at a time."""

from dataclasses import dataclass, field
from decimal import Decimal
from itertools import groupby
from uuid import UUID

from django.db.models import QuerySet

from budgets.models import BudgetDecision, BudgetLineItem, EventBudget
from budgetsite.accounts.roles import Role

# So many lines are read in one go; a longer budget is paged, its subtotals are always of all lines.
LINES_PER_PAGE = 200

ZERO = Decimal(0)


@dataclass(frozen=True, slots=True)
class LineRow:
    """A line as it stands in its group."""

    line: BudgetLineItem
    is_first: bool
    is_last: bool


@dataclass(slots=True)
class LineGroup:
    """The lines of one category. The sums are of all its lines, `rows` are those on this page."""

    category_id: UUID
    name: str
    budgeted: Decimal = ZERO
    committed: Decimal = ZERO
    actual: Decimal = ZERO
    rows: list[LineRow] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class PlanPage:
    """One page of a budget's lines, by category."""

    groups: list[LineGroup]
    lines_count: int
    number: int
    pages: int

    @property
    def first_line(self) -> int:
        return (self.number - 1) * LINES_PER_PAGE + 1

    @property
    def last_line(self) -> int:
        return min(self.number * LINES_PER_PAGE, self.lines_count)

    def group(self, category_id: UUID) -> LineGroup | None:
        return next((group for group in self.groups if group.category_id == category_id), None)


def budget_for_page(budget_id: UUID, *, user_id: UUID, role: Role) -> EventBudget | None:
    """Return a live budget with what its page says about the event and the people, or None."""
    budget: EventBudget | None = (
        EventBudget.objects.visible_to(user_id=user_id, role=role)
        .select_related("event__venue", "submitted_by", "approved_by")
        .filter(pk=budget_id, event__deleted_at=None)
        .first()
    )
    return budget


def plan_page(budget_id: UUID, *, number: int = 1) -> PlanPage:
    """Return the lines by category, page `number` of them (the nearest there is). One statement."""
    lines = list(_lines_by_category(budget_id))
    pages = max(1, -(-len(lines) // LINES_PER_PAGE))
    number = min(max(number, 1), pages)
    start = (number - 1) * LINES_PER_PAGE
    shown = {line.pk for line in lines[start : start + LINES_PER_PAGE]}
    groups = [_group(list(of_category), shown) for _, of_category in groupby(lines, lambda line: line.category_id)]
    return PlanPage(
        groups=[group for group in groups if group.rows], lines_count=len(lines), number=number, pages=pages
    )


def page_of_line(budget_id: UUID, line_item_id: UUID) -> int:
    """Return the number of the page that a line stands on; 1 when there is no such line."""
    ids = list(_lines_by_category(budget_id).values_list("pk", flat=True))
    return ids.index(line_item_id) // LINES_PER_PAGE + 1 if line_item_id in ids else 1


def group_of_lines(budget_id: UUID, category_id: UUID) -> LineGroup | None:
    """Return one category's lines with their sums, or None when it has none."""
    lines = list(_lines_by_category(budget_id).filter(category_id=category_id))
    return _group(lines, {line.pk for line in lines}) if lines else None


def order_after_move(budget_id: UUID, line: BudgetLineItem, *, up: bool) -> list[UUID]:
    """Return the ids of all lines in their order, with `line` and its neighbour in its category exchanged."""
    stored = list(
        BudgetLineItem.objects.filter(budget_id=budget_id).order_by("sort_order", "id").values_list("pk", "category_id")
    )
    ids = [pk for pk, _ in stored]
    group = [pk for pk, category_id in stored if category_id == line.category_id]
    place = group.index(line.pk)
    neighbour = place - 1 if up else place + 1
    if 0 <= neighbour < len(group):
        here, there = ids.index(line.pk), ids.index(group[neighbour])
        ids[here], ids[there] = ids[there], ids[here]
    return ids


def decisions_of(budget_id: UUID) -> list[BudgetDecision]:
    """Return the moves of a budget's status, the last one first, with who made them."""
    return list(
        BudgetDecision.objects.filter(budget_id=budget_id)
        .select_related("actor")
        .order_by("-created_at", "-version", "-id")[:20]
    )


def _lines_by_category(budget_id: UUID) -> QuerySet[BudgetLineItem]:
    lines: QuerySet[BudgetLineItem] = (
        BudgetLineItem.objects.filter(budget_id=budget_id)
        .select_related("category")
        .order_by("category__sort_order", "category__name", "category_id", "sort_order", "id")
    )
    return lines


def _group(lines: list[BudgetLineItem], shown: set[UUID]) -> LineGroup:
    group = LineGroup(category_id=lines[0].category_id, name=lines[0].category.name)
    for position, line in enumerate(lines):
        group.budgeted += line.budgeted_amount
        group.committed += line.committed_amount
        group.actual += line.actual_amount
        if line.pk in shown:
            group.rows.append(LineRow(line, position == 0, position == len(lines) - 1))
    return group
