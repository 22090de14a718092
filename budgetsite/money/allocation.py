"""Shares of a whole: rounding several values so that their sum is the rounded sum, by the largest remainder."""

from collections.abc import Sequence
from decimal import Decimal
from fractions import Fraction

from budgetsite.money.currencies import decimal_places


def round_together(values: Sequence[Fraction], unit: Decimal) -> list[Decimal]:
    """Return each value as a multiple of `unit`, so that they add up to their exact sum rounded half up.

    Each is rounded down, and what is missing then goes, one unit each, to those that lost most; of equals to the
    earlier one. The values are 0 or more.
    """
    step = Fraction(unit)
    exact = [value / step for value in values]
    whole = [value.numerator // value.denominator for value in exact]
    total = sum(exact, Fraction(0)) + Fraction(1, 2)
    missing = total.numerator // total.denominator - sum(whole)
    by_remainder = sorted(range(len(exact)), key=lambda place: whole[place] - exact[place])
    for place in by_remainder[:missing]:
        whole[place] += 1
    return [number * unit for number in whole]


def smallest_unit(currency: str) -> Decimal:
    """Return the smallest amount of a currency: 0.01 in USD, 1 in JPY. Raises `UnknownCurrency`."""
    return Decimal(1).scaleb(-decimal_places(currency))


def share_in_words(share: Decimal) -> str:
    """Return a percentage with the decimals that it has, three at most: 100%, 33.333%."""
    text = format(share.quantize(Decimal("0.001")), "f").rstrip("0").rstrip(".")
    return f"{text}%"
