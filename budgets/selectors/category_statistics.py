"""What a category is used for."""

from typing import Any
from uuid import UUID

from django.db.models import Count, Sum

from budgets.models import BudgetLineItem, EventBudget, LineKind
from budgetsite.accounts.roles import Role


def statistics_of(category_ids: list[UUID], *, user_id: UUID, role: Role) -> dict[UUID, list[dict[str, Any]]]:
    """Return category → its figures in each currency, over the lines of the budgets that this person may see.

    One statement for any number of categories; one without lines is missing from the answer.
    """
    budgets = EventBudget.objects.visible_to(user_id=user_id, role=role)
    rows = (
        BudgetLineItem.objects.filter(kind=LineKind.COST, category_id__in=category_ids, budget__in=budgets.values("pk"))
        .order_by()
        .values("category_id", "currency")
        .annotate(
            line_count=Count("pk"),
            budgeted_amount=Sum("budgeted_amount"),
            committed_amount=Sum("committed_amount"),
            actual_amount=Sum("actual_amount"),
        )
        .order_by("category_id", "currency")
    )
    found: dict[UUID, list[dict[str, Any]]] = {}
    for row in rows:
        found.setdefault(row["category_id"], []).append(row)
    return found
