"""From the bytes of an upload to rows of cells: what kind of file it is, its encoding, its delimiter."""

import csv
import io
import re
import zipfile
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import BinaryIO

from charset_normalizer import from_bytes

from budgetsite.sheets.columns import Cell, UnreadableSheet

# A row as the file has it: its number in a spreadsheet program, and its cells.
NumberedRow = tuple[int, Sequence[Cell]]

SAVE_AS = "Save the table as CSV or XLSX and upload that."

_DELIMITERS = (",", ";", "\t")
_DELIMITER_HINT = re.compile(r"sep=([,;\t])\r?\n?", re.IGNORECASE)
_CONTROL = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f]")
_LONGEST_CELL = 131_072

_SIGNATURES: tuple[tuple[bytes, str], ...] = (
    (b"%PDF", "a PDF"),
    (b"\x89PNG", "a picture"),
    (b"\xff\xd8\xff", "a picture"),
    (b"GIF8", "a picture"),
    (b"RIFF", "a picture or recording"),
    (b"{\\rtf", "a text document"),
    (b"\x1f\x8b", "a compressed archive"),
    (b"7z\xbc\xaf", "a compressed archive"),
    (b"Rar!", "a compressed archive"),
    (b"\x7fELF", "a program"),
    (b"SQLite format 3", "a database"),
)
_OLD_OFFICE = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"
_ZIP = b"PK\x03\x04"
_MARKUP = re.compile(rb"\s*<(?:!doctype|\?xml|html|table|body|svg)", re.IGNORECASE)

_BYTE_ORDER_MARKS = (
    (b"\xef\xbb\xbf", "utf-8-sig"),
    (b"\xff\xfe\x00\x00", "utf-32"),
    (b"\x00\x00\xfe\xff", "utf-32"),
    (b"\xff\xfe", "utf-16"),
    (b"\xfe\xff", "utf-16"),
)
# Scripts that are told apart reliably. Between the Latin code pages a guess is no better than a coin's, and
# Windows-1252 is by far the most frequent.
_OTHER_SCRIPTS = ("cp1251", "cp1253", "cp1255", "cp1256", "cp932", "gb18030", "big5", "euc_kr")


@dataclass(frozen=True)
class TextTable:
    """A decoded CSV file."""

    text: str
    encoding: str
    delimiter: str

    def rows(self) -> Iterator[NumberedRow]:
        """Yield all rows, blank ones too. Raises `UnreadableSheet` (`damaged`) at quotes out of order."""
        return _csv_rows(self.text, self.delimiter)


def read_bytes(file: BinaryIO, max_bytes: int) -> bytes:
    """Return the file, read no further than the limit. Raises `UnreadableSheet`: `too_large`, `empty`."""
    data = file.read(max_bytes + 1)
    if len(data) > max_bytes:
        raise UnreadableSheet(
            "too_large",
            f"The file is larger than {max_bytes // 1_000_000} MB. "
            "Leave out sheets and columns that are not needed, or split it.",
        )
    if not data.strip():
        raise UnreadableSheet("empty", "The file is empty. Choose the file that holds the table.")
    return data


def is_workbook(data: bytes, filename: str) -> bool:
    """Whether the content is a workbook; False for text. Raises `UnreadableSheet` for anything else."""
    if data.startswith(_ZIP):
        return _is_workbook_archive(data, filename)
    if data.startswith(_OLD_OFFICE):
        raise UnreadableSheet(
            "old_or_protected",
            f"“{filename}” is in the old Office format, or protected by a password. "
            "Open it, remove the password, and save it as XLSX or CSV.",
        )
    for signature, description in _SIGNATURES:
        if data.startswith(signature):
            raise _no_spreadsheet(filename, description)
    if _MARKUP.match(data.removeprefix(b"\xef\xbb\xbf")[:200]):
        raise _no_spreadsheet(filename, "a web page or XML document")
    return False


