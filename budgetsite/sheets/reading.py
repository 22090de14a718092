"""Reading a table that a person uploads: every problem of every row at once, or all rows."""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from typing import BinaryIO

from budgetsite.money.amounts import InvalidAmount
from budgetsite.money.currencies import decimal_places
from budgetsite.money.typed_amounts import DecimalMark, read_number
from budgetsite.sheets.cells import convert, is_blank, shown
from budgetsite.sheets.columns import (
    Amount,
    Cell,
    Column,
    InvalidCell,
    Number,
    Problem,
    Row,
    Sheet,
    UnreadableSheet,
    normalise_heading,
)
from budgetsite.sheets.files import NumberedRow, TextTable, decode_table, is_workbook, no_table, read_bytes
from budgetsite.sheets.workbooks import WorkbookTable

MAX_ROWS = 10_000
MAX_BYTES = 10_000_000


def read_sheet(
    file: BinaryIO,
    *,
    filename: str,
    columns: Sequence[Column],
    max_rows: int = MAX_ROWS,
    max_bytes: int = MAX_BYTES,
    decimal_mark: DecimalMark | None = None,
) -> Sheet:
    """Return the table in a CSV or XLSX file; its content says which of them it is.

    The first row that is not blank holds the headings, in any order; columns that nobody asked for are
    ignored and named. `Sheet.problems` lists what is wrong, row by row, and `Sheet.rows` the rows without
    problems. All amounts of a file share one decimal mark, found from those that leave no doubt; where none
    decides, the cells are problems with code `ambiguous`, and the caller may ask and pass `decimal_mark`.
    Raises `UnreadableSheet` when there is no such table, or more than `max_rows` rows; the rest stays unread.
    """
    data = read_bytes(file, max_bytes)

    def matching_headings(cells: Sequence[Cell]) -> int:
        headings = {normalise_heading(shown(cell)) for cell in cells}
        return sum(not headings.isdisjoint(column.known_headings) for column in columns)

    table: WorkbookTable | TextTable
    if is_workbook(data, filename):
        table = WorkbookTable(data, filename, matching_headings)
        sheet = Sheet(format="xlsx", title=table.title, columns=[], ignored_columns=[])
    else:
        table = decode_table(data, filename, matching_headings)
        sheet = Sheet(format="csv", encoding=table.encoding, delimiter=table.delimiter, columns=[], ignored_columns=[])
    rows = _filled(table.rows())
    header = next(rows, None)
    if header is None:
        raise no_table(filename)
    positions = _positions(header[1], columns)
    sheet.columns = [column.name for column in columns if column.name in positions]
    sheet.ignored_columns = [
        shown(cell) for index, cell in enumerate(header[1]) if index not in positions.values() and not is_blank(cell)
    ]
    body = _limited(rows, max_rows)
    _read_body(sheet, body, header[1], positions, columns, decimal_mark)
    return sheet


def _filled(rows: Iterator[NumberedRow]) -> Iterator[tuple[int, list[Cell]]]:
    """Yield the rows that hold anything, without the blank cells at their end."""
    for number, cells in rows:
        kept = list(cells)
        while kept and is_blank(kept[-1]):
            kept.pop()
        if kept:
            yield number, kept


def _limited(rows: Iterator[tuple[int, list[Cell]]], max_rows: int) -> list[tuple[int, list[Cell]]]:
    body: list[tuple[int, list[Cell]]] = []
    for row in rows:
        if len(body) == max_rows:
            raise UnreadableSheet(
                "too_many_rows",
                f"The table has more than {max_rows:,} rows. Split it into files of {max_rows:,} or fewer.",
            )
        body.append(row)
    if not body:
        raise UnreadableSheet("no_rows", "The table has headings and no rows. Fill in at least one row.")
    return body


