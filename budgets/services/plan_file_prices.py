"""Lines of a file that are quantity × unit price, and the numbers of the plan that they follow."""

from dataclasses import dataclass
from decimal import Decimal
from typing import Any
from uuid import UUID

from budgets.models import EventBudget, PlanDriver
from budgets.services.driver import insert_drivers
from budgets.services.driver_effects import plain
from budgets.services.plan_file import ImportProblem, LinePrice
from budgets.services.pricing import PriceOutOfRange, priced_amount
from budgets.services.problems import IncompletePrice
from budgetsite.money.amounts import InvalidAmount, format_amount
from budgetsite.sheets.columns import Row

ZERO = Decimal(0)


@dataclass(frozen=True, slots=True)
class _Number:
    """A number as the budget has it, or as a row of the file (0 for the budget's) said it first."""

    name: str
    quantity: Decimal
    row: int = 0


class PricesInFile:
    """Prices the rows of one file, and collects the numbers that are to be made for them."""

    def __init__(self, budget: EventBudget | None, currency: str) -> None:
        self._currency = currency
        self._ids: dict[str, UUID] = {}
        self._numbers: dict[str, _Number] = {}
        for driver in PlanDriver.objects.filter(budget=budget) if budget is not None else ():
            self._ids[driver.name.lower()] = driver.pk
            self._numbers[driver.name.lower()] = _Number(driver.name, driver.quantity)

    @property
    def new_names(self) -> list[str]:
        return [number.name for number in self._numbers.values() if number.row]

    def price(self, row: Row) -> LinePrice | ImportProblem | None:
        """Return a row's price, None for one that has an amount of its own, or what is wrong with it, at its column."""
        values = row.values
        quantity, unit_price, name = values["quantity"], values["unit_price"], values["driver"] or ""
        if unit_price is None:
            if quantity is None and not name:
                return None
            return _problem(row, "unit_price", IncompletePrice.code, str(IncompletePrice()))
        if name:
            found = self._number(row, name, quantity)
            if isinstance(found, ImportProblem):
                return found
            name, quantity = found.name, found.quantity
        if quantity is None:
            return _problem(row, "quantity", IncompletePrice.code, str(IncompletePrice()))
        return self._priced(row, quantity, unit_price, name)

    def make_new(self, budget: EventBudget) -> None:
        """Make the numbers that the budget, which is locked, does not have yet."""
        new = [number for number in self._numbers.values() if number.row]
        made = insert_drivers(budget, [{"name": number.name, "quantity": number.quantity} for number in new])
        self._ids |= {driver.name.lower(): driver.pk for driver in made}

    def fields(self, price: LinePrice) -> dict[str, Any]:
        """Return a priced line's fields as `insert_lines` takes them."""
        return {
            "unit_price": price.unit_price,
            "transferred_amount": price.transferred_amount,
            **({"driver_id": self._ids[price.driver.lower()]} if price.driver else {"quantity": price.quantity}),
        }

    def _number(self, row: Row, name: str, quantity: Decimal | None) -> _Number | ImportProblem:
        name = " ".join(name.split())
        known = self._numbers.get(name.lower())
        if known is None:
            if quantity is None:
                return _problem(
                    row, "quantity", "required", f"Say how many “{name}” are: this plan does not count them."
                )
            known = self._numbers[name.lower()] = _Number(name, quantity, row.number)
        if quantity is not None and quantity != known.quantity:
            where = f"row {known.row} of the file" if known.row else "this budget"
            return _problem(
                row,
                "quantity",
                "quantity_is_drivers",
                f"“{known.name}” is {plain(known.quantity)} in {where}. Empty this cell, or write the same number.",
            )
        return known

    def _priced(self, row: Row, quantity: Decimal, unit_price: Decimal, driver: str) -> LinePrice | ImportProblem:
        transferred = row.values["transferred_amount"] or ZERO
        try:
            amount = priced_amount(quantity, unit_price, self._currency, transferred=transferred)
        except InvalidAmount:
            return _problem(row, "unit_price", PriceOutOfRange.code, str(PriceOutOfRange(row.values["name"])))
        written = row.values["budgeted_amount"]
        if written is not None and written != amount:
            shown = format_amount(amount, self._currency, "en")
            return _problem(
                row,
                "budgeted_amount",
                "priced_line",
                f"Quantity × unit price is {shown} {self._currency}. Empty this cell, or mend one of the three.",
            )
        return LinePrice(quantity, unit_price, transferred, driver, amount)


def _problem(row: Row, column: str, code: str, message: str) -> ImportProblem:
    value = row.values[column]
    shown = plain(value) if column == "quantity" and value is not None else str(value or "")
    return ImportProblem(row.number, column, column, code, message, shown)
