from decimal import Decimal
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from budgetsite.money.allocation import round_together, smallest_unit


def fractions(*values: str) -> list[Fraction]:
    return [Fraction(value) for value in values]


@pytest.mark.parametrize(
    ("values", "unit", "expected"),
    [
        (fractions("100/3", "100/3", "100/3"), "0.01", ["33.34", "33.33", "33.33"]),
        (fractions("1/3", "2/3"), "1", ["0", "1"]),
        # The sum, 1.5, is rounded half up, and of equals the earlier gets the unit.
        (fractions("0.5", "0.5", "0.5"), "1", ["1", "1", "0"]),
        (fractions("0", "0.4", "0"), "1", ["0", "0", "0"]),
        (fractions("0", "0.6", "0.6"), "1", ["0", "1", "0"]),
        ([], "0.01", []),
    ],
)
def test_what_is_missing_goes_to_those_that_lost_most(values, unit, expected):
    assert round_together(values, Decimal(unit)) == [Decimal(amount) for amount in expected]


@pytest.mark.parametrize(("currency", "unit"), [("JPY", "1"), ("USD", "0.01"), ("KWD", "0.001")])
def test_the_smallest_unit_is_the_currencys(currency, unit):
    assert smallest_unit(currency) == Decimal(unit)


@given(
    st.lists(st.fractions(min_value=0, max_value=10**12, max_denominator=10**6), max_size=60),
    st.sampled_from([Decimal("1"), Decimal("0.01"), Decimal("0.001")]),
)
def test_the_sum_is_the_rounded_sum_and_nobody_moves_by_a_whole_unit(values, unit):
    rounded = round_together(values, unit)

    exact = sum(values, Fraction(0)) / Fraction(unit)
    assert Fraction(sum(rounded, Decimal(0))) / Fraction(unit) == (exact + Fraction(1, 2)).__floor__()
    for value, amount in zip(values, rounded, strict=True):
        assert abs(Fraction(amount) - value) < Fraction(unit)
        assert amount >= 0
        assert value or not amount
