"""Tables of figures that a page shows and a person may take along as a file: described once, drawn and written."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from decimal import Decimal
from typing import Any

from budgetsite.sheets.columns import Amount, Date, Integer, Kind, Number, Text
from budgetsite.sheets.columns import Column as SheetColumn
from budgetsite.sheets.writing import write_csv, write_xlsx

TEXT, AMOUNT, VARIANCE, PERCENTAGE, COUNT, DAY = "text", "amount", "variance", "percentage", "count", "day"
# An amount whose fractions of a cent are shown.
USAGE = "usage"

CONTENT_TYPES = {
    "csv": "text/csv; charset=utf-8",
    "xlsx": "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
}


@dataclass(frozen=True, slots=True)
class Column:
    """`kind` says how its values are written. A variance says over or under in words on the page."""

    name: str
    label: str
    kind: str = TEXT

    @property
    def is_number(self) -> bool:
        return self.kind in (AMOUNT, USAGE, VARIANCE, PERCENTAGE, COUNT)


@dataclass(frozen=True, slots=True)
class Cell:
    """A value, the address of the rows behind it, and a remark beneath it on the page."""

    value: str | int | Decimal | date | None
    url: str = ""
    note: str = ""
    bar: Any = None


@dataclass(frozen=True, slots=True)
class Table:
    """Rows of cells in the order of the columns, all amounts in `currency`. The last line is the total's, if any."""

    name: str
    title: str
    currency: str
    columns: Sequence[Column]
    rows: Sequence[Sequence[Cell]]
    total: Sequence[Cell] = ()
    note: str = ""

    @property
    def lines(self) -> list[list[tuple[Column, Cell]]]:
        return [list(zip(self.columns, row, strict=True)) for row in self.rows]

    @property
    def total_line(self) -> list[tuple[Column, Cell]]:
        return list(zip(self.columns, self.total, strict=True)) if self.total else []


@dataclass(frozen=True, slots=True)
class Report:
    """The tables of one page; `name` begins the names of its files."""

    name: str
    tables: Sequence[Table] = field(default_factory=tuple)

    def table(self, name: str) -> Table | None:
        return next((table for table in self.tables if table.name == name), None)


def write_table(table: Table, file_format: str) -> bytes:
    """Return a table as a CSV or XLSX file, with the currency as a column of its own."""
    columns = [SheetColumn(column.name, _kind(column, table.currency), label=column.label) for column in table.columns]
    columns.append(SheetColumn("currency", Text(), label="Currency"))
    rows = [*_written(table, table.rows)]
    if file_format == "csv":
        return write_csv(columns, rows)
    return write_xlsx(columns, rows, title=table.title)


def _written(table: Table, rows: Iterable[Sequence[Cell]]) -> Iterable[Mapping[str, object]]:
    for row in rows:
        values = {column.name: cell.value for column, cell in zip(table.columns, row, strict=True)}
        yield {**values, "currency": table.currency}


def _kind(column: Column, currency: str) -> Kind:
    if column.kind in (AMOUNT, VARIANCE):
        return Amount(currency)
    if column.kind == USAGE:
        return Amount(currency, of_usage=True)
    if column.kind == PERCENTAGE:
        return Number(2, Decimal("-1e10"), Decimal("1e10"))
    if column.kind == COUNT:
        return Integer()
    return Date() if column.kind == DAY else Text()
