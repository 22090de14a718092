"""Reading a budget's plan as it is printed: the one in force, whole, by category."""

from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from itertools import groupby
from typing import Any
from uuid import UUID

from django.db.models import Q

from budgets.models import BudgetLineItem, BudgetRevision, EventBudget, LineKind, PlanLine
from budgetsite.accounts.models import User
from budgetsite.money.amounts import quantize
from budgetsite.tenancy.scope import deleted_rows_visible

ZERO = Decimal(0)
_BY_CATEGORY = ("category__sort_order", "category__name", "category_id", "sort_order")


@dataclass(frozen=True, slots=True)
class PrintedLine:
    """A line of the printed plan. `quantity` and `unit_price` are given where they make the amount, and only there."""

    name: str
    section: str
    description: str
    notes: str
    quantity: Decimal | None
    unit_price: Decimal | None
    budgeted: Decimal
    committed: Decimal
    actual: Decimal
    is_unbudgeted: bool = False

    @property
    def variance(self) -> Decimal:
        return self.budgeted - self.actual


@dataclass(slots=True)
class PrintedGroup:
    """The lines of one category with their sums."""

    name: str
    lines: list[PrintedLine] = field(default_factory=list)

    @property
    def budgeted(self) -> Decimal:
        return sum((line.budgeted for line in self.lines), ZERO)

    @property
    def committed(self) -> Decimal:
        return sum((line.committed for line in self.lines), ZERO)

    @property
    def actual(self) -> Decimal:
        return sum((line.actual for line in self.lines), ZERO)

    @property
    def variance(self) -> Decimal:
        return self.budgeted - self.actual


@dataclass(frozen=True, slots=True)
class PrintedPlan:
    """The plan that holds now: the approved one while a revision of it is worked on, else the present one."""

    budget: EventBudget
    revision: int
    costs: list[PrintedGroup]
    income: list[PrintedGroup]
    projected_income: Decimal
    notes: str
    approved_at: datetime | None
    approved_by: User | None

    @property
    def lines_total(self) -> Decimal:
        return sum((group.budgeted for group in self.costs), ZERO)


def printed_plan(budget_id: UUID) -> PrintedPlan:
    """Return a live budget's plan for printing. The number of statements does not grow with the lines."""
    budget: EventBudget = EventBudget.objects.select_related(
        "tenant", "event__venue", "event__client", "approved_by"
    ).get(pk=budget_id)
    if budget.is_under_revision:
        return _plan_in_force(budget)
    lines: Any = BudgetLineItem.objects.filter(budget=budget).select_related("category").order_by(*_BY_CATEGORY, "id")
    return PrintedPlan(
        budget=budget,
        revision=budget.revision,
        costs=_groups([_line(line, line.budgeted_amount, line) for line in lines if not line.is_income]),
        income=_groups([_line(line, line.budgeted_amount, line) for line in lines if line.is_income]),
        projected_income=budget.projected_income_amount,
        notes=budget.notes,
        approved_at=budget.approved_at,
        approved_by=budget.approved_by,
    )


def _plan_in_force(budget: EventBudget) -> PrintedPlan:
    """Return the last approved plan; a line that is new with the revision is on it once money has moved there."""
    revision = BudgetRevision.objects.filter(budget=budget).select_related("approved_by").latest("number")
    planned: Any = PlanLine.objects.filter(revision=revision)
    moved: Any = BudgetLineItem.objects.filter(~Q(committed_amount=0) | ~Q(actual_amount=0), budget=budget)
    with deleted_rows_visible():
        plan_lines = list(planned.select_related("category", "line_item").order_by(*_BY_CATEGORY, "line_item_id"))
    known = {line.line_item_id for line in plan_lines}
    new = [line for line in moved.select_related("category").order_by(*_BY_CATEGORY, "id") if line.pk not in known]
    rows = [(line.kind, _line(line, _in_force(line), line.line_item)) for line in plan_lines]
    rows += [(line.kind, _line(line, ZERO, line)) for line in new]
    return PrintedPlan(
        budget=budget,
        revision=revision.number,
        costs=_groups([row for kind, row in rows if kind == LineKind.COST]),
        income=_groups([row for kind, row in rows if kind == LineKind.INCOME]),
        projected_income=sum((row[1].budgeted for kind, row in rows if kind == LineKind.INCOME), ZERO),
        notes=revision.notes,
        approved_at=revision.approved_at,
        approved_by=revision.approved_by,
    )


def _in_force(line: PlanLine) -> Decimal:
    """Return what the plan in force has on a line: as approved, with what was transferred since."""
    frozen = line.line_item.approved_amount
    return line.budgeted_amount if frozen is None else frozen


_Sorted = tuple[tuple[int, str, UUID], PrintedLine]


def _line(planned: BudgetLineItem | PlanLine, budgeted: Decimal, money: BudgetLineItem) -> _Sorted:
    """Return a line with its category's place. `planned` has the words, `money` what was promised and spent."""
    quantity, unit_price = planned.quantity, planned.unit_price
    made = (
        quantity is not None and unit_price is not None and quantize(quantity * unit_price, money.currency) == budgeted
    )
    line = PrintedLine(
        name=planned.name,
        section=planned.section,
        description=planned.description,
        notes=planned.notes,
        quantity=quantity if made else None,
        unit_price=unit_price if made else None,
        budgeted=budgeted,
        committed=money.committed_amount,
        actual=money.actual_amount,
        is_unbudgeted=money.is_unbudgeted,
    )
    category = planned.category
    return (category.sort_order, category.name, category.pk), line


def _groups(lines: list[_Sorted]) -> list[PrintedGroup]:
    ordered = sorted(lines, key=lambda row: row[0])
    return [
        PrintedGroup(name=place[1], lines=[line for _, line in rows])
        for place, rows in groupby(ordered, key=lambda row: row[0])
    ]
