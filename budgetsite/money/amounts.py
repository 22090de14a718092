"""Reading, rounding and writing amounts of money: a `Decimal` whose currency travels beside it."""

import copy
import re
from decimal import ROUND_DOWN, ROUND_HALF_UP, Context, Decimal
from functools import lru_cache

from babel import Locale, UnknownLocaleError
from babel.numbers import NumberPattern

from budgetsite.money.currencies import decimal_places

# numeric(15,3): twelve digits before the decimal point, three after it.
MAX_DIGITS = 15
STORED_DECIMALS = 3
MAX_AMOUNT = Decimal("999999999999.999")

# numeric(18,6): machines spend fractions of a cent.
MAX_USAGE_DIGITS = 18
USAGE_DECIMALS = 6

# Wide enough for every sum of stored amounts, and independent of the context of the calling thread.
_CONTEXT = Context(prec=50, rounding=ROUND_HALF_UP)

# The smallest step of a currency, by its number of decimals.
_UNITS = (Decimal("1"), Decimal("0.1"), Decimal("0.01"), Decimal("0.001"))

_USAGE_UNIT = Decimal("0.000001")

_PLAIN_NUMBER = re.compile(r"[+-]?(?:[0-9]+(?:\.[0-9]*)?|\.[0-9]+)")
_NOT_FINITE = re.compile(r"[+-]?(?:s?nan[0-9]*|inf(?:inity)?)", re.IGNORECASE)
# Where a code stands for a missing symbol, CLDR wants a space that the pattern does not have: "IQD 1.000".
_LETTER_BESIDE_DIGIT = re.compile(r"(?<=[^\W\d_])(?=[0-9])|(?<=[0-9])(?=[^\W\d_])")
_LONGEST_TEXT = 100


class InvalidAmount(ValueError):
    """The value is no amount of this currency.

    `code` is one of `invalid`, `not_finite`, `too_many_decimals`, `out_of_range`, `below_minimum`;
    `message` says what would be right.
    """

    def __init__(self, code: str, message: str) -> None:
        self.code = code
        self.message = message
        super().__init__(message)


def parse_amount(value: object, currency: str | None, *, minimum: Decimal | None = None) -> Decimal:
    """Return `value` as an amount with exactly the currency's decimals; zeros beyond are dropped.

    Accepted are `Decimal`, `int`, `float` (what a JSON parser makes of 12.5; read by its shortest spelling)
    and text in plain decimal notation: ASCII digits, one point, one sign, spaces around it. Exponents,
    grouping, underscores, other digits and booleans are refused. With `currency` None the answer has three
    decimals, and the caller parses it again once the currency is known. Raises `InvalidAmount`, and
    `UnknownCurrency` for the currency itself.
    """
    decimals = STORED_DECIMALS if currency is None else decimal_places(currency)
    number = _as_number(value, decimals)
    if number.copy_abs() > MAX_AMOUNT:
        raise InvalidAmount(
            "out_of_range",
            f"The amount is too large. The largest that can be kept is {format(_largest(decimals), 'f')}.",
        )
    amount = number.quantize(_UNITS[decimals], context=_CONTEXT)
    if amount != number:
        raise InvalidAmount("too_many_decimals", _decimals_message(decimals, currency))
    if amount.is_zero():
        amount = amount.copy_abs()
    if minimum is not None and amount < minimum:
        raise InvalidAmount("below_minimum", f"The amount must be {format(minimum, 'f')} or more.")
    return amount


def parse_usage(value: object, *, minimum: Decimal | None = None) -> Decimal:
    """Return `value` with six decimals, whatever the currency has. Accepts and raises what `parse_amount` does."""
    number = _as_number(value, 2)
    if number.copy_abs() > MAX_AMOUNT:
        raise InvalidAmount("out_of_range", f"The amount is too large. The largest that can be kept is {MAX_AMOUNT}.")
    amount = number.quantize(_USAGE_UNIT, context=_CONTEXT)
    if amount != number:
        raise InvalidAmount("too_many_decimals", f"An amount of usage has at most {USAGE_DECIMALS} decimals.")
    if amount.is_zero():
        amount = amount.copy_abs()
    if minimum is not None and amount < minimum:
        raise InvalidAmount("below_minimum", f"The amount must be {format(minimum, 'f')} or more.")
    return amount


