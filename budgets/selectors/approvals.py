"""What waits for a decision."""

from typing import Any
from uuid import UUID

from django.db.models import QuerySet

from budgets.models import BudgetStatus, EventBudget
from budgetsite.accounts.models import Account
from budgetsite.accounts.permissions import may
from budgetsite.accounts.roles import Role


def waiting_for_approval(*, user_id: UUID, role: Role) -> QuerySet[EventBudget]:
    """Budgets in review, the longest waiting first, with event and submitter."""
    budgets: QuerySet[EventBudget] = (
        EventBudget.objects.visible_to(user_id=user_id, role=role)
        .filter(status=BudgetStatus.REVIEW, event__deleted_at=None)
        .select_related("event__venue", "submitted_by")
        .order_by("submitted_at", "id")
    )
    return budgets


def approvals_waiting(*, account: Account, user_id: UUID, role: Role) -> QuerySet[Any] | None:
    """The budgets that this person may approve, to be counted; None for a role that approves nothing."""
    if not may(role, "budgets.approve"):
        return None
    waiting: QuerySet[Any] = EventBudget.objects.visible_to(user_id=user_id, role=role).filter(
        status=BudgetStatus.REVIEW
    )
    return waiting.exclude(submitted_by_id=user_id) if account.four_eyes else waiting
