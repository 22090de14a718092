"""Amounts as people and spreadsheets write them: "1,234.50", "1 234,50 €", "(12.00)", "1'234.50".

A number with one separator, such as "1,234", can be read in two ways. `read_number` gives both readings; who
knows more (a form its locale, an upload its whole column) chooses between them.
"""

import re
import unicodedata
from collections.abc import Mapping
from decimal import Decimal
from functools import lru_cache
from typing import Literal

from babel import Locale
from babel.numbers import get_currency_symbol, get_decimal_symbol

from budgetsite.money.amounts import InvalidAmount, babel_locale, format_amount, parse_amount
from budgetsite.money.currencies import decimal_places, is_currency

DecimalMark = Literal[".", ","]
DECIMAL_MARKS: tuple[DecimalMark, DecimalMark] = (".", ",")

_LONGEST_TEXT = 100
_SPACES = re.compile(r"[\s\u00a0\u2007\u2009\u202f]+")
# Right-to-left languages put these around a sign or a symbol; nobody sees them.
_DIRECTION_MARKS = dict.fromkeys(map(ord, "\u200e\u200f\u061c"))
_ONE_SIGN_OR_QUOTE = str.maketrans({"\u2212": "-", "\u2019": "'", "\u02bc": "'", "\u2032": "'"})


def other_mark(mark: DecimalMark) -> DecimalMark:
    """Return the comma for the point and the point for the comma."""
    return "," if mark == "." else "."


def read_number(text: str, currency: str | None = None) -> Mapping[DecimalMark, str]:
    """Return decimal mark → the number in plain notation, for each mark with which it can be read.

    "1,234.50" has one reading; "1,234" has two; "1234" and "1 234" read the same with either. The sign may
    stand in front, behind, or be a pair of brackets; the code or symbol of `currency` may stand beside it.
    Raises `InvalidAmount` with code `invalid`, or `wrong_currency` for the sign of another currency.
    """
    shown = text.strip()
    if len(text) > _LONGEST_TEXT:
        raise InvalidAmount("invalid", "Write an amount, such as 1234.50; this text is too long to be one.")
    body = _SPACES.sub(" ", text.translate(_DIRECTION_MARKS).translate(_ONE_SIGN_OR_QUOTE)).strip()
    body, sign = _without_sign(_without_marker(body, currency))
    body = _without_marker(body, currency)
    if not sign:
        body, sign = _without_sign(body)
    _refuse_other_currency(body, currency, shown)
    readings: dict[DecimalMark, str] = {}
    for mark in DECIMAL_MARKS:
        plain = _plain(body, mark)
        if plain is not None:
            readings[mark] = f"-{plain}" if sign == "-" else plain
    if not readings:
        raise InvalidAmount("invalid", f"“{shown}” is not an amount. Write a number, such as 1234.50.")
    return readings


def parse_typed_amount(
    text: str, currency: str | None, *, locale: str | Locale, minimum: Decimal | None = None
) -> Decimal:
    """Return what a person meant who typed `text` in a page shown in `locale`.

    A number with two readings is read as the locale writes numbers. Where that reading has more decimals than
    the currency ("1.234" for dollars in English, which a German means as thousands), the answer is
    `InvalidAmount` with code `ambiguous`, naming both. Other codes: see `read_number` and `parse_amount`.
    """
    resolved = babel_locale(locale)
    readings = read_number(text, currency)
    mark: DecimalMark = "," if get_decimal_symbol(resolved, numbering_system="latn") == "," else "."
    if mark not in readings:
        mark = other_mark(mark)
    plain = readings[mark]
    other = readings.get(other_mark(mark), plain)
    if other != plain and currency is not None and _written_decimals(plain) > decimal_places(currency):
        first, second = (format_amount(Decimal(reading), currency, resolved) for reading in (other, plain))
        raise InvalidAmount("ambiguous", f"“{text.strip()}” can mean {first} or {second}. Write the one that you mean.")
    return parse_amount(plain, currency, minimum=minimum)


def _written_decimals(plain: str) -> int:
    return len(plain.partition(".")[2])


@lru_cache(maxsize=256)
def _markers(currency: str | None) -> tuple[str, ...]:
    """Return what may stand beside an amount of it: the code, the symbol, and a bare "$" for "CA$"."""
    if currency is None:
        return ()
    symbol = _SPACES.sub(" ", get_currency_symbol(currency, locale="en"))
    signs = "".join(character for character in symbol if unicodedata.category(character) == "Sc")
    found = {currency.casefold(), symbol.casefold(), signs} - {""}
    return tuple(sorted(found, key=len, reverse=True))


def _without_marker(text: str, currency: str | None) -> str:
    folded = text.casefold()
    if len(folded) == len(text):
        for marker in _markers(currency):
            if folded.startswith(marker):
                return text[len(marker) :].strip()
            if folded.endswith(marker):
                return text[: -len(marker)].strip()
    return text


def _refuse_other_currency(body: str, currency: str | None, shown: str) -> None:
    letters = "".join(character for character in body if character.isalpha())
    symbols = any(unicodedata.category(character) == "Sc" for character in body)
    if (is_currency(letters.upper()) or symbols) and any(character.isdecimal() for character in body):
        wanted = f"in {currency}" if currency else "without a currency sign"
        raise InvalidAmount(
            "wrong_currency", f"“{shown}” names another currency. Write the amount {wanted}, digits alone."
        )


def _without_sign(text: str) -> tuple[str, str]:
    """Return the text without its sign, and the sign: "+", "-" or none."""
    if text.startswith("(") and text.endswith(")"):
        return text[1:-1].strip(), "-"
    if text.startswith(("-", "+")):
        return text[1:].strip(), text[0]
    if text.endswith("-"):
        return text[:-1].strip(), "-"
    return text, ""


_WHOLE = {
    group: re.compile(
        rf"[0-9]+|[1-9][0-9]{{0,2}}(?:{re.escape(group)}[0-9]{{3}})+"
        rf"|[1-9][0-9]?(?:{re.escape(group)}[0-9]{{2}})+{re.escape(group)}[0-9]{{3}}"  # lakh and crore
    )
    for group in (".", ",", " ", "'")
}
_DIGITS = re.compile(r"[0-9]*")


def _plain(body: str, mark: DecimalMark) -> str | None:
    """Return the unsigned number read with this decimal mark in plain notation, None when it cannot be."""
    whole, _, fraction = body.partition(mark)
    if not _DIGITS.fullmatch(fraction) or not (whole or fraction):
        return None
    for group in (other_mark(mark), " ", "'"):
        if not whole or _WHOLE[group].fullmatch(whole):
            digits = whole.replace(group, "") or "0"
            return f"{digits}.{fraction}" if fraction else digits
    return None
