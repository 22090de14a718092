"""Reading one budget for its page: lines of cost by category with subtotals, income beneath; a page at a time."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from itertools import groupby
from uuid import UUID

from django.db.models import Count, Exists, OuterRef, QuerySet, Sum

from budgets.models import BudgetLineItem, EventBudget, Expense, ExpenseStage, LineKind, PlanLine
from budgets.selectors.decisions import decisions_on
from budgets.selectors.history_steps import Step, decision_steps
from budgets.selectors.last_year import LastYear
from budgetsite.accounts.roles import Role

# So many lines are read in one go; a longer budget is paged, its subtotals are always of all lines.
LINES_PER_PAGE = 200

# The key of the group that all lines of income stand in; a line of cost stands in its category's.
INCOME = "income"

ZERO = Decimal(0)
_BY_CATEGORY = ("category__sort_order", "category__name", "category_id", "sort_order", "id")


@dataclass(frozen=True, slots=True)
class PlannedExpenses:
    """Expenses of one line that have moved no money, those that wait for an approval among them; in its currency."""

    count: int
    amount: Decimal


@dataclass(frozen=True, slots=True)
class LineRow:
    """A line as it stands in its group.

    `is_new`: the revision under way adds it. `last_year` is of the line that it was copied from, None without one;
    `planned_expenses` what is noted to be bought on it and neither promised nor billed, None for nothing.
    """

    line: BudgetLineItem
    is_first: bool
    is_last: bool
    is_new: bool = False
    last_year: LastYear | None = None
    planned_expenses: PlannedExpenses | None = None

    @property
    def differs(self) -> bool:
        """Whether the revision under way changes what is in force here."""
        return not self.is_new and self.line.in_force_amount != self.line.budgeted_amount

    @property
    def still_to_come(self) -> Decimal:
        """Of a line of income: what is expected now and has not come in; negative when more has."""
        return self.line.budgeted_amount - self.line.actual_amount


@dataclass(slots=True)
class LineGroup:
    """The lines of cost of one category, or all lines of income. The sums are of all its lines, `rows` of this page.

    `budgeted` is the plan that is worked on, `in_force` the one that holds until that is approved.
    """

    key: str
    name: str
    budgeted: Decimal = ZERO
    in_force: Decimal = ZERO
    committed: Decimal = ZERO
    actual: Decimal = ZERO
    rows: list[LineRow] = field(default_factory=list)

    @property
    def differs(self) -> bool:
        return self.in_force != self.budgeted


@dataclass(frozen=True, slots=True)
class PlanPage:
    """One page of a budget's lines: `groups` of cost by category, then `income` (None when there is none at all)."""

    groups: list[LineGroup]
    income: LineGroup | None
    lines_count: int
    number: int
    pages: int

    @property
    def first_line(self) -> int:
        return (self.number - 1) * LINES_PER_PAGE + 1

    @property
    def last_line(self) -> int:
        return min(self.number * LINES_PER_PAGE, self.lines_count)

    def group(self, key: str) -> LineGroup | None:
        if key == INCOME:
            return self.income
        return next((group for group in self.groups if group.key == key), None)


def budget_for_page(budget_id: UUID, *, user_id: UUID, role: Role) -> EventBudget | None:
    """Return a live budget with what its page says about the event and the people, or None."""
    budget: EventBudget | None = (
        EventBudget.objects.visible_to(user_id=user_id, role=role)
        .select_related("event__venue", "submitted_by", "approved_by")
        .filter(pk=budget_id, event__deleted_at=None)
        .first()
    )
    return budget