def usage_to_json(amount: Decimal, currency: str) -> str:
    """Return an amount of usage as an answer carries it: "50.00", and all six decimals only where they are needed."""
    plain = amount_to_json(amount, currency)
    return plain if Decimal(plain) == amount else format(amount.quantize(_USAGE_UNIT, context=_CONTEXT), "f")


def quantize(amount: Decimal, currency: str) -> Decimal:
    """Return `amount` rounded half up (a tie goes away from zero, as in PostgreSQL); never -0."""
    rounded = amount.quantize(_UNITS[decimal_places(currency)], context=_CONTEXT)
    return rounded.copy_abs() if rounded.is_zero() else rounded


def amount_to_json(amount: Decimal, currency: str) -> str:
    """Return the amount as an answer carries it: "1234.50" in USD, "1234" in JPY; never an exponent or -0.

    Raises `ValueError` for NaN and infinities, which no stored amount can be.
    """
    if not amount.is_finite():
        raise ValueError(f"{amount} is not an amount of money.")
    return format(quantize(amount, currency), "f")


def format_amount(amount: Decimal, currency: str, locale: str | Locale) -> str:
    """Return the amount for people, grouped as the locale does and without a symbol: "1,234.50" in "en"."""
    resolved = babel_locale(locale)
    pattern = _with_decimals(resolved.decimal_formats[None], decimal_places(currency))
    return str(pattern.apply(quantize(amount, currency), resolved))


def format_usage(amount: Decimal, currency: str, locale: str | Locale) -> str:
    """Return an amount of usage for people: as `format_amount`, and with up to six decimals where those are needed."""
    if quantize(amount, currency) == amount:
        return format_amount(amount, currency, locale)
    resolved = babel_locale(locale)
    pattern = copy.copy(resolved.decimal_formats[None])
    pattern.frac_prec = (decimal_places(currency), USAGE_DECIMALS)
    return str(pattern.apply(amount, resolved))


def format_money(amount: Decimal, currency: str, locale: str | Locale) -> str:
    """Return the amount for people with the symbol where the locale puts it: "$1,234.50" in "en"."""
    resolved = babel_locale(locale)
    pattern = _with_decimals(resolved.currency_formats["standard"], decimal_places(currency))
    text = str(pattern.apply(quantize(amount, currency), resolved, currency=currency, currency_digits=False))
    return _LETTER_BESIDE_DIGIT.sub("\u00a0", text)


def babel_locale(locale: str | Locale) -> Locale:
    """Return Babel's locale for a language code ("de-ch") or locale name ("de_CH"); English when unknown."""
    return locale if isinstance(locale, Locale) else _locale_named(locale)


@lru_cache(maxsize=64)
def _locale_named(name: str) -> Locale:
    try:
        return Locale.parse(name.replace("-", "_"))
    except (UnknownLocaleError, ValueError):
        return Locale("en")


def _with_decimals(pattern: NumberPattern, decimals: int) -> NumberPattern:
    # CLDR's decimals differ from ISO 4217's (IQD has 0 there and 3 here), and the API answers by ISO 4217.
    own = copy.copy(pattern)
    own.frac_prec = (decimals, decimals)
    return own


def _as_number(value: object, decimals: int) -> Decimal:
    example = "1234" if decimals == 0 else "1234." + "50"[:decimals].ljust(decimals, "0")
    invalid = InvalidAmount("invalid", f"Write the amount in plain digits, such as {example}.")
    if isinstance(value, bool):
        raise invalid
    if isinstance(value, int | Decimal):
        number = Decimal(value)
    elif isinstance(value, float):
        number = Decimal(repr(value))
    elif isinstance(value, str):
        text = value.strip(" \t\r\n")
        if _NOT_FINITE.fullmatch(text):
            raise InvalidAmount("not_finite", f"An amount must be a number, such as {example}.")
        if len(text) > _LONGEST_TEXT or not _PLAIN_NUMBER.fullmatch(text):
            raise invalid
        number = Decimal(text)
    else:
        raise invalid
    if not number.is_finite():
        raise InvalidAmount("not_finite", f"An amount must be a number, such as {example}.")
    return number


def _largest(decimals: int) -> Decimal:
    return MAX_AMOUNT.quantize(_UNITS[decimals], rounding=ROUND_DOWN)


def _decimals_message(decimals: int, currency: str | None) -> str:
    if currency is None:
        return f"An amount has at most {decimals} decimals."
    if decimals == 0:
        return f"{currency} has no decimals: write a whole number."
    return f"{currency} has {decimals} decimals: write no more than that."
