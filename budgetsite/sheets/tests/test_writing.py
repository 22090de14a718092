import csv
import io
from datetime import date
from decimal import Decimal

import openpyxl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from budgetsite.money.currencies import CURRENCY_CODES, decimal_places
from budgetsite.sheets.cells import neutralise, restore
from budgetsite.sheets.columns import Amount, Choice, Column, Date, Integer, Text
from budgetsite.sheets.reading import read_sheet
from budgetsite.sheets.writing import write_csv, write_xlsx

WRITERS = [write_csv, write_xlsx]
COLUMNS = [Column("name", Text(), label="Line item"), Column("amount", Amount("USD"))]

# What a form or the API stores: no control characters but line breaks and tabs, no spaces at the ends.
stored_text = st.text(st.characters(blacklist_categories=["Cc", "Cs", "Cn"]), max_size=40)
tricky_text = st.text(st.sampled_from("=+-@'\"\t;, a1.\u00a0\uff1d|\\"), max_size=8)
texts = st.one_of(stored_text, tricky_text).map(str.strip).filter(bool)
notes = st.lists(texts, min_size=1, max_size=3).map("\n".join)


def read_back(content, columns):
    return read_sheet(io.BytesIO(content), filename="export", columns=columns)


@st.composite
def tables(draw):
    currency = draw(st.sampled_from(CURRENCY_CODES))
    largest = 10 ** (12 + decimal_places(currency)) - 1
    columns = [
        Column("category", Choice(str)),
        Column("name", Text(), label="Line item"),
        Column("notes", Text(max_length=1000, multiline=True), required=False),
        Column("budgeted_amount", Amount(currency)),
        Column("actual_amount", Amount(currency), required=False),
        Column("guests", Integer(), required=False),
        Column("due_date", Date(), required=False),
    ]
    amounts = st.integers(-largest, largest).map(lambda units: Decimal(units).scaleb(-decimal_places(currency)))
    row = st.fixed_dictionaries(
        {
            "category": texts,
            "name": texts,
            "notes": st.none() | notes,
            "budgeted_amount": amounts,
            "actual_amount": st.none() | amounts,
            "guests": st.none() | st.integers(-(10**9), 10**9),
            "due_date": st.none() | st.dates(date(1900, 3, 1), date(2999, 12, 31)),
        }
    )
    return columns, draw(st.lists(row, min_size=1, max_size=6))


@pytest.mark.parametrize("write", WRITERS)
@given(table=tables())
def test_any_table_written_is_read_back_equal(write, table):
    columns, rows = table
    sheet = read_back(write(columns, rows), columns)
    assert sheet.problems == []
    assert [row.values for row in sheet.rows] == rows
    assert [row.number for row in sheet.rows] == list(range(2, len(rows) + 2))


@given(st.text())
def test_marking_text_is_undone_exactly(text):
    assert restore(neutralise(text)) == text


@given(tricky_text)
def test_nothing_that_would_run_is_left_unmarked(text):
    marked = neutralise(text)
    assert restore(marked) == text
    assert not marked.lstrip(" ").startswith(("=", "+", "-", "@", "\t", "\r", "\uff1d"))


@pytest.mark.parametrize("write", WRITERS)
@pytest.mark.parametrize(
    "text",
    [
        "=cmd|' /C calc'!A0",
        "+1",
        "-1",
        "@SUM(A1)",
        "\t=1",
        "\r=1",
        " =1",
        "'=1",
        "\uff1d1",
        '=HYPERLINK("x")',
    ],
)
def test_text_that_would_run_as_a_formula_gets_an_apostrophe(write, text):
    content = write(COLUMNS, [{"name": text, "amount": Decimal("-1")}])
    if write is write_csv:
        [_, [name, amount]] = csv.reader(io.StringIO(content.decode("utf-8-sig"), newline=""))
        assert amount == "-1.00"
    else:
        [_, [name_cell, amount_cell]] = openpyxl.load_workbook(io.BytesIO(content)).active.rows
        assert (name_cell.data_type, amount_cell.data_type, amount_cell.value) == ("s", "n", -1)
        name = name_cell.value
    assert name.replace("\n", "\r") == f"'{text}"


def test_csv_is_what_excel_opens_without_a_question():
    content = write_csv(COLUMNS, [{"name": 'Crème "brûlée", 2', "amount": Decimal("1234.5")}])
    assert content == '\ufeffLine item,amount\r\n"Crème ""brûlée"", 2",1234.50\r\n'.encode()


def test_workbook_shows_amounts_in_the_currency_s_decimals():
    columns = [Column(code, Amount(code)) for code in ("USD", "JPY", "KWD")]
    content = write_xlsx(columns, [{code: Decimal("1234") for code in ("USD", "JPY", "KWD")}], title="Plan/2026")
    sheet = openpyxl.load_workbook(io.BytesIO(content)).active
    assert [cell.number_format for cell in sheet[2]] == ["#,##0.00", "#,##0", "#,##0.000"]
    assert (sheet.title, sheet.freeze_panes, sheet["A1"].font.bold) == ("Plan 2026", "A2", True)


def test_text_that_reads_like_a_formula_s_error_stays_text():
    sheet = read_back(write_xlsx(COLUMNS, [{"name": "#N/A", "amount": Decimal("1")}]), COLUMNS)
    assert ([row.values["name"] for row in sheet.rows], sheet.problems) == (["#N/A"], [])


def test_control_characters_in_old_data_do_not_break_a_workbook():
    content = write_xlsx(COLUMNS, [{"name": "Lun\x07ch\x00", "amount": Decimal("1")}])
    assert openpyxl.load_workbook(io.BytesIO(content)).active["A2"].value == "Lun\ufffdch\ufffd"


def test_dinars_with_three_decimals_survive_the_way_out_and_back():
    columns = [Column("amount", Amount("KWD"))]
    sheet = read_back(write_csv(columns, [{"amount": Decimal("1.234")}]), columns)
    assert [row.values["amount"] for row in sheet.rows] == [Decimal("1.234")]
