from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any, ClassVar

from django.db import models
from django.db.models import Q
from django.db.models.functions import Lower

from budgets.models.event_budget import EventBudget
from budgets.models.projected import ProjectedModel
from budgetsite.tenancy.history import TenantHistory
from budgetsite.tenancy.models import TenantForeignKey


@dataclass(slots=True)
class DriverSave:
    """One save of a driver: whether the lines that follow it have to be recomputed once it is written."""

    currency: str
    changes_quantity: bool
    kept_aside: dict[str, Any] = field(default_factory=dict)


class PlanDriver(ProjectedModel):
    """A number that lines of a plan follow: how many guests, days, hours. A changed one recomputes its lines."""

    budget = TenantForeignKey(EventBudget, on_delete=models.CASCADE, related_name="drivers")
    name = models.CharField(max_length=60)
    quantity = models.DecimalField(max_digits=15, decimal_places=3, default=Decimal(0))
    follows_guests = models.BooleanField(
        default=False, help_text="Follows the number of guests that the event expects, while the plan is a draft."
    )

    # The version of the budget in which it last changed; who has read that or a later one is up to date.
    version = models.PositiveIntegerField(default=1, editable=False)

    tracked: ClassVar[tuple[str, ...]] = ("budget_id", "name", "quantity", "follows_guests")
    numbered_by: ClassVar[tuple[str, ...]] = ("version",)

    history = TenantHistory()

    class Meta(ProjectedModel.Meta):
        constraints: ClassVar[list[models.BaseConstraint]] = [
            models.CheckConstraint(condition=Q(quantity__gte=0), name="budgets_plandriver_quantity_not_negative"),
            # Also serves reading a budget's drivers.
            models.UniqueConstraint(
                "tenant",
                "budget",
                Lower("name"),
                condition=Q(deleted_at=None),
                name="budgets_plandriver_one_per_name",
            ),
            models.UniqueConstraint(
                fields=["tenant", "budget"],
                condition=Q(deleted_at=None, follows_guests=True),
                name="budgets_plandriver_one_for_guests",
            ),
        ]

    # What the save under way is about; set and read by the receivers' services.
    save_under_way: "DriverSave | None" = None

    def __str__(self) -> str:
        return self.name
