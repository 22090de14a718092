import io
import zipfile
from datetime import date, datetime, time
from decimal import Decimal

import openpyxl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from budgetsite.sheets.columns import Amount, Column, Date, Integer, Sheet, Text, UnreadableSheet
from budgetsite.sheets.reading import read_sheet

COLUMNS = [
    Column("name", Text()),
    Column("amount", Amount("CAD")),
    Column("guests", Integer(), required=False),
    Column("due_date", Date(), required=False),
]
SPREADSHEET = "http://schemas.openxmlformats.org/spreadsheetml/2006/main"
HEADER = ["Name", "Amount", "Guests", "Due date"]


def workbook(*rows, header=HEADER):
    book = openpyxl.Workbook()
    for row in ([header] if header else []) + list(rows):
        book.active.append(row)
    return book


def content_of(book):
    buffer = io.BytesIO()
    book.save(buffer)
    return buffer.getvalue()


def read(book, columns=COLUMNS, **options):
    data = book if isinstance(book, bytes) else content_of(book)
    return read_sheet(io.BytesIO(data), filename="plan.xlsx", columns=columns, **options)


def refusal(book, **options):
    with pytest.raises(UnreadableSheet) as caught:
        read(book, **options)
    return caught.value


def outcome_of(data):
    try:
        return read(data)
    except UnreadableSheet as error:
        return error


def archive(parts):
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as target:
        for name, content in parts.items():
            target.writestr(name, content)
    return buffer.getvalue()


def with_part(data, name, content):
    with zipfile.ZipFile(io.BytesIO(data)) as source:
        parts = {entry: source.read(entry) for entry in source.namelist()}
    return archive({**parts, name: content})


def test_typed_cells_become_typed_values():
    sheet = read(
        workbook(
            ["Lunch", 12.5, 40, datetime.combine(date(2026, 7, 15), time())],
            [2018, 300, 7.0, date(2026, 7, 16)],
        )
    )
    assert sheet.problems == []
    assert sheet.format == "xlsx"
    assert [(row.number, *row.values.values()) for row in sheet.rows] == [
        (2, "Lunch", Decimal("12.50"), 40, date(2026, 7, 15)),
        (3, "2018", Decimal("300.00"), 7, date(2026, 7, 16)),
    ]


def test_content_decides_not_the_name():
    data = content_of(workbook(["Lunch", 5]))
    sheet = read_sheet(io.BytesIO(data), filename="plan.csv", columns=COLUMNS)
    assert (sheet.format, sheet.rows[0].values["amount"]) == ("xlsx", Decimal("5.00"))


def test_amounts_are_read_as_shown_without_the_noise_of_binary_fractions():
    sheet = read(workbook(["a", 0.1 + 0.2], ["b", 1234567.89], ["c", 999999999999.99], ["d", -0.0]))
    assert [str(row.values["amount"]) for row in sheet.rows] == [
        "0.30",
        "1234567.89",
        "999999999999.99",
        "0.00",
    ]


def test_amounts_typed_as_text_follow_the_decimal_mark_of_the_file():
    sheet = read(workbook(["a", "1.234,50"], ["b", 12.5], ["c", "2.000"]))
    assert [str(row.values["amount"]) for row in sheet.rows] == ["1234.50", "12.50", "2000.00"]
    assert read(workbook(["a", "2.000"])).asks_for_decimal_mark


@pytest.mark.parametrize(
    ("row", "column", "code"),
    [
        (["a", 12.345], "Amount", "too_many_decimals"),
        (["a", True], "Amount", "invalid"),
        (["a", date(2026, 1, 2)], "Amount", "invalid"),
        (["a", time(12, 30)], "Amount", "invalid"),
        (["a", None], "Amount", "required"),
        (["a", "  "], "Amount", "required"),
        (["a", 1, 1.5], "Guests", "invalid"),
        (["a", 1, True], "Guests", "invalid"),
        (["a", 1, 1, 46218], "Due date", "invalid"),
        (["a", 1, 1, datetime.combine(date(2026, 7, 15), time(10, 30))], "Due date", "invalid"),
        (["a", 1, None, None, "stray"], "", "too_many_cells"),
    ],
)
def test_cell_of_another_type_is_a_problem(row, column, code):
    sheet = read(workbook(["good", 1], row))
    assert [(problem.row, problem.column, problem.code) for problem in sheet.problems] == [(3, column, code)]
    assert [row.number for row in sheet.rows] == [2]


def with_cached(book, cell, cached):
    """Put the result into the file that a spreadsheet program would have put there."""
    data = content_of(book)
    with zipfile.ZipFile(io.BytesIO(data)) as source:
        xml = source.read("xl/worksheets/sheet1.xml").decode()
    start = xml.index("</f>", xml.index(f'r="{cell}"')) + len("</f>")
    end = xml.index("</c>", start)
    return with_part(data, "xl/worksheets/sheet1.xml", f"{xml[:start]}<v>{cached}</v>{xml[end:]}")


