"""Reading the quantities that a plan counts."""

from dataclasses import dataclass
from decimal import Decimal
from uuid import UUID

from django.db.models import Count, IntegerField, OuterRef, QuerySet, Subquery, Value
from django.db.models.functions import Coalesce

from budgets.models import PLANNING_STATUSES, BudgetLineItem, EventBudget, PlanDriver


@dataclass(frozen=True, slots=True)
class GuestsApart:
    """The plan counts other guests than the event expects. `may_take_over`: the plan may be changed."""

    driver_id: UUID
    counted: Decimal
    expected: int
    may_take_over: bool


def drivers_of(budget_id: UUID) -> QuerySet[PlanDriver]:
    """Return a budget's drivers by name, each with how many live lines follow it (`lines_count`). One statement."""
    lines = (
        BudgetLineItem.objects.filter(driver=OuterRef("pk")).order_by().values("driver").annotate(number=Count("pk"))
    )
    drivers: QuerySet[PlanDriver] = PlanDriver.objects.filter(budget_id=budget_id)
    return drivers.annotate(
        lines_count=Coalesce(Subquery(lines.values("number"), output_field=IntegerField()), Value(0))
    ).order_by("name", "id")


def guests_apart(budget: EventBudget) -> GuestsApart | None:
    """Return how the plan's guests differ from the event's; None where they agree or one of them is not known.

    A draft follows the event by itself. The two come apart while the plan is fixed, and stay so until someone takes
    the event's number over.
    """
    found = (
        PlanDriver.objects.filter(budget=budget, follows_guests=True)
        .values_list("pk", "quantity", "budget__event__expected_guests")
        .first()
    )
    if found is None or found[2] is None or found[1] == found[2]:
        return None
    return GuestsApart(
        driver_id=found[0],
        counted=found[1],
        expected=found[2],
        may_take_over=budget.status in PLANNING_STATUSES,
    )
