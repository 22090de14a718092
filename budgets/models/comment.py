from typing import ClassVar

from django.conf import settings
from django.db import models

from budgets.models.event_budget import EventBudget
from budgets.models.expense import Expense
from budgetsite.tenancy.models import TenantForeignKey, TenantModel


class BudgetComment(TenantModel):
    """What the team and the client say to each other about a budget, or about one of its expenses."""

    budget = TenantForeignKey(EventBudget, on_delete=models.CASCADE, related_name="comments")
    expense = TenantForeignKey(Expense, on_delete=models.PROTECT, null=True, blank=True, related_name="comments")
    author = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+", db_index=False)
    text = models.TextField()

    class Meta(TenantModel.Meta):
        indexes: ClassVar[list[models.Index]] = [
            # What is said about a budget, or about one expense, in order.
            models.Index(fields=["tenant", "budget", "created_at", "id"], name="budgets_comment_of_budget"),
            models.Index(
                fields=["tenant", "expense", "created_at", "id"],
                condition=models.Q(expense__isnull=False),
                name="budgets_comment_of_expense",
            ),
        ]

    def __str__(self) -> str:
        return f"Comment {self.pk}"
