from decimal import Decimal
from typing import ClassVar

from django.db import models
from django.db.models import F, Q

from budgets.models.scoped_budget import ScopedBudget
from budgetsite.money.model_fields import UsageTotalField
from budgetsite.tenancy.models import TenantForeignKey, TenantModel


class BudgetWindow(TenantModel):
    """The running figures of a scoped budget in one of its windows, written with each entry (design §8).

    A budget that stops what does not fit has one row for each window (shard 0). One that stops nothing has several:
    each database connection counts in a row of its own, so that strangers who spend under the same budget do not
    queue for it; its figures are the sums. All figures of it and of everything below it. Counting
    anew (`window_rebuilding`) deletes rows and makes others.
    """

    budget = TenantForeignKey(ScopedBudget, on_delete=models.PROTECT, related_name="windows")
    window_start = models.DateTimeField()
    # Exclusive.
    window_end = models.DateTimeField()
    shard = models.PositiveSmallIntegerField(default=0)
    committed_amount = UsageTotalField(default=Decimal(0))
    actual_amount = UsageTotalField(default=Decimal(0))
    # Held by reservations that nobody has settled or released, expired ones included until a job frees them.
    reserved_amount = UsageTotalField(default=Decimal(0))
    entries_count = models.BigIntegerField(default=0)

    class Meta(TenantModel.Meta):
        # As its pages call it.
        verbose_name = "period"
        constraints: ClassVar[list[models.BaseConstraint]] = [
            # Also serves reading a window's figures, and counting in it.
            models.UniqueConstraint(
                fields=["tenant", "budget", "window_start", "shard"],
                condition=Q(deleted_at=None),
                name="budgets_budgetwindow_one_per_shard",
            ),
            # A window of no length is a day that its time zone has skipped.
            models.CheckConstraint(
                condition=Q(window_end__gte=F("window_start")), name="budgets_budgetwindow_ends_after_start"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.window_start:%Y-%m-%d}"
