"""Rows of cells from an XLSX workbook. What the archive claims is checked before any of it is unpacked."""

import io
import re
import zipfile
import zlib
from collections.abc import Callable, Iterator, Sequence
from datetime import date, datetime, time, timedelta
from typing import Any
from xml.etree.ElementTree import ParseError

import openpyxl
from openpyxl.utils.exceptions import InvalidFileException
from openpyxl.workbook.workbook import Workbook

from budgetsite.sheets.columns import Cell, UnreadableSheet, UnusableCell
from budgetsite.sheets.files import NumberedRow

# Unpacked, ten thousand rows take a few megabytes; Excel itself stops at 1,048,576 rows.
_MAX_UNPACKED_BYTES = 200_000_000
_MAX_STRINGS_BYTES = 50_000_000
_MAX_PARTS = 2_000
_LAST_ROW = 1_048_576
# Whole rows that were coloured reach to the 16,384th column; a table does not.
_LAST_COLUMN = 256

# What openpyxl raises for archives and XML that are not what they claim to be.
_DAMAGE = (
    zipfile.BadZipFile,
    zlib.error,
    ParseError,
    InvalidFileException,
    EOFError,
    OSError,
    KeyError,
    IndexError,
    ValueError,
    TypeError,
    AttributeError,
    NotImplementedError,
    RuntimeError,
)


class WorkbookTable:
    """The worksheet that holds the table: the first visible one with most of the expected headings."""

    def __init__(self, data: bytes, filename: str, matching_headings: Callable[[Sequence[Cell]], int]) -> None:
        self._filename = filename
        _refuse_bombs(data, filename)
        try:
            self._results = openpyxl.load_workbook(io.BytesIO(data), read_only=True, data_only=True)
            # A second reading costs as much as the first, and most files have no formula.
            self._formulas = openpyxl.load_workbook(io.BytesIO(data), read_only=True) if _has_formulas(data) else None
            self.title = self._best_title(matching_headings)
        except UnreadableSheet:
            raise
        except _DAMAGE as error:
            raise _damaged(filename) from error

    def rows(self) -> Iterator[NumberedRow]:
        """Yield all rows, blank ones too. Raises `UnreadableSheet` (`damaged`)."""
        try:
            yield from self._rows_of(self.title)
        except UnreadableSheet:
            raise
        except _DAMAGE as error:
            raise _damaged(self._filename) from error

    def _rows_of(self, title: str) -> Iterator[NumberedRow]:
        """Walk through results and formulas together: a formula without a result looks like an empty cell."""
        pairs: Iterator[tuple[Sequence[Any], Sequence[Any]]]
        if self._formulas is None:
            pairs = ((cells, cells) for cells in _worksheet_rows(self._results, title))
        else:
            pairs = zip(_worksheet_rows(self._results, title), _worksheet_rows(self._formulas, title), strict=True)
        for number, (cells, written) in enumerate(pairs, start=1):
            if number > _LAST_ROW:
                raise _damaged(self._filename)
            yield number, [_cell(*pair) for pair in zip(cells, written, strict=True)]

    def _best_title(self, matching_headings: Callable[[Sequence[Cell]], int]) -> str:
        titles = [sheet.title for sheet in self._results.worksheets if sheet.sheet_state == "visible"]
        if not titles:
            raise UnreadableSheet("empty", f"“{self._filename}” has no visible sheet. {_SHOW_SHEET}")
        return max(titles, key=lambda title: self._headings_found(title, matching_headings))

    def _headings_found(self, title: str, matching_headings: Callable[[Sequence[Cell]], int]) -> int:
        for _number, cells in self._rows_of(title):
            if any(cell is not None and cell != "" for cell in cells):
                return matching_headings(cells)
        return -1


_SHOW_SHEET = "Make the sheet with the table visible, and save it."


def _damaged(filename: str) -> UnreadableSheet:
    return UnreadableSheet(
        "damaged",
        f"“{filename}” is damaged and cannot be read. Save it again in a spreadsheet program.",
    )


def _refuse_bombs(data: bytes, filename: str) -> None:
    """Look at the sizes that the directory states; `zipfile` unpacks no more of a part than it says there."""
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        parts = archive.infolist()
    unpacked = sum(part.file_size for part in parts)
    strings = sum(part.file_size for part in parts if part.filename.lower().endswith("sharedstrings.xml"))
    if len(parts) > _MAX_PARTS or unpacked > _MAX_UNPACKED_BYTES or strings > _MAX_STRINGS_BYTES:
        raise UnreadableSheet(
            "too_large",
            f"“{filename}” unpacks to more than can be read ({unpacked // 1_000_000} MB). "
            "Copy the table alone into a new file and upload that.",
        )


_FORMULA = re.compile(rb"<(?:\w+:)?f[\s/>]")
_CHUNK = 1_000_000
_LONGEST_TAG = 100


def _has_formulas(data: bytes) -> bool:
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        for name in archive.namelist():
            if not name.lower().startswith("xl/worksheets/"):
                continue
            with archive.open(name) as part:
                tail = b""
                while chunk := part.read(_CHUNK):
                    if _FORMULA.search(tail + chunk):
                        return True
                    tail = chunk[-_LONGEST_TAG:]
    return False


def _worksheet_rows(workbook: Workbook, title: str) -> Iterator[Sequence[Any]]:
    worksheet = workbook[title]
    # The dimensions are a claim of the file, and some programs write wrong ones.
    worksheet.reset_dimensions()
    for cells in worksheet.iter_rows():
        yield cells[:_LAST_COLUMN]


def _cell(result: Any, written: Any) -> Cell:
    value = result.value
    if result.data_type == "e":
        return UnusableCell("formula_error", str(value))
    if value is None and written.data_type == "f":
        return UnusableCell("formula", str(written.value))
    if isinstance(value, datetime):
        return value.date() if value.time() == time() else value
    if value is None or isinstance(value, str | int | float | date):
        return value
    if isinstance(value, time | timedelta):
        return str(value)
    raise ValueError(f"A cell holds {type(value).__name__}.")
