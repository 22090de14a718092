import pytest

from budgetsite.money.currencies import (
    CURRENCY_CODES,
    UnknownCurrency,
    currency_choices,
    decimal_places,
    is_currency,
)


@pytest.mark.parametrize(
    ("code", "decimals"),
    [
        ("JPY", 0),
        ("ISK", 0),
        ("UGX", 0),
        ("USD", 2),
        ("CAD", 2),
        ("MGA", 2),
        ("KWD", 3),
        ("IQD", 3),
        ("BHD", 3),
    ],
)
def test_decimals_follow_iso_4217(code, decimals):
    assert decimal_places(code) == decimals


@pytest.mark.parametrize(
    "code",
    [
        pytest.param("XAU", id="gold"),
        pytest.param("XDR", id="special drawing right"),
        pytest.param("XXX", id="no currency"),
        pytest.param("XTS", id="test code"),
        pytest.param("CHE", id="fund"),
        pytest.param("CLF", id="fund with four decimals"),
        pytest.param("UYW", id="four decimals"),
        pytest.param("XAD", id="unit of account"),
        pytest.param("DEM", id="withdrawn"),
        pytest.param("usd", id="small letters"),
        pytest.param("US", id="too short"),
        pytest.param("", id="empty"),
        pytest.param(None, id="none"),
        pytest.param(["USD"], id="unhashable"),
    ],
)
def test_code_that_no_budget_can_be_kept_in_is_refused(code):
    assert not is_currency(code)
    assert code not in CURRENCY_CODES


def test_unknown_currency_names_the_code_and_what_to_write():
    with pytest.raises(UnknownCurrency, match=r"“XAU” is not a currency .* such as USD, EUR or JPY") as caught:
        decimal_places("XAU")
    assert caught.value.code == "XAU"


def test_codes_are_sorted_and_each_has_at_most_three_decimals():
    assert sorted(set(CURRENCY_CODES)) == CURRENCY_CODES
    assert {"AUD", "CAD", "CHF", "EUR", "GBP", "INR", "JPY", "KWD", "USD", "XAF", "ZAR"} < set(CURRENCY_CODES)
    assert {decimal_places(code) for code in CURRENCY_CODES} == {0, 2, 3}


def test_choices_carry_names_in_the_language_asked_for():
    assert dict(currency_choices())["CAD"] == "CAD · Canadian Dollar"
    assert dict(currency_choices("de"))["CAD"] == "CAD · Kanadischer Dollar"
    assert [code for code, _ in currency_choices()] == CURRENCY_CODES