def decode_table(data: bytes, filename: str, matching_headings: Callable[[Sequence[Cell]], int]) -> TextTable:
    """Return the CSV text of `data` with the delimiter that finds most of the expected headings.

    Raises `UnreadableSheet`: `not_a_spreadsheet` for binary content, `unknown_encoding`, `empty`.
    """
    text, encoding = _decoded(data, filename)
    if not text.strip(" \t\r\n,;\"'"):
        raise no_table(filename)
    if len(_CONTROL.findall(text[:10_000])) > len(text[:10_000]) // 20:
        raise _no_spreadsheet(filename, "no text")
    hint = _DELIMITER_HINT.match(text)
    if hint is not None:
        # Excel takes this line for itself and counts rows from the next one.
        return TextTable(text[hint.end() :], encoding, hint.group(1))

    def fitness(delimiter: str) -> tuple[int, int]:
        header = _first_filled_row(text, delimiter)
        return matching_headings(header), len(header)

    return TextTable(text, encoding, max(_DELIMITERS, key=fitness))


def no_table(filename: str) -> UnreadableSheet:
    return UnreadableSheet("empty", f"“{filename}” holds no table. The first row must name the columns.")


def _no_spreadsheet(filename: str, description: str) -> UnreadableSheet:
    return UnreadableSheet("not_a_spreadsheet", f"“{filename}” is {description}, not a spreadsheet. {SAVE_AS}")


def _is_workbook_archive(data: bytes, filename: str) -> bool:
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            names = set(archive.namelist())
    except (zipfile.BadZipFile, ValueError, NotImplementedError) as error:
        raise UnreadableSheet(
            "damaged", f"“{filename}” is damaged and cannot be opened. Save it again and upload the new file."
        ) from error
    if {"[Content_Types].xml", "xl/workbook.xml"} <= names:
        return True
    if "xl/workbook.bin" in names:
        raise _no_spreadsheet(filename, "a binary workbook (XLSB)")
    if any(name.startswith("word/") for name in names):
        raise _no_spreadsheet(filename, "a Word document")
    if any(name.startswith("ppt/") for name in names):
        raise _no_spreadsheet(filename, "a presentation")
    if "mimetype" in names:
        raise _no_spreadsheet(filename, "an OpenDocument file")
    raise _no_spreadsheet(filename, "a ZIP archive")


def _decoded(data: bytes, filename: str) -> tuple[str, str]:
    for mark, encoding in _BYTE_ORDER_MARKS:
        if data.startswith(mark):
            return _decode_as(data, encoding, filename), encoding
    sample = data[:10_000]
    if sample.count(0) * 5 > len(sample):
        # Text in UTF-16 without its mark has a zero in every second byte.
        encoding = "utf-16-le" if sample[1::2].count(0) > sample[0::2].count(0) else "utf-16-be"
        return _decode_as(data, encoding, filename), encoding
    try:
        return data.decode("utf-8"), "utf-8"
    except UnicodeDecodeError:
        best = from_bytes(data, cp_isolation=["cp1252", "cp1250", *_OTHER_SCRIPTS]).best()
    if best is not None and best.encoding in _OTHER_SCRIPTS:
        return _decode_as(data, best.encoding, filename), best.encoding
    return _decode_as(data, "cp1252", filename), "cp1252"


def _decode_as(data: bytes, encoding: str, filename: str) -> str:
    try:
        return data.decode(encoding)
    except UnicodeDecodeError as error:
        raise UnreadableSheet(
            "unknown_encoding",
            f"The characters of “{filename}” cannot be read. Save it as “CSV UTF-8” or XLSX and upload that.",
        ) from error


def _csv_rows(text: str, delimiter: str) -> Iterator[NumberedRow]:
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, strict=True)
    number = 0
    try:
        for number, cells in enumerate(reader, start=1):
            yield number, cells
    except csv.Error as error:
        cause = (
            f"a cell is longer than {_LONGEST_CELL:,} characters, or a quotation mark is never closed"
            if "field larger" in str(error)
            else "a quotation mark is never closed, or stands in the middle of a cell"
        )
        raise UnreadableSheet(
            "damaged", f"Row {number + 1} cannot be read: {cause}. Mend it, or save the table as XLSX."
        ) from error


def _first_filled_row(text: str, delimiter: str) -> Sequence[Cell]:
    try:
        for _number, cells in _csv_rows(text, delimiter):
            if any(str(cell).strip() for cell in cells):
                return cells
    except UnreadableSheet:
        # With another delimiter the same quotes may be in order; if with none, reading the rows says so.
        return ()
    return ()
