"""Writing tables for spreadsheet programs; `read_sheet` reads the same values back."""

import csv
import io
import re
from collections.abc import Iterable, Mapping, Sequence
from datetime import date
from decimal import Decimal

from openpyxl import Workbook
from openpyxl.cell import WriteOnlyCell
from openpyxl.styles import Font
from openpyxl.utils import get_column_letter

from budgetsite.money.amounts import amount_to_json, usage_to_json
from budgetsite.sheets.cells import neutralise
from budgetsite.sheets.columns import Amount, Column, Number

# XML cannot carry them.
_NOT_IN_XML = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\ufffe\uffff]")


def write_csv(columns: Sequence[Column], rows: Iterable[Mapping[str, object]]) -> bytes:
    """Return the rows as CSV: commas, decimal points, UTF-8 with the mark by which Excel knows it.

    Text that a spreadsheet program would run as a formula gets an apostrophe in front.
    """
    buffer = io.StringIO(newline="")
    writer = csv.writer(buffer, quoting=csv.QUOTE_MINIMAL, lineterminator="\r\n")
    writer.writerow([neutralise(column.heading) for column in columns])
    for row in rows:
        writer.writerow([_csv_cell(row.get(column.name), column) for column in columns])
    return buffer.getvalue().encode("utf-8-sig")


def write_xlsx(columns: Sequence[Column], rows: Iterable[Mapping[str, object]], *, title: str = "Sheet1") -> bytes:
    """Return the rows as a workbook with one sheet: amounts as numbers, shown in their currency's decimals.

    Text that a spreadsheet program would run as a formula gets an apostrophe in front; characters that XML
    cannot carry become U+FFFD.
    """
    workbook = Workbook(write_only=True)
    sheet = workbook.create_sheet(re.sub(r"[\\/*?:\[\]]", " ", title)[:31])
    sheet.freeze_panes = "A2"
    for index, column in enumerate(columns, start=1):
        sheet.column_dimensions[get_column_letter(index)].width = 16 if isinstance(column.kind, Amount) else 24
    headings = [WriteOnlyCell(sheet, value=neutralise(column.heading)) for column in columns]
    for cell in headings:
        cell.font = Font(bold=True)
    sheet.append(headings)
    for row in rows:
        cells = []
        for column in columns:
            value = row.get(column.name)
            cell = WriteOnlyCell(sheet)
            cell.value = _workbook_value(value, column)
            if isinstance(cell.value, str):
                # Or a name such as “#N/A” would be taken for a formula's error.
                cell.data_type = "s"
            if isinstance(value, Decimal) and isinstance(column.kind, Amount):
                decimals = len(_written(value, column.kind).partition(".")[2])
                cell.number_format = "#,##0" + ("." + "0" * decimals if decimals else "")
            cells.append(cell)
        sheet.append(cells)
    buffer = io.BytesIO()
    workbook.save(buffer)
    return buffer.getvalue()


def _csv_cell(value: object, column: Column) -> str:
    if value is None:
        return ""
    if isinstance(column.kind, Amount) and isinstance(value, Decimal):
        return _written(value, column.kind)
    if isinstance(column.kind, Number) and isinstance(value, Decimal):
        return _plain(value)
    if isinstance(value, int) and not isinstance(value, bool):
        return str(value)
    if isinstance(value, date):
        return value.isoformat()
    return neutralise(str(value))


def _workbook_value(value: object, column: Column) -> str | int | Decimal | date | None:
    if isinstance(column.kind, Amount) and isinstance(value, Decimal):
        return Decimal(_written(value, column.kind))
    if isinstance(column.kind, Number) and isinstance(value, Decimal):
        return Decimal(_plain(value))
    if value is None or (isinstance(value, int | date) and not isinstance(value, bool)):
        return value
    return _NOT_IN_XML.sub("\ufffd", neutralise(str(value)))


def _written(amount: Decimal, kind: Amount) -> str:
    return usage_to_json(amount, kind.currency) if kind.of_usage else amount_to_json(amount, kind.currency)


def _plain(number: Decimal) -> str:
    """Return a number without the zeros at its end: "7.5", "120"."""
    text = format(number, "f")
    return text.rstrip("0").rstrip(".") if "." in text else text
