from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from typing import Any, ClassVar
from uuid import UUID

import pgtrigger
from django.db import models
from django.utils import timezone

from budgets.models.category import Category
from budgets.models.event_budget import EventBudget
from budgets.models.projected import ProjectedModel
from budgetsite.money import ratios
from budgetsite.money.model_fields import AmountField, CurrencyField
from budgetsite.tenancy.history import TenantHistory
from budgetsite.tenancy.models import TenantForeignKey


class LineKind(models.TextChoices):
    COST = "cost", "Cost"
    INCOME = "income", "Income"


@dataclass(slots=True)
class LineSave:
    """One save of a line: what it changes of the plan, the budget it was in, and what is posted once it is written."""

    changed: set[str]
    old_budget_id: UUID | None = None
    wanted_actual: Decimal | None = None
    # (committed, actual) on their way from one budget to another.
    moved_money: tuple[Decimal, Decimal] | None = None
    # All that one save posts carries one moment.
    at: datetime = field(default_factory=timezone.now)
    kept_aside: dict[str, Any] = field(default_factory=dict)

    @property
    def moves(self) -> bool:
        return "budget_id" in self.changed and self.old_budget_id is not None


class BudgetLineItem(ProjectedModel):
    """One line of a budget's plan, with what was promised and spent on it (projections of the ledger).

    Setting `actual_amount` and saving posts the difference to the ledger; the save itself never writes it.
    """

    budget = TenantForeignKey(EventBudget, on_delete=models.CASCADE, related_name="line_items")
    # Money that comes in (a sponsor, tickets, the client's fee) counts to the event's result, never to the spend.
    kind = models.CharField(max_length=10, choices=LineKind.choices, default=LineKind.COST)
    category = TenantForeignKey(Category, on_delete=models.PROTECT, related_name="line_items")
    # Made by spending on a category that the plan has no line for; the plan has 0 here until somebody plans for it.
    is_unbudgeted = models.BooleanField(default=False, editable=False)
    section = models.CharField(max_length=200, blank=True, help_text="The part of the event that it belongs to.")
    name = models.CharField(max_length=200)
    description = models.TextField(blank=True)
    # The budget's, copied so that a line can be shown and checked without it.
    currency = CurrencyField()
    budgeted_amount = AmountField(default=Decimal(0))
    # While the plan is revised: what the plan in force has here, 0 for a line that is new. NULL otherwise.
    approved_amount = AmountField(null=True, default=None, editable=False)
    # A line with a unit price is quantity × unit price; the quantity is its driver's where it has one.
    driver = TenantForeignKey(
        "budgets.PlanDriver", on_delete=models.PROTECT, null=True, blank=True, related_name="lines"
    )
    quantity = models.DecimalField(max_digits=15, decimal_places=3, null=True, blank=True)
    unit_price = AmountField(null=True, blank=True)
    # What transfers have added to quantity × unit price, or taken from it.
    transferred_amount = AmountField(default=Decimal(0), editable=False)
    # The line of an earlier budget that it was copied from: last year's figures stand beside it.
    based_on = TenantForeignKey(
        "self", on_delete=models.PROTECT, null=True, blank=True, editable=False, related_name="copies"
    )
    committed_amount = AmountField(default=Decimal(0))
    actual_amount = AmountField(default=Decimal(0))
    variance_amount = AmountField(default=Decimal(0))
    sort_order = models.IntegerField(default=0)
    notes = models.TextField(blank=True)
    # The version of the budget in which this line last changed; who has read that or a later one is up to date.
    version = models.PositiveIntegerField(default=1)
    # What deleting the line took out of the budget; restoring it puts this back.
    deleted_actual_amount = AmountField(default=Decimal(0))

    plan_fields: ClassVar[tuple[str, ...]] = (
        "budget_id",
        "category_id",
        "section",
        "name",
        "description",
        "budgeted_amount",
        "driver_id",
        "quantity",
        "unit_price",
        "transferred_amount",
        "sort_order",
        "notes",
    )
    projections: ClassVar[tuple[str, ...]] = (
        "committed_amount",
        "actual_amount",
        "variance_amount",
        "approved_amount",
        "deleted_actual_amount",
    )

    tracked = (*plan_fields, "actual_amount")
    # A save also writes what follows from it: a driver's quantity and the amount that it makes.
    numbered_by = (
        "version",
        "variance_amount",
        "approved_amount",
        "budgeted_amount",
        "quantity",
        "transferred_amount",
    )

    history = TenantHistory(projections=projections)

    class Meta(ProjectedModel.Meta):
        constraints: ClassVar[list[models.BaseConstraint]] = [
            models.CheckConstraint(
                condition=models.Q(budgeted_amount__gte=0),
                name="budgets_budgetlineitem_budgeted_not_negative",
            ),
            models.CheckConstraint(
                condition=models.Q(committed_amount__gte=0),
                name="budgets_budgetlineitem_committed_not_negative",
            ),
            models.CheckConstraint(
                condition=models.Q(kind__in=LineKind.values), name="budgets_budgetlineitem_kind_known"
            ),
            models.CheckConstraint(
                condition=models.Q(approved_amount__isnull=True) | models.Q(approved_amount__gte=0),
                name="budgets_budgetlineitem_approved_not_negative",
            ),
            # Quantity × unit price is both or neither.
            models.CheckConstraint(
                condition=models.Q(quantity__isnull=True, unit_price__isnull=True, driver__isnull=True)
                | models.Q(quantity__gte=0, unit_price__gte=0),
                name="budgets_budgetlineitem_priced_whole",
            ),
            # Income is received, never promised to anybody.
            models.CheckConstraint(
                condition=models.Q(kind=LineKind.COST) | models.Q(committed_amount=0),
                name="budgets_budgetlineitem_income_not_committed",
            ),
        ]
        triggers: ClassVar[list[pgtrigger.Trigger]] = [
            *ProjectedModel.Meta.triggers,
            pgtrigger.Trigger(
                name="keep_kind",
                operation=pgtrigger.Update,
                when=pgtrigger.Before,
                condition=pgtrigger.Q(old__kind__df=pgtrigger.F("new__kind")),
                func="RAISE EXCEPTION 'a line of cost never becomes one of income' USING ERRCODE = 'check_violation';",
            ),
        ]
        indexes: ClassVar[list[models.Index]] = [
            # The lines of a budget, in their order.
            models.Index(fields=["tenant", "budget", "sort_order", "id"], name="budgets_line_of_budget"),
            # Sums by category; whether a category is in use.
            models.Index(fields=["tenant", "category"], name="budgets_line_by_category"),
            # The lines that follow a driver.
            models.Index(
                fields=["tenant", "driver"],
                condition=models.Q(driver__isnull=False),
                name="budgets_line_of_driver",
            ),
        ]

    # What the save under way is about; set and read by the receivers' services.
    save_under_way: "LineSave | None" = None

    def __str__(self) -> str:
        return self.name

    @property
    def is_income(self) -> bool:
        return self.kind == LineKind.INCOME

    @property
    def in_force_amount(self) -> Decimal:
        """What the plan in force has here: the approved one while a revision is worked on."""
        return self.budgeted_amount if self.approved_amount is None else self.approved_amount

    @property
    def available_amount(self) -> Decimal:
        return ratios.available(self.in_force_amount, self.committed_amount, self.actual_amount)

    @property
    def overrun_amount(self) -> Decimal:
        return ratios.overrun(self.in_force_amount, self.actual_amount)

    @property
    def utilization_percentage(self) -> Decimal:
        return ratios.utilization_percentage(self.in_force_amount, self.committed_amount, self.actual_amount)

    @property
    def variance_percentage(self) -> Decimal | None:
        return ratios.variance_percentage(self.in_force_amount, self.actual_amount)