def test_formula_with_its_result_is_read_as_the_result():
    sheet = read(with_cached(workbook(["a", "=5+7.5"]), "B2", "12.5"))
    assert sheet.problems == []
    assert sheet.rows[0].values["amount"] == Decimal("12.50")


def test_formula_never_calculated_says_to_paste_the_value():
    sheet = read(workbook(["a", 1], ["b", "=SUM(B2:B2)"], ["=A2", 3], ["c", 4, None, None]))
    assert [(problem.row, problem.column, problem.code) for problem in sheet.problems] == [
        (3, "Amount", "formula"),
        (4, "Name", "formula"),
    ]
    assert "paste the values only" in sheet.problems[0].message
    assert [row.number for row in sheet.rows] == [2, 5]


def test_formula_is_found_wherever_it_stands_in_a_long_sheet():
    rows = [[f"Line {number}", number] for number in range(3_000)]
    sheet = read(workbook(*rows, ["Last", "=B2"]))
    assert [(problem.row, problem.code) for problem in sheet.problems] == [(3_002, "formula")]


def test_formula_in_the_last_filled_column_of_a_row_is_seen():
    sheet = read(workbook(["a", 1, "=1+1"], ["b", 2]))
    assert [(problem.row, problem.column, problem.code) for problem in sheet.problems] == [(2, "Guests", "formula")]


def test_row_of_formulas_never_calculated_is_not_taken_for_a_blank_one():
    sheet = read(workbook(["a", 1], ["=A2", "=B2"], ["b", 2]))
    assert [(problem.row, problem.code) for problem in sheet.problems] == [(3, "formula"), (3, "formula")]


def test_formula_that_ended_in_an_error_says_so():
    book = workbook(["a", 1])
    book.active["B2"].value = "#DIV/0!"
    book.active["B2"].data_type = "e"
    [problem] = read(book).problems
    assert (problem.row, problem.code, problem.value) == (2, "formula_error", "#DIV/0!")


def test_the_visible_sheet_with_the_headings_is_chosen():
    book = openpyxl.Workbook()
    book.active.title = "Read me"
    book.active.append(["How to use this file"])
    hidden = book.create_sheet("Old")
    hidden.append(HEADER)
    hidden.append(["old", 1])
    hidden.sheet_state = "hidden"
    book.create_sheet("Empty")
    plan = book.create_sheet("Plan")
    plan.append(HEADER)
    plan.append(["Lunch", 2])
    sheet = read(book)
    assert (sheet.title, [row.values["name"] for row in sheet.rows]) == ("Plan", ["Lunch"])


def test_workbook_without_a_visible_sheet_says_to_show_it():
    data = content_of(workbook(["a", 1]))
    with zipfile.ZipFile(io.BytesIO(data)) as source:
        xml = source.read("xl/workbook.xml").decode()
    assert 'state="visible"' in xml
    error = refusal(with_part(data, "xl/workbook.xml", xml.replace('state="visible"', 'state="hidden"')))
    assert error.code == "empty"
    assert "Make the sheet with the table visible" in error.message


def test_blank_rows_keep_the_numbers_that_a_person_sees():
    book = workbook(header=None)
    book.active["A3"], book.active["B3"] = "name", "amount"
    book.active["A6"], book.active["B6"] = "Lunch", 2
    book.active["A900"], book.active["B900"] = "Tea", "x"
    sheet = read(book)
    assert [row.number for row in sheet.rows] == [6]
    assert [problem.row for problem in sheet.problems] == [900]


def test_wrong_dimensions_in_the_file_hide_no_row():
    data = content_of(workbook(["Lunch", 2], ["Tea", 3]))
    with zipfile.ZipFile(io.BytesIO(data)) as source:
        xml = source.read("xl/worksheets/sheet1.xml").decode()
    assert '<dimension ref="A1:D3"' in xml
    data = with_part(data, "xl/worksheets/sheet1.xml", xml.replace('ref="A1:D3"', 'ref="A1"'))
    assert len(read(data).rows) == 2


def test_workbook_without_rows_or_table_is_refused():
    assert refusal(workbook()).code == "no_rows"
    assert refusal(workbook(header=None)).code == "empty"
    assert refusal(workbook(["a", 1], header=["Posten", "Betrag"])).code == "wrong_columns"


def test_more_rows_than_allowed_are_refused_with_the_limit_named():
    book = workbook(*([f"Line {number}", 1] for number in range(30)))
    assert "more than 20 rows" in refusal(book, max_rows=20).message
    assert len(read(book, max_rows=30).rows) == 30


