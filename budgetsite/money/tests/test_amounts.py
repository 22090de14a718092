from decimal import Decimal, localcontext

import pytest
from hypothesis import given
from hypothesis import strategies as st

from budgetsite.money.amounts import (
    MAX_AMOUNT,
    InvalidAmount,
    amount_to_json,
    babel_locale,
    format_amount,
    format_money,
    format_usage,
    parse_amount,
    quantize,
)
from budgetsite.money.currencies import CURRENCY_CODES, UnknownCurrency, decimal_places


def refusal(value, currency="USD", **options):
    with pytest.raises(InvalidAmount) as caught:
        parse_amount(value, currency, **options)
    return caught.value


@st.composite
def amounts_in_a_currency(draw):
    currency = draw(st.sampled_from(CURRENCY_CODES))
    decimals = decimal_places(currency)
    largest = int(MAX_AMOUNT.scaleb(decimals))
    units = draw(st.integers(min_value=-largest, max_value=largest))
    return Decimal(units).scaleb(-decimals), currency


@pytest.mark.parametrize(
    ("value", "currency", "expected"),
    [
        ("1234.5", "USD", "1234.50"),
        (" 12.34\r\n", "USD", "12.34"),
        ("12.340", "USD", "12.34"),
        ("12.34000000000000000000", "USD", "12.34"),
        (".5", "USD", "0.50"),
        ("5.", "USD", "5.00"),
        ("+5", "USD", "5.00"),
        ("-5.25", "USD", "-5.25"),
        ("-0.00", "USD", "0.00"),
        ("0000012", "USD", "12.00"),
        ("1500", "JPY", "1500"),
        ("1500.0", "JPY", "1500"),
        ("1.234", "KWD", "1.234"),
        (12, "USD", "12.00"),
        (12.5, "USD", "12.50"),
        (0.1, "USD", "0.10"),
        (-0.0, "USD", "0.00"),
        (1e3, "USD", "1000.00"),
        (999999999999.99, "USD", "999999999999.99"),
        (Decimal("1E+3"), "USD", "1000.00"),
        (Decimal("12.3"), "KWD", "12.300"),
        ("1.234", None, "1.234"),
        ("7", None, "7.000"),
        ("999999999999.999", "KWD", "999999999999.999"),
        ("-999999999999.999", "KWD", "-999999999999.999"),
    ],
)
def test_amount_is_read_exactly(value, currency, expected):
    assert str(parse_amount(value, currency)) == expected


@pytest.mark.parametrize(
    "value",
    [
        "", " ", "abc", "12abc", "1e3", "1E3", "1e400", "0x10", "1_000", "1,000", "1 000", "12,50",
        "--1", "1-", "(1)",
        "$5", "5 USD", "1.2.3", ".", "-", "١٢", "\uff11\uff12", "1२", "½", "\u22125",
        "\u00a05", "5\x00", "9" * 101,
        True, False, None, [], {}, ["1"], b"12", 1j, object(),
    ],
)  # fmt: skip
def test_what_is_no_plain_number_is_refused(value):
    error = refusal(value)
    assert (error.code, error.message) == ("invalid", "Write the amount in plain digits, such as 1234.50.")


@pytest.mark.parametrize(
    "value",
    ["NaN", "nan", "-nan", "sNaN", "nan123", "Infinity", "-inf", "+INF", float("nan"), float("inf"),
     Decimal("NaN"), Decimal("sNaN"), Decimal("-Infinity")],
)  # fmt: skip
def test_what_is_not_finite_is_refused(value):
    assert refusal(value).code == "not_finite"


@pytest.mark.parametrize(
    ("value", "currency", "message"),
    [
        ("12.345", "USD", "USD has 2 decimals: write no more than that."),
        (12.345, "USD", "USD has 2 decimals: write no more than that."),
        (0.1 + 0.2, "USD", "USD has 2 decimals: write no more than that."),
        (1e-7, "USD", "USD has 2 decimals: write no more than that."),
        (Decimal("1E-999999"), "USD", "USD has 2 decimals: write no more than that."),
        ("0.5", "JPY", "JPY has no decimals: write a whole number."),
        ("1.2345", "KWD", "KWD has 3 decimals: write no more than that."),
        ("1.2345", None, "An amount has at most 3 decimals."),
    ],
)
def test_more_decimals_than_the_currency_has_is_refused(value, currency, message):
    error = refusal(value, currency)
    assert (error.code, error.message) == ("too_many_decimals", message)


@pytest.mark.parametrize(
    ("value", "currency", "largest"),
    [
        ("1000000000000", "USD", "999999999999.99"),
        ("-1000000000000", "USD", "999999999999.99"),
        ("1000000000000", "JPY", "999999999999"),
        ("999999999999.9991", "KWD", "999999999999.999"),
        (10**4000, "USD", "999999999999.99"),
        (1e300, "USD", "999999999999.99"),
        (Decimal("1E+999999"), "USD", "999999999999.99"),
        ("9" * 100, "USD", "999999999999.99"),
    ],
)
def test_amount_out_of_range_names_the_largest(value, currency, largest):
    error = refusal(value, currency)
    assert error.code == "out_of_range"
    assert error.message == f"The amount is too large. The largest that can be kept is {largest}."


