from decimal import Decimal, localcontext
from fractions import Fraction

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from budgetsite.money.amounts import MAX_AMOUNT
from budgetsite.money.ratios import (
    PERCENTAGE_LIMIT,
    available,
    is_overspent,
    is_saturated,
    overrun,
    share_percentage,
    utilization_percentage,
    variance,
    variance_percentage,
)

amounts = st.decimals(min_value=-MAX_AMOUNT, max_value=MAX_AMOUNT, places=3)
plans = st.decimals(min_value=0, max_value=MAX_AMOUNT, places=3)


def percentage_by_fractions(part: Fraction, whole: Fraction) -> Decimal:
    """Two decimals, half away from zero, in whole numbers only; then the limit of numeric(12,2)."""
    hundredths = abs(part / whole) * 10000
    rounded = (2 * hundredths.numerator + hundredths.denominator) // (2 * hundredths.denominator)
    if part < 0:
        rounded = -rounded
    return Decimal(max(-999_999_999_999, min(999_999_999_999, rounded))).scaleb(-2)


@given(plans, amounts)
@example(Decimal("0.001"), MAX_AMOUNT)
@example(Decimal("2000"), Decimal("1999.9"))
def test_variance_percentage_agrees_with_fractions(budgeted, actual):
    result = variance_percentage(budgeted, actual)
    if budgeted == 0:
        assert result is None
    else:
        expected = percentage_by_fractions(Fraction(budgeted) - Fraction(actual), Fraction(budgeted))
        assert (result, result.as_tuple().exponent) == (expected, -2)


@given(plans, amounts, amounts)
@example(Decimal("0.001"), MAX_AMOUNT, MAX_AMOUNT)
@example(Decimal("0.001"), -MAX_AMOUNT, -MAX_AMOUNT)
def test_utilization_agrees_with_fractions(budgeted, committed, actual):
    result = utilization_percentage(budgeted, committed, actual)
    spent = Fraction(committed) + Fraction(actual)
    if budgeted == 0:
        assert result == (100 if spent > 0 else 0)
    else:
        assert result == percentage_by_fractions(spent, Fraction(budgeted))
    assert result.as_tuple().exponent == -2


@given(plans, amounts, amounts)
def test_the_words_fit_together(budgeted, committed, actual):
    assert available(budgeted, committed, actual) == variance(budgeted, actual) - committed
    assert overrun(budgeted, actual) == max(0, -variance(budgeted, actual))
    assert is_overspent(budgeted, actual) == (overrun(budgeted, actual) > 0)


@pytest.mark.parametrize(
    ("budgeted", "actual", "percentage"),
    [
        ("1000", "800", "20.00"),
        ("10000", "12000", "-20.00"),
        ("7570.00", "9037.85", "-19.39"),
        ("300", "200", "33.33"),
        ("300", "100", "66.67"),
        ("1000", "999.95", "0.01"),
        ("1000", "1000.05", "-0.01"),
        ("1000", "1000.04", "0.00"),
        ("1000", "1000", "0.00"),
    ],
)
def test_variance_percentage_is_rounded_half_up_to_two_decimals(budgeted, actual, percentage):
    assert str(variance_percentage(Decimal(budgeted), Decimal(actual))) == percentage


def test_variance_percentage_of_nothing_budgeted_is_none():
    assert variance_percentage(Decimal("0"), Decimal("0")) is None
    assert variance_percentage(Decimal("0.000"), Decimal("5")) is None


@pytest.mark.parametrize(
    ("budgeted", "committed", "actual", "percentage"),
    [
        ("1000", "0", "800", "80.00"),
        ("10000", "0", "10000", "100.00"),
        ("10000", "0", "12000", "120.00"),
        ("100", "1100", "0", "1100.00"),
        ("3", "1", "1", "66.67"),
        ("1000", "0", "-50", "-5.00"),
        ("0", "0", "0", "0.00"),
        ("0", "0.001", "0", "100.00"),
        ("0", "0", "0.01", "100.00"),
        ("0", "10", "-10", "0.00"),
        ("0", "0", "-10", "0.00"),
    ],
)
def test_utilization_counts_what_is_promised_and_what_is_spent(budgeted, committed, actual, percentage):
    assert str(utilization_percentage(Decimal(budgeted), Decimal(committed), Decimal(actual))) == percentage


def test_exactly_all_of_it_is_not_overspent():
    assert not is_overspent(Decimal("100.00"), Decimal("100"))
    assert is_overspent(Decimal("100.00"), Decimal("100.001"))


def test_overrun_is_never_negative():
    assert overrun(Decimal("100"), Decimal("40")) == 0
    assert overrun(Decimal("7570.00"), Decimal("9037.85")) == Decimal("1467.85")


def test_percentage_beyond_its_column_stops_at_the_largest_that_can_be_stored():
    smallest = Decimal("0.001")
    assert variance_percentage(smallest, MAX_AMOUNT) == -PERCENTAGE_LIMIT
    assert utilization_percentage(smallest, MAX_AMOUNT, MAX_AMOUNT) == PERCENTAGE_LIMIT
    assert is_saturated(-PERCENTAGE_LIMIT)
    assert len(PERCENTAGE_LIMIT.as_tuple().digits) == 12
    assert PERCENTAGE_LIMIT.as_tuple().exponent == -2


def test_percentage_just_below_the_limit_is_exact():
    percentage = share_percentage(Decimal("99999999.99"), Decimal("1"))
    assert percentage == Decimal("9999999999.00")
    assert not is_saturated(percentage)


def test_the_thread_s_decimal_context_changes_no_percentage():
    with localcontext() as context:
        context.prec = 4
        assert share_percentage(Decimal("123456.789"), Decimal("1")) == Decimal("12345678.90")
