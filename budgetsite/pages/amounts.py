"""Amounts as the pages write them: in the reader's language, with a real minus sign (design §11)."""

from copy import copy
from decimal import Decimal

from babel.numbers import format_decimal
from django.utils.translation import get_language

from budgetsite.money import amounts

MINUS = "\N{MINUS SIGN}"
NOTHING = "\N{EN DASH}"


def format_amount(value: Decimal, currency: str) -> str:
    """Return the grouped amount without a symbol: the currency stands once, in the heading."""
    return _with_real_minus(amounts.format_amount(value, currency, _reader_language()))


def format_money(value: Decimal, currency: str) -> str:
    """Return the amount with the symbol that the reader's language uses for this currency."""
    return _with_real_minus(amounts.format_money(value, currency, _reader_language()))


def format_usage(value: Decimal, currency: str) -> str:
    """Return an amount of usage: as `format_amount`, with up to six decimals where the currency's do not say it all."""
    return _with_real_minus(amounts.format_usage(value, currency, _reader_language()))


def format_usage_total(value: Decimal, currency: str) -> str:
    """Return a sum of usage as `format_amount`, so that sums stand under each other; the fractions of a coin alone that
    would be nothing otherwise, as `format_usage`. The rows behind it and the files have all decimals.
    """
    return format_amount(value, currency) if amounts.quantize(value, currency) else format_usage(value, currency)


def format_percentage(value: Decimal | None) -> str:
    """Return a percentage with its two decimals; a dash where there is none (nothing budgeted)."""
    if value is None:
        return NOTHING
    locale = amounts.babel_locale(_reader_language())
    pattern = copy(locale.percent_formats[None])
    pattern.frac_prec = (2, 2)
    return _with_real_minus(str(pattern.apply(value / 100, locale)))


def format_quantity(value: Decimal) -> str:
    """Return a number of guests, days or hours with the decimals that it has: "120", "7.5"."""
    return format_decimal(value, locale=amounts.babel_locale(_reader_language()))


def format_rate(value: Decimal) -> str:
    """Return an exchange rate with the decimals that it has, up to eight: "1.148"."""
    return format_decimal(value, format="#,##0.########", locale=amounts.babel_locale(_reader_language()))


def _reader_language() -> str:
    return get_language() or "en"


def _with_real_minus(text: str) -> str:
    return text.replace("-", MINUS)
