from typing import ClassVar

from django.conf import settings
from django.db import models

from budgets.models.event_budget import BudgetStatus, EventBudget
from budgetsite.tenancy.models import TenantForeignKey, TenantRow


class BudgetDecision(TenantRow):
    """One move of a budget's status: who, when, from where to where, and why. Append-only."""

    budget = TenantForeignKey(EventBudget, on_delete=models.PROTECT, related_name="decisions")
    action = models.CharField(max_length=20)
    # Approval may take several stages; each is a decision of its own.
    stage = models.PositiveSmallIntegerField(default=1)
    from_status = models.CharField(max_length=20, choices=BudgetStatus.choices)
    to_status = models.CharField(max_length=20, choices=BudgetStatus.choices)
    # The version that the move led to, and the revision of the plan that it was about.
    version = models.PositiveIntegerField()
    revision = models.PositiveIntegerField()
    actor = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, null=True, related_name="+", db_index=False
    )
    role = models.CharField(max_length=20)
    reason = models.TextField(blank=True)

    class Meta(TenantRow.Meta):
        indexes: ClassVar[list[models.Index]] = [
            # A budget's story, in order.
            models.Index(fields=["tenant", "budget", "created_at", "id"], name="budgets_decision_of_budget"),
        ]

    def __str__(self) -> str:
        return f"{self.action} ({self.from_status} → {self.to_status})"
