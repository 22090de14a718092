"""Lines that are quantity × unit price: what they come to, and where their quantity is from."""

from collections.abc import Mapping
from decimal import ROUND_HALF_UP, Context, Decimal
from typing import Any
from uuid import UUID

from budgets.models import BudgetLineItem, PlanDriver
from budgets.services.problems import BudgetProblem, DriverNotFound, IncompletePrice, PricedLine
from budgetsite.money.amounts import InvalidAmount, parse_amount, quantize

ZERO = Decimal(0)
# More than any event has of anything; with it a quantity times a price stays far from overflowing.
MAX_QUANTITY = Decimal("999999999.999")
_EXACT = Context(prec=50, rounding=ROUND_HALF_UP)
_QUANTITY_MESSAGES = {
    "invalid": "Write the quantity in plain digits, such as 120 or 7.5.",
    "not_finite": "A quantity must be a number, such as 120.",
    "too_many_decimals": "A quantity has three decimals at most.",
    "out_of_range": "A quantity is between 0 and 999,999,999.999.",
}


class PriceOutOfRange(BudgetProblem):
    code = "out_of_range"

    def __init__(self, name: str) -> None:
        self.name = name
        super().__init__(f"The quantity × unit price of “{name}” comes to more than can be kept. Lower one of the two.")


class QuantityIsDrivers(BudgetProblem):
    """The quantity of a line that follows a driver is that driver's."""

    code = "quantity_is_drivers"

    def __init__(self, name: str) -> None:
        self.name = name
        super().__init__(
            f"“{name}” follows a number of the plan. Change that number, "
            "or let the line follow none to give it a quantity of its own."
        )


def priced_amount(quantity: Decimal, unit_price: Decimal, currency: str, *, transferred: Decimal = ZERO) -> Decimal:
    """Return quantity × unit price with what transfers have moved, in the currency's decimals, never below 0.

    Raises `InvalidAmount` when that is more than can be kept.
    """
    return parse_amount(max(ZERO, _product(quantity, unit_price, currency) + transferred), currency)


def parse_quantity(value: object) -> Decimal:
    """Return a quantity of 0 to 999,999,999.999 with up to three decimals, read as `parse_amount` reads an amount.

    Raises `InvalidAmount`.
    """
    try:
        quantity = parse_amount(value, None)
    except InvalidAmount as error:
        raise InvalidAmount(error.code, _QUANTITY_MESSAGES.get(error.code, error.message)) from error
    if not ZERO <= quantity <= MAX_QUANTITY:
        raise InvalidAmount("out_of_range", _QUANTITY_MESSAGES["out_of_range"])
    return quantity


def driver_quantities(budget_id: UUID) -> dict[UUID, Decimal]:
    """Return the quantities that lines of a budget may follow, by id: for pricing many lines with one statement."""
    return dict(PlanDriver.objects.filter(budget_id=budget_id).values_list("pk", "quantity"))


def price_line(line: BudgetLineItem, quantities: Mapping[UUID, Decimal] | None = None) -> None:
    """Set the amount of a line with a unit price to what it comes to, its quantity to its driver's.

    That is `priced_amount`. A line without a unit price is left as it is. `quantities` are `driver_quantities`, read
    here when they are not given. Raises `IncompletePrice` when only one of the two is there, `DriverNotFound` for a
    driver of another budget, `PriceOutOfRange`.
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
    # What was transferred away beyond the whole amount is forgotten: later transfers add to 0.
    line.transferred_amount = max(line.transferred_amount, -_product(line.quantity, line.unit_price, line.currency))
    try:
        line.budgeted_amount = priced_amount(
            line.quantity, line.unit_price, line.currency, transferred=line.transferred_amount
        )
    except InvalidAmount as error:
        raise PriceOutOfRange(line.name) from error


def set_plan(line: BudgetLineItem, values: dict[str, Any]) -> None:
    """Set a stored line's plan to `values` (of a writer who has read it), so that price and amount stay one.

    A unit price of None is taken away: the quantity goes along, and the amount stays unless another is sent. One that
    is new makes the amount anew, whatever was transferred before. An amount beside a price, and a quantity beside a
    driver, may be sent as they were read or as they come out; raises `PricedLine` or `QuantityIsDrivers` for any other,
    and as `price_line`.
    """
    had = {name: getattr(line, name) for name in ("unit_price", "quantity", "driver_id", "budgeted_amount")}
    if _takes_price_away(values, had):
        values = {**values, "unit_price": None, "quantity": None, "driver_id": None}
    for name, value in values.items():
        setattr(line, name, value)
    if line.unit_price is not None and had["unit_price"] is None:
        line.transferred_amount = ZERO
    price_line(line)
    if line.driver_id is not None and values.get("quantity") not in (None, had["quantity"], line.quantity):
        raise QuantityIsDrivers(line.name)
    if line.unit_price is not None and values.get("budgeted_amount") not in (
        None,
        had["budgeted_amount"],
        line.budgeted_amount,
    ):
        raise PricedLine(line.name)


def _takes_price_away(values: dict[str, Any], had: dict[str, Any]) -> bool:
    if "unit_price" not in values or values["unit_price"] is not None:
        return False
    return all(values.get(name) in (None, had[name]) for name in ("quantity", "driver_id"))


def _product(quantity: Decimal, unit_price: Decimal, currency: str) -> Decimal:
    return quantize(_EXACT.multiply(quantity, unit_price), currency)
