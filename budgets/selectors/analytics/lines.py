"""The lines of cost behind a category's figures, of all events together."""

from uuid import UUID

from django.db.models import QuerySet

from budgets.models import BudgetLineItem, LineKind
from budgets.selectors.analytics.inquiry import Inquiry, budgets_of


def lines(inquiry: Inquiry, *, category_id: UUID | None = None) -> QuerySet[BudgetLineItem]:
    """Return the live lines of cost of the budgets asked for, with their events."""
    found: QuerySet[BudgetLineItem] = BudgetLineItem.objects.filter(
        kind=LineKind.COST, budget__in=budgets_of(inquiry).order_by().values("pk")
    )
    if category_id is not None:
        found = found.filter(category_id=category_id)
    return found.select_related("budget__event", "category")
