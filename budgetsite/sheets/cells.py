"""From one cell to one value, by the kind of its column; and the marking of text that a program would run."""

import re
import unicodedata
from datetime import date, datetime
from decimal import Decimal
from typing import Any

from budgetsite.money.amounts import InvalidAmount, parse_amount
from budgetsite.money.typed_amounts import DecimalMark, read_number
from budgetsite.sheets.columns import (
    Amount,
    Cell,
    Choice,
    Date,
    Integer,
    InvalidCell,
    Kind,
    Number,
    Text,
    UnusableCell,
)

# Spreadsheet programs run text that starts so. An apostrophe in front stops them; text that has one already
# gets a second, so that taking one away always gives back what was written.
_WOULD_RUN = re.compile(r"[\s']*[=+\-@\t\r\n\uff1d\uff0b\uff0d\uff20]")
_MARKED = re.compile(r"'" + _WOULD_RUN.pattern)

_ISO_DATE = re.compile(r"([0-9]{4})[-/]([0-9]{1,2})[-/]([0-9]{1,2})(?:[T ]00:00(?::00)?)?")
_DOTTED_DATE = re.compile(r"([0-9]{1,2})\.([0-9]{1,2})\.([0-9]{4})")

FORMULA_MESSAGE = "This cell holds a formula. Put its result there: copy it, then paste the values only."


def neutralise(text: str) -> str:
    """Return `text` so that no spreadsheet program runs it as a formula."""
    return f"'{text}" if _WOULD_RUN.match(text) else text


def restore(text: str) -> str:
    """Return what `neutralise` was given."""
    return text[1:] if _MARKED.match(text) else text


def is_blank(cell: Cell) -> bool:
    return cell is None or (isinstance(cell, str) and not cell.strip())


def shown(cell: Cell) -> str:
    """Return the cell as a person finds it, cut after a hundred characters."""
    if isinstance(cell, UnusableCell):
        return cell.shown[:100]
    return "" if cell is None else _as_text(cell)[:100]


def convert(cell: Cell, kind: Kind, decimal_mark: DecimalMark | None) -> Any:
    """Return the value of a filled cell. Raises `InvalidCell` with what would be right."""
    if isinstance(cell, UnusableCell):
        raise InvalidCell(cell.code, _UNUSABLE[cell.code])
    match kind:
        case Text():
            return _text(cell, kind)
        case Choice():
            return kind.resolver(restore(_clean(cell, multiline=False)))
        case Amount():
            return _amount(cell, kind, decimal_mark)
        case Number():
            return _number(cell, kind, decimal_mark)
        case Integer():
            return _integer(cell, kind)
        case Date():
            return _date(cell)


_UNUSABLE = {
    "formula": FORMULA_MESSAGE,
    "formula_error": "The formula in this cell ends in an error. Mend it, or put the value there instead.",
}


def _as_text(cell: Cell) -> str:
    if isinstance(cell, bool):
        return str(cell).upper()
    if isinstance(cell, float):
        return format(exact(cell), "f")
    if isinstance(cell, datetime):
        return cell.isoformat(" ")
    return str(cell)


def exact(number: float) -> Decimal:
    """Return the number as the program shows it: fifteen digits, without the noise of binary fractions."""
    return Decimal(format(number, ".15g"))


def _clean(cell: Cell, *, multiline: bool) -> str:
    text = _as_text(cell).replace("\r\n", "\n").replace("\r", "\n")
    if any(unicodedata.category(character) in ("Cc", "Cs") and character not in "\n\t" for character in text):
        raise InvalidCell("control_character", "This cell holds an invisible control character. Type it again.")
    text = text.strip()
    return text if multiline else re.sub(r"\s*\n\s*", " ", text)


def _text(cell: Cell, kind: Text) -> str:
    text = restore(_clean(cell, multiline=kind.multiline))
    if len(text) > kind.max_length:
        raise InvalidCell("too_long", f"Shorten this to {kind.max_length} characters; it has {len(text)}.")
    return text


def _amount(cell: Cell, kind: Amount, decimal_mark: DecimalMark | None) -> Decimal:
    if isinstance(cell, datetime | date):
        raise InvalidCell("invalid", "This is a date, not an amount. Format the cell as a number.")
    try:
        number: object = cell
        if isinstance(cell, str):
            number = _plain_number(cell, kind.currency, decimal_mark)
        elif isinstance(cell, float):
            number = exact(cell)
        return parse_amount(number, kind.currency, minimum=kind.minimum)
    except InvalidAmount as error:
        raise InvalidCell(error.code, error.message) from error


def _number(cell: Cell, kind: Number, decimal_mark: DecimalMark | None) -> Decimal:
    if isinstance(cell, bool | date | UnusableCell) or cell is None:
        raise InvalidCell("invalid", "Write a number in this cell, such as 120 or 7.5.")
    if isinstance(cell, str):
        try:
            number = Decimal(_plain_number(cell, None, decimal_mark))
        except InvalidAmount as error:
            raise InvalidCell(error.code, f"“{cell.strip()}” is not a number. Write one such as 120 or 7.5.") from error
    else:
        number = exact(cell) if isinstance(cell, float) else Decimal(cell)
    if not kind.minimum <= number <= kind.maximum:
        raise InvalidCell("out_of_range", f"The number must be between {kind.minimum:f} and {kind.maximum:,f}.")
    rounded = round(number, kind.decimals)
    if rounded != number:
        raise InvalidCell("too_many_decimals", f"Write {kind.decimals} decimals at most.")
    return rounded


def _plain_number(text: str, currency: str | None, decimal_mark: DecimalMark | None) -> str:
    if text.strip().startswith("="):
        raise InvalidCell("formula", FORMULA_MESSAGE)
    readings = read_number(text, currency)
    if decimal_mark is None:
        first, *others = dict.fromkeys(readings.values())
        if others:
            raise InvalidCell(
                "ambiguous",
                f"“{text.strip()}” can mean {first} or {others[0]}. Say which decimal mark the file uses, "
                "or write amounts without thousands separators.",
            )
        return first
    if decimal_mark not in readings:
        used, found = ("point", "comma") if decimal_mark == "." else ("comma", "point")
        raise InvalidCell(
            "mixed_decimal_marks",
            f"Amounts in this file have a decimal {used}, and this one a decimal {found}. Write all alike.",
        )
    return readings[decimal_mark]


def _integer(cell: Cell, kind: Integer) -> int:
    text = _as_text(cell).strip()
    if isinstance(cell, bool) or not re.fullmatch(r"[+-]?[0-9]{1,18}(?:\.0+)?", text):
        raise InvalidCell("invalid", "Write a whole number in plain digits, such as 12.")
    number = int(Decimal(text))
    if kind.minimum is not None and number < kind.minimum:
        raise InvalidCell("below_minimum", f"The number must be {kind.minimum} or more.")
    if kind.maximum is not None and number > kind.maximum:
        raise InvalidCell("above_maximum", f"The number must be {kind.maximum} or less.")
    return number


def _date(cell: Cell) -> date:
    if isinstance(cell, date) and not isinstance(cell, datetime):
        return cell
    text = cell.strip() if isinstance(cell, str) else ""
    try:
        if parts := _ISO_DATE.fullmatch(text):
            return date(int(parts[1]), int(parts[2]), int(parts[3]))
        if parts := _DOTTED_DATE.fullmatch(text):
            return date(int(parts[3]), int(parts[2]), int(parts[1]))
    except ValueError as error:
        raise InvalidCell("invalid", "There is no such day. Write the date as 2026-07-15.") from error
    raise InvalidCell("invalid", "Write the date as 2026-07-15: year, month, day.")
