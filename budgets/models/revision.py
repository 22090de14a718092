from decimal import Decimal
from typing import ClassVar

from django.conf import settings
from django.db import models

from budgets.models.category import Category
from budgets.models.event_budget import EventBudget
from budgets.models.line_item import BudgetLineItem, LineKind
from budgetsite.money.model_fields import AmountField, CurrencyField
from budgetsite.tenancy.models import TenantForeignKey, TenantRow


class BudgetRevision(TenantRow):
    """A plan as it was approved, whole and for ever. The one that is being worked on is the budget's own lines."""

    budget = TenantForeignKey(EventBudget, on_delete=models.PROTECT, related_name="revisions")
    number = models.PositiveIntegerField()
    # The budget's version that the approval led to.
    version = models.PositiveIntegerField()
    currency = CurrencyField()
    total_budget_amount = AmountField()
    total_follows_lines = models.BooleanField()
    projected_income_amount = AmountField(default=Decimal(0))
    notes = models.TextField(blank=True)
    # Why the plan before it was opened again; empty for the first.
    reason = models.TextField(blank=True)
    submitted_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, null=True, related_name="+", db_index=False
    )
    submitted_at = models.DateTimeField(null=True)
    approved_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, null=True, related_name="+", db_index=False
    )
    approved_at = models.DateTimeField()

    class Meta(TenantRow.Meta):
        constraints: ClassVar[list[models.BaseConstraint]] = [
            # Also serves reading a budget's revisions in order.
            models.UniqueConstraint(fields=["tenant", "budget", "number"], name="budgets_revision_one_per_number"),
        ]

    def __str__(self) -> str:
        return f"Revision {self.number}"


class PlanLine(TenantRow):
    """One line of an approved plan."""

    revision = TenantForeignKey(BudgetRevision, on_delete=models.PROTECT, related_name="lines")
    line_item = TenantForeignKey(BudgetLineItem, on_delete=models.PROTECT, related_name="approved_as")
    kind = models.CharField(max_length=10, choices=LineKind.choices)
    category = TenantForeignKey(Category, on_delete=models.PROTECT, related_name="+")
    section = models.CharField(max_length=200, blank=True)
    name = models.CharField(max_length=200)
    description = models.TextField(blank=True)
    notes = models.TextField(blank=True)
    budgeted_amount = AmountField()
    # What was in force before this plan, transfers included; 0 for a line new with it, NULL in the first plan.
    previous_amount = AmountField(null=True)
    quantity = models.DecimalField(max_digits=15, decimal_places=3, null=True)
    unit_price = AmountField(null=True)
    driver_id = models.UUIDField(null=True)
    transferred_amount = AmountField(default=Decimal(0))
    sort_order = models.IntegerField()

    class Meta(TenantRow.Meta):
        constraints: ClassVar[list[models.BaseConstraint]] = [
            # Also serves reading a revision's lines.
            models.UniqueConstraint(fields=["tenant", "revision", "line_item"], name="budgets_planline_one_per_line"),
        ]

    def __str__(self) -> str:
        return self.name
