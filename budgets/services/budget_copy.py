"""Opening a budget as a copy of an earlier one: last year's plan, or what came of it, times a factor."""

from dataclasses import dataclass
from decimal import ROUND_HALF_UP, Context, Decimal, InvalidOperation
from typing import Any
from uuid import UUID

from django.db import models, transaction

from budgets.models import BudgetLineItem, EventBudget, LineKind, PlanDriver
from budgets.services.driver import insert_drivers
from budgets.services.event_budget import create_event_budget
from budgets.services.funding_change import take_over_funding
from budgets.services.opening import fill_budget
from budgets.services.pricing import priced_amount
from budgets.services.problems import BudgetNotFound, BudgetProblem, LinesExceedTotal
from budgetsite.accounts.models import User
from budgetsite.money.amounts import format_amount, parse_amount, quantize
from events.models import Event

ZERO = Decimal(0)
MAX_FACTOR = Decimal(10)
FACTOR_DECIMALS = 4
_EXACT = Context(prec=50, rounding=ROUND_HALF_UP)


class CopyBasis(models.TextChoices):
    PLAN = "plan", "What was planned"
    ACTUAL = "actual", "What it came to"


class InvalidFactor(BudgetProblem):
    code = "invalid_factor"

    def __init__(self) -> None:
        super().__init__("The factor is more than 0 and 10 at most, with up to four decimals: 1.05 adds five percent.")


class CopyInOtherCurrency(BudgetProblem):
    """Amounts are never converted, and never taken over as they are."""

    code = "copy_in_other_currency"

    def __init__(self, *, source: str, event: str) -> None:
        self.source, self.event = source, event
        super().__init__(
            f"That budget is kept in {source} and the event's money is in {event}; amounts are never converted. "
            f"Choose a budget in {event}."
        )


class CopyExceedsTotal(LinesExceedTotal):
    code = "copy_exceeds_total"

    def __init__(self, *, lines_total: Decimal, total: Decimal, currency: str) -> None:
        super().__init__(lines_total=lines_total, total=total, currency=currency)
        planned, ceiling, excess = (
            format_amount(amount, currency, "en") for amount in (lines_total, total, lines_total - total)
        )
        self.args = (
            f"The copied lines add up to {planned} {currency}, {excess} more than the total of {ceiling}. "
            f"Raise the total to {planned} at least, lower the factor, or leave the total out.",
        )


@dataclass(frozen=True, slots=True)
class CopiedLine:
    """A line of the earlier budget, and what the new one has of it; its `driver_id` is that of the earlier budget."""

    source: BudgetLineItem
    fields: dict[str, Any]
    amount: Decimal


@dataclass(frozen=True, slots=True)
class CopiedPlan:
    """`drivers` are the new budget's quantities by their ids in the earlier one; `total` None follows the lines."""

    lines: list[CopiedLine]
    drivers: dict[UUID | None, dict[str, Any]]
    total: Decimal | None


@transaction.atomic
def copy_budget(
    *,
    source_id: UUID,
    event: Event,
    acting_user: User,
    factor: Decimal = Decimal(1),
    basis: CopyBasis = CopyBasis.PLAN,
    total_budget_amount: Decimal | None = None,
    notes: str = "",
) -> EventBudget:
    """Open an event's budget with the lines of another one, which the caller has found to be in sight.

    - Each amount, planned or actual (an actual below 0 is none), is multiplied by `factor` and rounded half up.
    - The quantities that lines follow come along, the number of guests as this event expects it. A line by quantity
      keeps its quantity; its unit price is multiplied, or is what a unit has come to.
    - The total follows the lines where it did. Otherwise it is `total_budget_amount`, or the total that was planned or
      spent times `factor`, and then at least what the rounded lines add up to.
    - Each line knows the one that it is based on, the budget the one that it is copied from. Notes stay behind.
    - The scoped budget that pays comes along where it is in force on the event's day.

    Raises `InvalidFactor`, `BudgetNotFound`, `CopyInOtherCurrency`, `CopyExceedsTotal` (above a given total), and as
    `create_event_budget`; nothing is stored then. The number of statements does not grow with the lines.
    """
    factor = parse_factor(factor)
    source: EventBudget | None = EventBudget.objects.filter(pk=source_id).first()
    if source is None:
        raise BudgetNotFound(source_id)
    plan = _plan(source, event, factor, basis, total_budget_amount)
    budget = create_event_budget(
        event=event,
        acting_user=acting_user,
        total_budget_amount=plan.total,
        notes=notes,
        copied_from=source,
    )
    take_over_funding(budget, source, day=event.event_date)
    made = insert_drivers(budget, plan.drivers.values())
    ids: dict[UUID | None, UUID] = dict(zip(plan.drivers, (driver.pk for driver in made), strict=True))
    return fill_budget(
        budget, [line.fields | {"driver_id": ids.get(line.fields.get("driver_id"))} for line in plan.lines]
    )


