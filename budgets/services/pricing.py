"""Lines that are quantity × unit price: what they come to, and where their quantity is from."""

from collections.abc import Mapping
from decimal import ROUND_HALF_UP, Context, Decimal, InvalidOperation
from typing import Any
from uuid import UUID

from budgets.models import BudgetLineItem, PlanDriver
from budgets.services.problems import DriverNotFound, IncompletePrice, PricedLine
from budgetsite.money.amounts import InvalidAmount, parse_amount, quantize

ZERO = Decimal(0)
# More than any event has of anything; with it a quantity times a price stays far from overflowing.
MAX_QUANTITY = Decimal("999999999.999")
_EXACT = Context(prec=50, rounding=ROUND_HALF_UP)


def priced_amount(quantity: Decimal, unit_price: Decimal, currency: str, *, transferred: Decimal = ZERO) -> Decimal:
    """Return quantity × unit price with what transfers have moved, in the currency's decimals, never below 0.

    Raises `InvalidAmount` when that is more than can be kept.
    """
    product = quantize(_EXACT.multiply(quantity, unit_price), currency)
    return parse_amount(max(ZERO, product + transferred), currency)


def parse_quantity(value: object) -> Decimal:
    """Return a quantity of 0 to 999,999,999.999 with up to three decimals. Raises `InvalidAmount`."""
    try:
        number = Decimal(str(value))
        rounded = number.quantize(Decimal("0.001"), context=_EXACT)
    except InvalidOperation as error:
        raise InvalidAmount("invalid", "Write the quantity in plain digits, such as 120 or 7.5.") from error
    if not number.is_finite():
        raise InvalidAmount("not_finite", "A quantity must be a number, such as 120.")
    if rounded != number:
        raise InvalidAmount("too_many_decimals", "A quantity has three decimals at most.")
    if not ZERO <= rounded <= MAX_QUANTITY:
        raise InvalidAmount("out_of_range", "A quantity is between 0 and 999,999,999.999.")
    return rounded


def driver_quantities(budget_id: UUID) -> dict[UUID, Decimal]:
    """Return the quantities that lines of a budget may follow, by id: for pricing many lines with one statement."""
    return dict(PlanDriver.objects.filter(budget_id=budget_id).values_list("pk", "quantity"))


def price_line(line: BudgetLineItem, quantities: Mapping[UUID, Decimal] | None = None) -> None:
    """Set the amount of a line with a unit price to what it comes to, its quantity to its driver's.

    A line without a unit price is left as it is. `quantities` are `driver_quantities`, read here when they are not
    given. Raises `IncompletePrice` when only one of the two is there, `DriverNotFound` for a driver of another budget,
    `InvalidAmount`.
    """
    if line.driver_id is not None:
        quantity = (driver_quantities(line.budget_id) if quantities is None else quantities).get(line.driver_id)
        if quantity is None:
            raise DriverNotFound(line.driver_id)
        line.quantity = quantity
    if line.unit_price is None and line.quantity is None:
        return
    if line.unit_price is None or line.quantity is None:
        raise IncompletePrice
    line.budgeted_amount = priced_amount(
        line.quantity, line.unit_price, line.currency, transferred=line.transferred_amount
    )


def refuse_amount_beside_price(line: BudgetLineItem, values: dict[str, Any]) -> None:
    """Raise `PricedLine` when `values` set the amount of a line that will be quantity × unit price.

    Sending the amount that it has is no change, so that what was read can be sent back.
    """
    priced = values.get("unit_price", line.unit_price) is not None
    if priced and "budgeted_amount" in values:
        if values["budgeted_amount"] != line.budgeted_amount and not values.keys() & {"unit_price", "quantity"}:
            raise PricedLine(line.name)
        del values["budgeted_amount"]