def plan_page(budget: EventBudget, *, number: int = 1, last_year: Mapping[UUID, LastYear] | None = None) -> PlanPage:
    """Return the lines of cost by category and those of income, page `number` of them (the nearest there is).

    Two statements. `last_year` maps the id of a line to what `last_year_of` tells of it.
    """
    lines = _in_order(_lines_of(budget))
    planned = _planned_expenses(budget)
    pages = max(1, -(-len(lines) // LINES_PER_PAGE))
    number = min(max(number, 1), pages)
    start = (number - 1) * LINES_PER_PAGE
    shown = {line.pk for line in lines[start : start + LINES_PER_PAGE]}
    groups = [
        _group(list(lines_of_it), shown, last_year or {}, planned) for _, lines_of_it in groupby(lines, key_of_group)
    ]
    income = next((group for group in groups if group.key == INCOME), None)
    return PlanPage(
        groups=[group for group in groups if group.rows and group is not income],
        income=income,
        lines_count=len(lines),
        number=number,
        pages=pages,
    )


def key_of_group(line: BudgetLineItem) -> str:
    """Return the key of the group that a line stands in."""
    return _key(line.kind, line.category_id)


def page_of_line(budget: EventBudget, line_item_id: UUID) -> int:
    """Return the number of the page that a line stands on; 1 when there is no such line."""
    stored = BudgetLineItem.objects.filter(budget_id=budget.pk).order_by(*_BY_CATEGORY)
    rows = list(stored.values_list("pk", "kind", "sort_order"))
    income = sorted((sort_order, pk) for pk, kind, sort_order in rows if kind == LineKind.INCOME)
    ids = [pk for pk, kind, _ in rows if kind == LineKind.COST] + [pk for _, pk in income]
    return ids.index(line_item_id) // LINES_PER_PAGE + 1 if line_item_id in ids else 1


def group_of_line(
    budget: EventBudget, line: BudgetLineItem, *, last_year: Mapping[UUID, LastYear] | None = None
) -> LineGroup:
    """Return the group that a stored line stands in, with all its lines and their sums."""
    lines = _lines_of(budget).filter(kind=line.kind)
    if not line.is_income:
        lines = lines.filter(category_id=line.category_id)
    found = _in_order(lines)
    return _group(found, {one.pk for one in found}, last_year or {}, _planned_expenses(budget))


def order_after_move(budget_id: UUID, line: BudgetLineItem, *, up: bool) -> list[UUID]:
    """Return the ids of all lines in their order, with `line` and its neighbour in its group exchanged."""
    stored = list(
        BudgetLineItem.objects.filter(budget_id=budget_id)
        .order_by("sort_order", "id")
        .values_list("pk", "kind", "category_id")
    )
    ids = [pk for pk, _, _ in stored]
    group = [pk for pk, kind, category_id in stored if _key(kind, category_id) == key_of_group(line)]
    place = group.index(line.pk)
    neighbour = place - 1 if up else place + 1
    if 0 <= neighbour < len(group):
        here, there = ids.index(line.pk), ids.index(group[neighbour])
        ids[here], ids[there] = ids[there], ids[here]
    return ids


def decisions_of(budget_id: UUID, *, for_team: bool) -> list[Step]:
    """Return the decisions on a budget, the last one first, with who made them."""
    decisions = list(decisions_on(budget_id, for_team=for_team).order_by("-created_at", "-version", "-id")[:20])
    return [step for step in decision_steps(decisions) if step is not None]


def _lines_of(budget: EventBudget) -> QuerySet[BudgetLineItem]:
    lines: QuerySet[BudgetLineItem] = BudgetLineItem.objects.filter(budget_id=budget.pk).select_related(
        "category", "driver"
    )
    if budget.is_under_revision:
        approved = PlanLine.objects.filter(line_item_id=OuterRef("pk"), revision__budget_id=budget.pk)
        lines = lines.annotate(was_approved=Exists(approved))
    return lines


def _key(kind: str, category_id: UUID) -> str:
    return INCOME if kind == LineKind.INCOME else str(category_id)


def _in_order(lines: QuerySet[BudgetLineItem]) -> list[BudgetLineItem]:
    """Costs by category, then income in one list."""
    found = list(lines.order_by(*_BY_CATEGORY))
    income = sorted((line for line in found if line.is_income), key=lambda line: (line.sort_order, line.pk))
    return [line for line in found if not line.is_income] + income


def _planned_expenses(budget: EventBudget) -> dict[UUID, PlannedExpenses]:
    rows = (
        Expense.objects.filter(budget_id=budget.pk, stage=ExpenseStage.PLANNED, committed_amount=0, actual_amount=0)
        .live()
        .order_by()
        .values("line_item_id")
        .annotate(count=Count("pk"), amount=Sum("budget_amount"))
    )
    return {row["line_item_id"]: PlannedExpenses(row["count"], row["amount"]) for row in rows}


def _group(
    lines: list[BudgetLineItem],
    shown: set[UUID],
    last_year: Mapping[UUID, LastYear],
    planned: Mapping[UUID, PlannedExpenses],
) -> LineGroup:
    first = lines[0]
    group = LineGroup(key=key_of_group(first), name="Income" if first.is_income else first.category.name)
    for position, line in enumerate(lines):
        group.budgeted += line.budgeted_amount
        group.in_force += line.in_force_amount
        group.committed += line.committed_amount
        group.actual += line.actual_amount
        if line.pk in shown:
            group.rows.append(
                LineRow(
                    line,
                    is_first=position == 0,
                    is_last=position == len(lines) - 1,
                    is_new=not getattr(line, "was_approved", True),
                    last_year=last_year.get(line.pk),
                    planned_expenses=planned.get(line.pk),
                )
            )
    return group
