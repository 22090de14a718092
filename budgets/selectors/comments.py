"""What was said about a budget and its expenses."""

from uuid import UUID

from django.db.models import Q, QuerySet

from budgets.models import BudgetComment


def comments_of_budget(budget_id: UUID) -> QuerySet[BudgetComment]:
    """Return what was said about a budget or any live expense of it, the newest first, with who said it."""
    about_something_live = Q(expense=None) | Q(expense__deleted_at=None)
    return _told(BudgetComment.objects.filter(about_something_live, budget_id=budget_id))


def comments_of_expense(expense_id: UUID) -> QuerySet[BudgetComment]:
    return _told(BudgetComment.objects.filter(expense_id=expense_id))


def _told(comments: QuerySet[BudgetComment]) -> QuerySet[BudgetComment]:
    return comments.filter(deleted_at=None).select_related("author").order_by("-created_at", "-id")
