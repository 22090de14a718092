"""Reading event budgets for lists, for one budget's answer, and in sum."""

from typing import Any
from uuid import UUID

from django.db.models import Count, F, IntegerField, OuterRef, QuerySet, Subquery, Sum, Value
from django.db.models.functions import Coalesce

from budgets.models import BudgetLineItem, EventBudget, LineKind
from budgetsite.accounts.roles import Role

_SUMS = {
    "total_budget_amount": Sum("total_budget_amount"),
    "total_committed_amount": Sum("total_committed_amount"),
    "total_actual_amount": Sum("total_actual_amount"),
}


def budgets_in_sight(*, user_id: UUID, role: Role) -> QuerySet[EventBudget]:
    """Return the budgets that this person may see, each with its event, who pays, and its number of open alerts.

    One statement: `alerts_open` is a column of it.
    """
    budgets: QuerySet[EventBudget] = EventBudget.objects.visible_to(user_id=user_id, role=role)
    return budgets.select_related("event", "funded_by").annotate(alerts_open=_open_alerts())


def lines_in_order(budget_id: UUID) -> QuerySet[BudgetLineItem]:
    """Return a budget's live lines in their order, each with its category."""
    lines: QuerySet[BudgetLineItem] = BudgetLineItem.objects.filter(budget_id=budget_id)
    return lines.select_related("category").order_by("sort_order", "id")


def sums_by_status(budgets: QuerySet[EventBudget]) -> list[dict[str, Any]]:
    """Return, for each status and currency, how many budgets there are and the sums of their figures."""
    rows: Any = budgets.order_by().values("status", "currency").annotate(count=Count("pk"), **_SUMS)
    return list(rows.order_by("status", "currency"))


def sums_by_category(budgets: QuerySet[EventBudget]) -> list[dict[str, Any]]:
    """Return, for each category and currency, how many lines of `budgets` there are and the sums of their figures."""
    return list(
        BudgetLineItem.objects.filter(kind=LineKind.COST, budget__in=budgets.order_by().values("pk"))
        .order_by()
        .values("category_id", "currency", category_name=F("category__name"))
        .annotate(
            line_count=Count("pk"),
            budgeted_amount=Sum("budgeted_amount"),
            committed_amount=Sum("committed_amount"),
            actual_amount=Sum("actual_amount"),
        )
        .order_by("category_name", "category_id", "currency")
    )


def _open_alerts() -> Any:
    """Count a budget's open alerts through its reverse relation: the app that owns them stands on this one."""
    alerts: Any = EventBudget._meta.get_field("alerts").related_model
    counted = (
        alerts.objects.filter(budget=OuterRef("pk"), resolved=False)
        .order_by()
        .values("budget")
        .annotate(count=Count("pk"))
    )
    return Coalesce(Subquery(counted.values("count"), output_field=IntegerField()), Value(0))
