"""Which line of a budget an expense is charged to; spending that nobody planned gets a line that says so."""

from datetime import datetime
from decimal import Decimal
from uuid import UUID

from django.db.models import Max, Q

from budgets.models import BudgetLineItem, Category, EventBudget, Expense, LineKind
from budgets.services.categories import CategoryFinder, hold_categories
from budgets.services.expense_problems import LineOfOtherCategory, WhatItIsFor
from budgets.services.problems import LineNotFound, WrongKindOfLine
from budgetsite.tenancy.deletion import soft_delete
from budgetsite.tenancy.history import acting_user_reference

ZERO = Decimal(0)


def line_for(
    budget: EventBudget, *, line_item_id: UUID | None, category: str | UUID | None, amount: Decimal
) -> BudgetLineItem:
    """Return the line of a locked budget that pays `amount`: the one that is named, or one of the category.

    Of several with the category the first with room for all of it, in the plan's order, else the first. Where the plan
    has none, a line is made that plans nothing and says that it is unbudgeted. Raises `LineNotFound`,
    `WrongKindOfLine`, `UnknownCategory`, `WhatItIsFor`, `LineOfOtherCategory`.
    """
    if line_item_id is not None:
        line = _named_line(budget, line_item_id)
        if category and str(category).strip().lower() not in {
            str(line.category_id),
            line.category.name.strip().lower(),
        }:
            raise LineOfOtherCategory(line.name, line.category.name)
        return line
    if not category:
        raise WhatItIsFor
    lines = _lines_of(budget, _category_named(category))
    if not lines:
        # Nothing that was planned: only now it matters whether there is such a category.
        found = CategoryFinder.load().find(category)
        lines = _lines_of(budget, Q(category=found)) or [_make_unbudgeted(budget, found)]
    return next((line for line in lines if line.available_amount >= amount), lines[0])


def clear_unbudgeted(line_item_id: UUID, *, now: datetime) -> None:
    """Take away an unbudgeted line that nothing is planned, promised, spent or recorded on any more."""
    line: BudgetLineItem | None = BudgetLineItem.objects.filter(
        Q(approved_amount=None) | Q(approved_amount=0),
        pk=line_item_id,
        is_unbudgeted=True,
        budgeted_amount=0,
        committed_amount=0,
        actual_amount=0,
    ).first()
    if line is not None and not Expense.objects.filter(line_item=line).exists():
        soft_delete(line, now=now)


def _category_named(name_or_id: str | UUID) -> Q:
    try:
        return Q(category_id=UUID(str(name_or_id)))
    except ValueError:
        return Q(category__name__iexact=str(name_or_id).strip())


def _lines_of(budget: EventBudget, category: Q) -> list[BudgetLineItem]:
    lines = BudgetLineItem.objects.filter(category, budget=budget, kind=LineKind.COST, deleted_at=None)
    return list(lines.select_related("category").order_by("sort_order", "id"))


def _named_line(budget: EventBudget, line_item_id: UUID) -> BudgetLineItem:
    line: BudgetLineItem | None = (
        BudgetLineItem.objects.filter(pk=line_item_id, budget=budget, deleted_at=None)
        .select_related("category")
        .first()
    )
    if line is None:
        raise LineNotFound(line_item_id)
    if line.is_income:
        raise WrongKindOfLine(line.name, is_income=True)
    return line


def _make_unbudgeted(budget: EventBudget, category: Category) -> BudgetLineItem:
    """Make a line at the end that plans nothing; the plan's version stays, for nothing of the plan has changed."""
    hold_categories({category.pk})
    last = BudgetLineItem.objects.filter(budget=budget).aggregate(last=Max("sort_order"))["last"] or 0
    line = BudgetLineItem(
        budget=budget,
        category=category,
        name=category.name,
        currency=budget.currency,
        sort_order=last + 10,
        version=budget.version,
        is_unbudgeted=True,
        approved_amount=ZERO if budget.is_under_revision else None,
    )
    BudgetLineItem.objects.bulk_create([line])
    BudgetLineItem.history.bulk_history_create(
        [line], default_user=acting_user_reference(), default_change_reason="spending without a line in the plan"
    )
    return line
