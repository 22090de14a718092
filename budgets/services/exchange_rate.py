"""The account's table of exchange rates, and what an amount in one currency is in another by it."""

from dataclasses import dataclass
from datetime import date
from decimal import Decimal

from django.db.models import Q

from budgets.models import ExchangeRate
from budgets.models.exchange_rate import LARGEST_RATE, RATE_DECIMALS, SMALLEST_RATE
from budgets.services.expense_problems import RateMissing, RateOutOfRange
from budgetsite.money.amounts import parse_amount, quantize

_STEP = Decimal(1).scaleb(-RATE_DECIMALS)
BY_HAND = "entered with the expense"


@dataclass(frozen=True, slots=True)
class Conversion:
    """How amounts of an expense become amounts of its budget; `rate` is None where both have one currency."""

    budget_currency: str
    rate: Decimal | None = None
    on_date: date | None = None
    source: str = ""

    def to_budget(self, amount: Decimal) -> Decimal:
        """Return `amount` in the budget's currency, rounded half up to its decimals. Raises `InvalidAmount`."""
        if self.rate is None:
            return amount
        return parse_amount(quantize(amount * self.rate, self.budget_currency), self.budget_currency)


def conversion(
    *, currency: str, budget_currency: str, on_date: date, rate: Decimal | None = None, source: str = ""
) -> Conversion:
    """Return how to convert on a day: by `rate` where it is given, by the account's table otherwise.

    The table's last rate on or before the day counts; one that is only there the other way round is turned. Raises
    `RateMissing`, `RateOutOfRange`.
    """
    if currency == budget_currency:
        return Conversion(budget_currency)
    if rate is not None:
        return Conversion(budget_currency, checked_rate(rate), on_date, source.strip() or BY_HAND)
    direct = Q(base_currency=currency, quote_currency=budget_currency)
    turned = Q(base_currency=budget_currency, quote_currency=currency)
    found: ExchangeRate | None = (
        ExchangeRate.objects.filter(direct | turned, on_date__lte=on_date)
        .order_by("-on_date", "quote_currency" if budget_currency < currency else "-quote_currency")
        .first()
    )
    if found is None:
        raise RateMissing(currency, budget_currency, on_date)
    if found.base_currency == currency:
        return Conversion(budget_currency, found.rate, found.on_date, found.source)
    turned_rate = max((1 / found.rate).quantize(_STEP), SMALLEST_RATE)
    return Conversion(budget_currency, turned_rate, found.on_date, f"{found.source} (turned round)"[:200])


def checked_rate(rate: Decimal) -> Decimal:
    """Return a rate that can be stored exactly. Raises `RateOutOfRange`."""
    if not rate.is_finite() or not SMALLEST_RATE <= rate <= LARGEST_RATE or rate != rate.quantize(_STEP):
        raise RateOutOfRange
    return rate.quantize(_STEP)
