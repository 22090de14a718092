from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from budgetsite.money.amounts import InvalidAmount, format_amount, format_money
from budgetsite.money.currencies import CURRENCY_CODES, decimal_places
from budgetsite.money.typed_amounts import parse_typed_amount, read_number


@pytest.mark.parametrize(
    ("text", "readings"),
    [
        ("1234", {".": "1234", ",": "1234"}),
        ("1 234", {".": "1234", ",": "1234"}),
        ("1,234.50", {".": "1234.50"}),
        ("1.234,50", {",": "1234.50"}),
        ("1,234", {".": "1234", ",": "1.234"}),
        ("1.234", {".": "1.234", ",": "1234"}),
        ("12,5", {",": "12.5"}),
        ("12.50", {".": "12.50"}),
        ("0,123", {",": "0.123"}),
        ("1234,567", {",": "1234.567"}),
        ("1.234.567", {",": "1234567"}),
        ("12,34,567.50", {".": "1234567.50"}),
        ("1 234,50", {",": "1234.50"}),
        ("1\u202f234\u00a0567,50", {",": "1234567.50"}),
        ("1\u2019234.50", {".": "1234.50"}),
        ("1'234", {".": "1234", ",": "1234"}),
        (".5", {".": "0.5"}),
        ("\u221212.50", {".": "-12.50"}),
        ("12.50-", {".": "-12.50"}),
        ("(1,234.50)", {".": "-1234.50"}),
        ("\u200e-12.50", {".": "-12.50"}),
        ("+12.50", {".": "12.50"}),
    ],
)
def test_number_has_a_reading_for_each_mark_that_fits(text, readings):
    assert read_number(text) == readings


@pytest.mark.parametrize(
    "text",
    ["", "-", ".", ",", "abc", "1,23,4", "1,2345,678", "1.234,567.8", "1,234,56", "1 2,345.60",
     "12 34", "--5",
     "(-5)", "+-5", "1e3", "1_000", "١٢", "1.2.3,4", "5%", "=1+1", "1 '234", "1" * 101],
)  # fmt: skip
def test_what_is_no_number_is_refused(text):
    with pytest.raises(InvalidAmount) as caught:
        read_number(text)
    assert caught.value.code == "invalid"


@pytest.mark.parametrize(
    ("text", "currency"),
    [
        ("CAD 1,234.50", "CAD"),
        ("1,234.50 cad", "CAD"),
        ("CA$1,234.50", "CAD"),
        ("$ 1,234.50", "CAD"),
        ("€1,234.50", "EUR"),
        ("1,234.50\u00a0€", "EUR"),
    ],
)
def test_the_currency_s_own_sign_may_stand_beside_the_amount(text, currency):
    assert read_number(text, currency) == {".": "1234.50"}


@pytest.mark.parametrize("text", ["-€5.00", "€-5.00", "(€5.00)", "€ (5.00)", "5.00- €", "5.00 €-", "\u22125.00 EUR"])
def test_sign_and_currency_stand_in_any_order(text):
    assert read_number(text, "EUR") == {".": "-5.00"}


@pytest.mark.parametrize(
    ("text", "currency"), [("€12.00", "CAD"), ("12.00 USD", "CAD"), ("12 kr €", "SEK"), ("$12.00", None)]
)
def test_another_currency_s_sign_is_refused(text, currency):
    with pytest.raises(InvalidAmount) as caught:
        read_number(text, currency)
    assert caught.value.code == "wrong_currency"


@pytest.mark.parametrize(
    ("text", "currency", "locale", "amount"),
    [
        ("1,234.50", "USD", "en", "1234.50"),
        ("1 234,50", "USD", "en", "1234.50"),
        ("1,234", "USD", "en", "1234.00"),
        ("1.234", "EUR", "de", "1234.00"),
        ("1,234", "KWD", "de", "1.234"),
        ("1,234", "KWD", "en", "1234.000"),
        ("12,50", "USD", "en", "12.50"),
        ("12.50", "EUR", "de", "12.50"),
        ("1,234", "JPY", "en", "1234"),
    ],
)
def test_amount_is_read_as_the_locale_writes_it(text, currency, locale, amount):
    assert str(parse_typed_amount(text, currency, locale=locale)) == amount


@pytest.mark.parametrize(
    ("text", "currency", "locale", "message"),
    [
        ("1.234", "USD", "en", "“1.234” can mean 1,234.00 or 1.23. Write the one that you mean."),
        ("1.500", "USD", "en", "“1.500” can mean 1,500.00 or 1.50. Write the one that you mean."),
        ("1,234", "EUR", "de", "“1,234” can mean 1.234,00 or 1,23. Write the one that you mean."),
        ("1.000", "JPY", "en", "“1.000” can mean 1,000 or 1. Write the one that you mean."),
    ],
)
def test_ambiguous_amount_asks_which_is_meant(text, currency, locale, message):
    with pytest.raises(InvalidAmount) as caught:
        parse_typed_amount(text, currency, locale=locale)
    assert (caught.value.code, caught.value.message) == ("ambiguous", message)


def test_the_rules_of_the_currency_hold_for_typed_amounts():
    with pytest.raises(InvalidAmount) as caught:
        parse_typed_amount("12.3456", "USD", locale="en")
    assert caught.value.code == "too_many_decimals"
    with pytest.raises(InvalidAmount) as caught:
        parse_typed_amount("-1", "USD", locale="en", minimum=Decimal(0))
    assert caught.value.code == "below_minimum"


@given(
    st.integers(min_value=-(10**11), max_value=10**11),
    st.sampled_from(CURRENCY_CODES),
    st.sampled_from(["en", "de", "fr", "sv", "de-ch", "en-in", "pl", "es", "pt-br", "he", "ar", "fa", "hi", "ja"]),
)
def test_an_amount_shown_in_a_locale_is_read_back_in_it(units, currency, locale):
    amount = Decimal(units).scaleb(-decimal_places(currency))
    assert parse_typed_amount(format_amount(amount, currency, locale), currency, locale=locale) == amount


@given(st.integers(min_value=-(10**9), max_value=10**9), st.sampled_from(CURRENCY_CODES))
def test_money_shown_in_english_is_read_back(units, currency):
    amount = Decimal(units).scaleb(-decimal_places(currency))
    assert parse_typed_amount(format_money(amount, currency, "en"), currency, locale="en") == amount
