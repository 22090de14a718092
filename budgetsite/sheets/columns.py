"""What a table that a person uploads may hold: its columns, and what can be wrong with it."""

import re
import unicodedata
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import date
from decimal import Decimal
from typing import Any

from budgetsite.money.typed_amounts import DecimalMark


class InvalidCell(ValueError):
    """A cell cannot be taken. A choice's resolver raises it with a message that says what would be right."""

    def __init__(self, code: str, message: str) -> None:
        self.code = code
        self.message = message
        super().__init__(message)


class UnreadableSheet(ValueError):
    """The file as a whole cannot be taken.

    `code` is one of `not_a_spreadsheet`, `old_or_protected`, `damaged`, `unknown_encoding`, `too_large`,
    `too_many_rows`, `empty`, `no_rows`, `wrong_columns`, `repeated_column`; `message` says what to do.
    """

    def __init__(self, code: str, message: str) -> None:
        self.code = code
        self.message = message
        super().__init__(message)


@dataclass(frozen=True)
class Text:
    """Text as typed, without spaces around it. Unless `multiline`, a line break becomes a space."""

    max_length: int = 200
    multiline: bool = False


@dataclass(frozen=True)
class Amount:
    """An amount in `currency`, read with a decimal point or comma, with or without thousands separators.

    Of usage it is written with six decimals where the currency's own do not say it all.
    """

    currency: str
    minimum: Decimal | None = None
    of_usage: bool = False


@dataclass(frozen=True)
class Number:
    """A number with up to `decimals` decimals between `minimum` and `maximum`, written as an amount is."""

    decimals: int
    minimum: Decimal
    maximum: Decimal


@dataclass(frozen=True)
class Integer:
    """A whole number between `minimum` and `maximum`, both included."""

    minimum: int | None = None
    maximum: int | None = None


@dataclass(frozen=True)
class Date:
    """A date: a date cell, or text such as 2026-07-15 or 15.07.2026."""


@dataclass(frozen=True)
class Choice:
    """Text that `resolver` turns into what it names; for what it does not know it raises `InvalidCell`."""

    resolver: Callable[[str], Any]


Kind = Text | Amount | Number | Integer | Date | Choice


@dataclass(frozen=True)
class Column:
    """One column, headed `name`, `label` or one of `aliases`; case, spaces and underscores do not matter.

    A required column must be there, and each of its cells filled; in another an empty cell is None, and the
    whole column may be missing.
    """

    name: str
    kind: Kind
    required: bool = True
    aliases: tuple[str, ...] = ()
    label: str = ""

    @property
    def heading(self) -> str:
        """The heading that exports write."""
        return self.label or self.name

    @property
    def known_headings(self) -> frozenset[str]:
        return frozenset(normalise_heading(text) for text in (self.name, self.heading, *self.aliases))


@dataclass(frozen=True)
class Problem:
    """One thing to mend: `row` is the number that a spreadsheet program shows, `value` the cell as it is."""

    row: int
    column: str
    code: str
    message: str
    value: str = ""


@dataclass(frozen=True)
class Row:
    """A row without problems: its number in the spreadsheet, and its values by column name."""

    number: int
    values: dict[str, Any]


@dataclass
class Sheet:
    """A table as read. Nothing of it should be imported while there are problems."""

    format: str
    columns: list[str]
    ignored_columns: list[str]
    title: str = ""
    encoding: str = ""
    delimiter: str = ""
    decimal_mark: DecimalMark | None = None
    rows: list[Row] = field(default_factory=list)
    problems: list[Problem] = field(default_factory=list)

    @property
    def asks_for_decimal_mark(self) -> bool:
        """Whether the file leaves open what "1,234" means; `read_sheet` can be told."""
        return any(problem.code == "ambiguous" for problem in self.problems)


def normalise_heading(text: str) -> str:
    """Return a heading as it is compared: "Budgeted Amount" and "budgeted_amount" are one."""
    return re.sub(r"[\s_\-\ufeff]+", "", unicodedata.normalize("NFKC", text).casefold())


# What a cell holds before its column's kind is applied. CSV has text alone.
CellValue = str | int | float | bool | date | None


@dataclass(frozen=True)
class UnusableCell:
    """A cell that has no value to take: a formula never calculated, or one that ended in an error."""

    code: str
    shown: str


Cell = CellValue | UnusableCell