def test_minimum_is_inclusive():
    assert parse_amount("0", "USD", minimum=Decimal("0")) == Decimal("0.00")
    error = refusal("-0.01", minimum=Decimal("0"))
    assert (error.code, error.message) == ("below_minimum", "The amount must be 0 or more.")


def test_unknown_currency_is_its_own_error():
    with pytest.raises(UnknownCurrency):
        parse_amount("1", "XAU")


def test_largest_amounts_are_read_exactly_whatever_the_thread_s_decimal_context():
    with localcontext() as context:
        context.prec = 3
        assert str(parse_amount("123456789012.345", "KWD")) == "123456789012.345"
        assert amount_to_json(Decimal("123456789012.345"), "KWD") == "123456789012.345"


@given(amounts_in_a_currency())
def test_what_is_written_is_read_back(pair):
    amount, currency = pair
    written = amount_to_json(amount, currency)
    back = parse_amount(written, currency)
    assert (back, amount_to_json(back, currency)) == (amount, written)
    assert len(written.partition(".")[2]) == decimal_places(currency)
    assert not written.startswith("-0") or any(digit in written for digit in "123456789")


@given(amounts_in_a_currency())
def test_a_json_number_of_an_amount_is_read_as_its_text(pair):
    amount, currency = pair
    assert parse_amount(float(str(amount)), currency) == amount


@given(st.decimals(min_value=-(10**12), max_value=10**12, places=6), st.sampled_from(CURRENCY_CODES))
def test_rounding_goes_to_the_nearest_and_ties_away_from_zero(amount, currency):
    rounded = quantize(amount, currency)
    step = 10 ** decimal_places(currency)
    numerator = abs(int(amount.scaleb(6))) * step
    expected = (2 * numerator + 10**6) // (2 * 10**6)
    assert abs(int(rounded * step)) == expected
    assert rounded == quantize(rounded, currency)


@pytest.mark.parametrize(
    ("amount", "currency", "text"),
    [
        ("1234.5", "USD", "1234.50"),
        ("1234", "JPY", "1234"),
        ("1", "KWD", "1.000"),
        ("1E+6", "USD", "1000000.00"),
        ("-0.001", "USD", "0.00"),
        ("-0", "USD", "0.00"),
        ("0.005", "USD", "0.01"),
        ("-0.005", "USD", "-0.01"),
        ("1.5", "JPY", "2"),
    ],
)
def test_json_carries_the_currency_s_own_decimals(amount, currency, text):
    assert amount_to_json(Decimal(amount), currency) == text


@pytest.mark.parametrize("amount", ["NaN", "Infinity", "-Infinity"])
def test_no_answer_ever_carries_what_is_not_finite(amount):
    with pytest.raises(ValueError, match="is not an amount of money"):
        amount_to_json(Decimal(amount), "USD")


@pytest.mark.parametrize(
    ("amount", "currency", "locale", "text"),
    [
        ("1234567.5", "USD", "en", "1,234,567.50"),
        ("-1234567.5", "EUR", "de", "-1.234.567,50"),
        ("1234567.5", "EUR", "fr", "1\u202f234\u202f567,50"),
        ("1234567.5", "CHF", "de-ch", "1\u2019234\u2019567.50"),
        ("1234567.5", "INR", "en-in", "12,34,567.50"),
        ("1234", "JPY", "en", "1,234"),
        ("1234", "IQD", "en", "1,234.000"),
        ("999999999999.999", "KWD", "en", "999,999,999,999.999"),
        ("-0.001", "USD", "en", "0.00"),
        ("5", "USD", "xx-unknown", "5.00"),
    ],
)
def test_people_see_grouped_digits_without_a_symbol(amount, currency, locale, text):
    assert format_amount(Decimal(amount), currency, locale) == text


@pytest.mark.parametrize(
    ("amount", "currency", "locale", "text"),
    [
        ("1234.5", "USD", "en", "1,234.50"),
        ("1234.500001", "USD", "en", "1,234.500001"),
        ("-1234.505", "USD", "en", "-1,234.505"),
        ("0.125", "JPY", "en", "0.125"),
        ("1234.5005", "KWD", "de", "1.234,5005"),
    ],
)
def test_fractions_of_a_cent_are_shown_where_there_are_any(amount, currency, locale, text):
    assert format_usage(Decimal(amount), currency, locale) == text


def test_money_carries_the_symbol_where_the_locale_puts_it():
    assert format_money(Decimal("1234.5"), "USD", "en") == "$1,234.50"
    assert format_money(Decimal("1234.5"), "EUR", "de") == "1.234,50\u00a0€"
    assert format_money(Decimal("1234"), "IQD", babel_locale("en")) == "IQD\u00a01,234.000"
    assert format_money(Decimal("1234"), "JPY", "en") == "¥1,234"


def test_formatting_one_currency_leaves_the_next_one_s_decimals_alone():
    assert format_amount(Decimal("1"), "KWD", "en") == "1.000"
    assert format_amount(Decimal("1"), "JPY", "en") == "1"
    assert format_amount(Decimal("1"), "USD", "en") == "1.00"