@pytest.mark.parametrize(
    ("names", "word"),
    [
        (["[Content_Types].xml", "word/document.xml"], "a Word document"),
        (["[Content_Types].xml", "ppt/presentation.xml"], "a presentation"),
        (["[Content_Types].xml", "xl/workbook.bin"], "a binary workbook (XLSB)"),
        (["mimetype", "content.xml"], "an OpenDocument file"),
        (["plan.csv"], "a ZIP archive"),
    ],
)
def test_other_archives_are_named_and_refused(names, word):
    error = refusal(archive(dict.fromkeys(names, "x")))
    assert error.code == "not_a_spreadsheet"
    assert error.message == f"“plan.xlsx” is {word}, not a spreadsheet. Save the table as CSV or XLSX and upload that."


@pytest.mark.parametrize("part", ["xl/worksheets/sheet1.xml", "xl/sharedStrings.xml"])
def test_archive_that_unpacks_to_too_much_is_refused_before_it_is_unpacked(part):
    data = with_part(content_of(workbook(["a", 1])), part, b"<" + bytes(210_000_000))
    assert len(data) < 1_000_000
    error = refusal(data)
    assert error.code == "too_large"
    assert "210 MB" in error.message


def test_archive_with_thousands_of_parts_is_refused():
    parts = {f"xl/media/{number}": b"" for number in range(2_100)}
    assert refusal(archive({"[Content_Types].xml": "x", "xl/workbook.xml": "x", **parts})).code == "too_large"


def test_entities_in_xml_are_refused():
    bomb = (
        '<?xml version="1.0"?><!DOCTYPE x [<!ENTITY a "aaaaaaaaaa"><!ENTITY b "&a;&a;&a;&a;">]>'
        f'<worksheet xmlns="{SPREADSHEET}"><sheetData>'
        '<row r="1"><c r="A1" t="inlineStr"><is><t>&b;</t></is></c></row></sheetData></worksheet>'
    )
    data = with_part(content_of(workbook(["a", 1])), "xl/worksheets/sheet1.xml", bomb)
    assert refusal(data).code == "damaged"


def test_row_number_beyond_any_spreadsheet_is_refused():
    data = content_of(workbook(["a", 1], ["b", 2]))
    with zipfile.ZipFile(io.BytesIO(data)) as source:
        xml = source.read("xl/worksheets/sheet1.xml").decode()
    changed = xml.replace('<row r="3"', '<row r="99999999999"').replace('r="A3"', 'r="A99999999999"')
    assert changed != xml
    assert refusal(with_part(data, "xl/worksheets/sheet1.xml", changed)).code == "damaged"


@pytest.mark.parametrize("cut", [0.3, 0.7, 0.98])
def test_truncated_workbook_is_damaged(cut):
    data = content_of(workbook(["a", 1]))
    assert refusal(data[: int(len(data) * cut)]).code == "damaged"


@pytest.mark.parametrize(
    ("part", "content"),
    [
        ("xl/workbook.xml", b"<workbook"),
        ("xl/workbook.xml", b""),
        (
            "xl/worksheets/sheet1.xml",
            f"<worksheet xmlns='{SPREADSHEET}'><sheetData><row r='x'/></sheetData></worksheet>",
        ),
        ("[Content_Types].xml", b"<Types/>"),
        ("xl/styles.xml", b"<a>"),
    ],
)
def test_broken_part_is_damaged_never_a_crash(part, content):
    assert refusal(with_part(content_of(workbook(["a", 1])), part, content)).code == "damaged"


def test_workbook_without_styles_is_read():
    with pytest.warns(UserWarning, match="no stylesheet"):
        sheet = read(with_part(content_of(workbook(["a", 1])), "xl/styles.xml", b"<a/>"))
    assert [row.values["name"] for row in sheet.rows] == ["a"]


def test_stray_cell_in_the_last_row_and_coloured_rows_are_passed_over():
    book = workbook(["a", 1])
    book.active["XFD2"].number_format = "0.00"
    book.active["A1048576"] = " "
    assert len(read(content_of(book)).rows) == 1


@given(st.binary(max_size=300), st.sampled_from([b"", b"PK\x03\x04", b"name,amount\n", b"\xff\xfe"]))
def test_any_bytes_are_read_or_refused_with_a_message(content, start):
    outcome = outcome_of(start + content)
    assert isinstance(outcome, Sheet) or outcome.message.endswith(".")


WHOLE = content_of(workbook(["Lunch", 12.5, 40, date(2026, 7, 15)], ["Tea", "=B2"]))


@settings(max_examples=300)
@given(st.lists(st.tuples(st.integers(0, len(WHOLE) - 1), st.integers(0, 255)), min_size=1, max_size=8))
@pytest.mark.filterwarnings("ignore::UserWarning")
def test_a_workbook_with_changed_bytes_is_read_or_refused_with_a_message(changes):
    data = bytearray(WHOLE)
    for position, byte in changes:
        data[position] = byte
    outcome = outcome_of(bytes(data))
    assert isinstance(outcome, Sheet) or outcome.message.endswith(".")