def _positions(header: Sequence[Cell], columns: Sequence[Column]) -> dict[str, int]:
    """Return column name → index in the file. Raises `UnreadableSheet`: repeated or wrong columns."""
    positions: dict[str, int] = {}
    for index, cell in enumerate(header):
        heading = normalise_heading(shown(cell))
        for column in columns:
            if heading and heading in column.known_headings:
                if column.name in positions:
                    first = shown(header[positions[column.name]])
                    raise UnreadableSheet(
                        "repeated_column",
                        f"“{first}” and “{shown(cell)}” are both the {column.heading}. Remove one of them.",
                    )
                positions[column.name] = index
    missing = [column.heading for column in columns if column.required and column.name not in positions]
    if missing:
        found = [shown(cell) for cell in header if not is_blank(cell)]
        required = [column.heading for column in columns if column.required]
        optional = [column.heading for column in columns if not column.required]
        raise UnreadableSheet(
            "wrong_columns",
            f"Missing: {', '.join(missing)}. The first row must name the columns. "
            f"Found: {', '.join(found[:30])}. Expected: {', '.join(required)}"
            + (f"; optional: {', '.join(optional)}." if optional else "."),
        )
    return positions


def _cell_at(cells: Sequence[Cell], index: int) -> Cell:
    return cells[index] if index < len(cells) else None


def _read_body(
    sheet: Sheet,
    body: list[tuple[int, list[Cell]]],
    header: Sequence[Cell],
    positions: Mapping[str, int],
    columns: Sequence[Column],
    decimal_mark: DecimalMark | None,
) -> None:
    mark = decimal_mark or _decimal_mark(body, positions, columns, sheet.delimiter)
    sheet.decimal_mark = mark
    for number, cells in body:
        problems: list[Problem] = []
        values: dict[str, object] = {}
        for column in columns:
            index = positions.get(column.name)
            cell = None if index is None else _cell_at(cells, index)
            heading = column.heading if index is None else shown(header[index])
            try:
                values[column.name] = _value(cell, column, mark)
            except InvalidCell as error:
                problems.append(Problem(number, heading, error.code, error.message, shown(cell)))
        for cell in cells[len(header) :]:
            if not is_blank(cell):
                problems.append(Problem(number, "", "too_many_cells", _TOO_MANY_CELLS, shown(cell)))
                break
        sheet.problems.extend(problems)
        if not problems:
            sheet.rows.append(Row(number, values))


_TOO_MANY_CELLS = (
    "This row has more cells than there are headings. Put text that contains a separator between "
    "quotation marks, or empty the cells at the end."
)


def _value(cell: Cell, column: Column, mark: DecimalMark | None) -> object:
    if not is_blank(cell):
        return convert(cell, column.kind, mark)
    if column.required:
        raise InvalidCell("required", "Fill in this cell.")
    return None


def _decimal_mark(
    body: Sequence[tuple[int, Sequence[Cell]]],
    positions: Mapping[str, int],
    columns: Sequence[Column],
    delimiter: str,
) -> DecimalMark | None:
    """Return the decimal mark of the file: that of most numbers which leave no doubt.

    Without any of these, a comma-delimited file uses the point, provided that no amount then has more
    decimals than its currency; otherwise None, which leaves the amounts with two readings open.
    """
    certain: Counter[DecimalMark] = Counter()
    fits_point = True
    for column in columns:
        kind = column.kind
        if not isinstance(kind, Amount | Number) or column.name not in positions:
            continue
        currency = kind.currency if isinstance(kind, Amount) else None
        most_decimals = decimal_places(kind.currency) if isinstance(kind, Amount) else kind.decimals
        for _number, cells in body:
            cell = _cell_at(cells, positions[column.name])
            if not isinstance(cell, str):
                continue
            try:
                readings = read_number(cell, currency)
            except InvalidAmount:
                # No number with either mark: its own row reports it.
                continue
            if len(readings) == 1:
                certain.update(readings.keys())
            elif readings["."] != readings[","]:
                decimals = len(readings["."].partition(".")[2])
                fits_point = fits_point and decimals <= most_decimals
    if certain:
        return certain.most_common(1)[0][0]
    return "." if delimiter == "," and fits_point else None