def look_at_copy(
    *,
    source: EventBudget,
    event: Event,
    factor: Decimal = Decimal(1),
    basis: CopyBasis = CopyBasis.PLAN,
    total_budget_amount: Decimal | None = None,
) -> CopiedPlan:
    """Return what `copy_budget` would open, and store nothing. Raises as that, except for what is there already."""
    return _plan(source, event, parse_factor(factor), basis, total_budget_amount)


def parse_factor(value: object) -> Decimal:
    """Return a factor above 0, 10 at most, with up to four decimals. Raises `InvalidFactor`."""
    try:
        factor = Decimal(str(value).strip())
    except InvalidOperation as error:
        raise InvalidFactor from error
    if not factor.is_finite() or not ZERO < factor <= MAX_FACTOR or factor != round(factor, FACTOR_DECIMALS):
        raise InvalidFactor
    return factor


def _plan(
    source: EventBudget, event: Event, factor: Decimal, basis: CopyBasis, wanted_total: Decimal | None
) -> CopiedPlan:
    if source.currency != event.currency:
        raise CopyInOtherCurrency(source=source.currency, event=event.currency)
    stored = BudgetLineItem.objects.filter(budget=source).select_related("category").order_by("sort_order", "id")
    drivers = _drivers_of(source, event)
    lines = []
    for line in stored:
        fields = _copy_of(line, drivers, factor, basis)
        lines.append(CopiedLine(source=line, fields=fields, amount=_amount(fields, source.currency)))
    return CopiedPlan(lines=lines, drivers=drivers, total=_total(source, lines, factor, basis, wanted_total))


def _drivers_of(source: EventBudget, event: Event) -> dict[UUID | None, dict[str, Any]]:
    """Return id in the source → what the new budget's quantity is to be."""
    copies: dict[UUID | None, dict[str, Any]] = {}
    for driver in PlanDriver.objects.filter(budget=source).order_by("name", "id"):
        quantity = driver.quantity
        if driver.follows_guests and event.expected_guests is not None:
            quantity = Decimal(event.expected_guests)
        copies[driver.pk] = {"name": driver.name, "quantity": quantity, "follows_guests": driver.follows_guests}
    return copies


def _copy_of(
    line: BudgetLineItem, drivers: dict[UUID | None, dict[str, Any]], factor: Decimal, basis: CopyBasis
) -> dict[str, Any]:
    """Return the new line; its `driver_id` is that of the source's quantity."""
    planned = line.budgeted_amount if basis == CopyBasis.PLAN else max(ZERO, line.actual_amount)
    fields: dict[str, Any] = {
        "kind": line.kind,
        "category": line.category,
        "section": line.section,
        "name": line.name,
        "description": line.description,
        "sort_order": line.sort_order,
        "based_on_id": line.pk,
    }
    if line.unit_price is None or line.quantity is None:
        return fields | {"budgeted_amount": _times(planned, factor, line.currency)}
    price = line.unit_price
    if basis == CopyBasis.ACTUAL and line.quantity:
        price = _EXACT.divide(planned, line.quantity)
    driver = drivers.get(line.driver_id)
    return fields | {
        "unit_price": _times(price, factor, line.currency),
        "quantity": line.quantity if driver is None else driver["quantity"],
        "driver_id": line.driver_id,
    }


def _times(amount: Decimal, factor: Decimal, currency: str) -> Decimal:
    return parse_amount(quantize(_EXACT.multiply(amount, factor), currency), currency)


def _total(
    source: EventBudget, lines: list[CopiedLine], factor: Decimal, basis: CopyBasis, wanted: Decimal | None
) -> Decimal | None:
    """Return the new budget's ceiling, None for one that follows its lines. Raises `CopyExceedsTotal`."""
    currency = source.currency
    costs = sum((line.amount for line in lines if line.source.kind == LineKind.COST), ZERO)
    if wanted:
        if costs > wanted:
            raise CopyExceedsTotal(lines_total=costs, total=wanted, currency=currency)
        return wanted
    if source.total_follows_lines:
        return None
    whole = source.total_budget_amount if basis == CopyBasis.PLAN else max(ZERO, source.total_actual_amount)
    return max(_times(whole, factor, currency), costs)


def _amount(copy: dict[str, Any], currency: str) -> Decimal:
    if "unit_price" in copy:
        return priced_amount(copy["quantity"], copy["unit_price"], currency)
    amount: Decimal = copy["budgeted_amount"]
    return amount
