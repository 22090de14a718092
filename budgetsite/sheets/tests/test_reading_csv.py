import io
import time
from datetime import date
from decimal import Decimal

import pytest

from budgetsite.sheets.columns import (
    Amount,
    Choice,
    Column,
    Date,
    Integer,
    InvalidCell,
    Problem,
    Text,
    UnreadableSheet,
)
from budgetsite.sheets.reading import read_sheet

CATEGORIES = {"catering": 1, "space": 2}


def category(text):
    try:
        return CATEGORIES[text.casefold()]
    except KeyError:
        raise InvalidCell("unknown_category", f"“{text}” is no category. Use one of: Catering, Space.") from None


PLAN = [
    Column("category", Choice(category)),
    Column("name", Text(max_length=20), aliases=("line item",)),
    Column("budgeted_amount", Amount("CAD", minimum=Decimal(0)), aliases=("budget",)),
    Column("guests", Integer(minimum=0, maximum=500), required=False),
    Column("due_date", Date(), required=False),
]
NAMED = [Column("name", Text()), Column("amount", Amount("EUR"))]


def read(content, columns=NAMED, **options):
    data = content.encode() if isinstance(content, str) else content
    return read_sheet(io.BytesIO(data), filename="plan.csv", columns=columns, **options)


def amounts(sheet):
    assert sheet.problems == []
    return [str(row.values["amount"]) for row in sheet.rows]


def refusal(content, columns=NAMED, **options):
    with pytest.raises(UnreadableSheet) as caught:
        read(content, columns, **options)
    return caught.value


def test_plan_is_read_with_its_row_numbers_and_the_columns_nobody_asked_for_named():
    sheet = read(
        "group,category,name,budgeted_amount,Guests,due date\n"
        'A,Catering,"Lunch, two days",1500.00,40,2026-07-15\n'
        "A,SPACE,Rental,0,,\n",
        PLAN,
    )
    assert sheet.problems == []
    assert sheet.ignored_columns == ["group"]
    assert sheet.columns == ["category", "name", "budgeted_amount", "guests", "due_date"]
    assert [(row.number, row.values) for row in sheet.rows] == [
        (
            2,
            {
                "category": 1,
                "name": "Lunch, two days",
                "budgeted_amount": Decimal("1500.00"),
                "guests": 40,
                "due_date": date(2026, 7, 15),
            },
        ),
        (
            3,
            {
                "category": 2,
                "name": "Rental",
                "budgeted_amount": Decimal("0.00"),
                "guests": None,
                "due_date": None,
            },
        ),
    ]


@pytest.mark.parametrize(
    "header", ["LINE ITEM,Budget", "line_item,BUDGETED AMOUNT", "\ufeffLine-Item, budgeted_amount "]
)
def test_headings_match_whatever_their_case_spaces_and_underscores(header):
    columns = [column for column in PLAN if column.name in ("name", "budgeted_amount")]
    [row] = read(f"{header}\nLunch,5\n", columns).rows
    assert row.values == {"name": "Lunch", "budgeted_amount": Decimal("5.00")}


@pytest.mark.parametrize(
    ("encoding", "read_as"),
    [
        ("utf-8", "utf-8"),
        ("utf-8-sig", "utf-8-sig"),
        ("utf-16", "utf-16"),
        ("utf-16-le", "utf-16-le"),
        ("utf-16-be", "utf-16-be"),
        ("utf-32", "utf-32"),
        ("cp1252", "cp1252"),
    ],
)
def test_encoding_is_found(encoding, read_as):
    sheet = read("name;amount\nSüßes für Gäste;12,50\nCafé;3\n".encode(encoding))
    assert [row.values["name"] for row in sheet.rows] == ["Süßes für Gäste", "Café"]
    assert sheet.encoding == read_as


def test_one_accent_in_windows_1252_is_enough_to_be_read():
    assert [row.values["name"] for row in read("name,amount\nPiñata,1\n".encode("cp1252")).rows] == ["Piñata"]
    assert [row.values["name"] for row in read("name,amount\n“Crème” à €5,1\n".encode("cp1252")).rows] == [
        "“Crème” à €5"
    ]


def test_japanese_code_page_is_recognised():
    text = "name;amount\n会議の参加者のための昼食;1250\n会場の二日間の賃貸料;3000\n"
    sheet = read(text.encode("cp932"))
    assert sheet.rows[0].values["name"] == "会議の参加者のための昼食"


@pytest.mark.parametrize("delimiter", [",", ";", "\t"])
@pytest.mark.parametrize("line_end", ["\n", "\r\n", "\r"])
def test_delimiter_and_line_ends_are_found(delimiter, line_end):
    sheet = read(line_end.join([f"name{delimiter}amount", f"Lunch{delimiter}12", f"Tea{delimiter}3", ""]))
    assert amounts(sheet) == ["12.00", "3.00"]
    assert sheet.delimiter == delimiter


def test_delimiter_is_the_one_that_finds_the_columns_not_the_most_frequent_character():
    sheet = read("name;amount\nLunch, tea, cake, and more, for all;12\n")
    assert (sheet.delimiter, sheet.rows[0].values["name"]) == (";", "Lunch, tea, cake, and more, for all")


def test_excel_s_hint_names_the_delimiter_and_is_no_row():
    sheet = read("sep=;\r\nname;amount\r\nLunch;12\r\n")
    assert [(row.number, row.values["name"]) for row in sheet.rows] == [(2, "Lunch")]


def test_blank_lines_keep_the_numbers_that_a_person_sees():
    sheet = read('\n\nname,amount\n\n"Lunch",1\n,\n  ,  \n"Tea",x\n')
    assert [row.number for row in sheet.rows] == [5]
    assert [problem.row for problem in sheet.problems] == [8]


def test_line_break_inside_quotes_is_one_row_and_becomes_a_space():
    sheet = read('name,amount\n"Lunch\r\n for all",1\nTea,2\n')
    assert [(row.number, row.values["name"]) for row in sheet.rows] == [(2, "Lunch for all"), (3, "Tea")]


def test_empty_trailing_columns_are_no_problem():
    sheet = read("name,amount,,\nLunch,1,,,,\n")
    assert amounts(sheet) == ["1.00"]
    assert sheet.ignored_columns == []


def test_every_problem_of_every_row_is_listed_at_once():
    sheet = read(
        "category,name,budgeted_amount,guests,due_date\n"
        "Drinks,This name is much too long,12.345,many,15/07/2026\n"
        ",,-5,501,2026-02-30\n"
        "Space,Fine,5.00,1,15.07.2026\n"
        "Space,a,b,c,d,e\n",
        PLAN,
    )
    assert [row.number for row in sheet.rows] == [4]
    assert [(problem.row, problem.column, problem.code) for problem in sheet.problems] == [
        (2, "category", "unknown_category"),
        (2, "name", "too_long"),
        (2, "budgeted_amount", "too_many_decimals"),
        (2, "guests", "invalid"),
        (2, "due_date", "invalid"),
        (3, "category", "required"),
        (3, "name", "required"),
        (3, "budgeted_amount", "below_minimum"),
        (3, "guests", "above_maximum"),
        (3, "due_date", "invalid"),
        (5, "budgeted_amount", "invalid"),
        (5, "guests", "invalid"),
        (5, "due_date", "invalid"),
        (5, "", "too_many_cells"),
    ]
    assert sheet.problems[0] == Problem(
        2, "category", "unknown_category", "“Drinks” is no category. Use one of: Catering, Space.", "Drinks"
    )
    assert all(problem.message for problem in sheet.problems)


def test_problem_names_the_heading_as_the_file_has_it():
    [problem] = read("Name,AMOUNT \nLunch,x\n").problems
    assert (problem.column, problem.value) == ("AMOUNT ", "x")


@pytest.mark.parametrize(
    ("cells", "expected", "mark"),
    [
        (["1.234,50", "12,5", "3"], ["1234.50", "12.50", "3.00"], ","),
        (["1,234.50", "12.5", "3"], ["1234.50", "12.50", "3.00"], "."),
        (["1.500", "0,50"], ["1500.00", "0.50"], ","),
        (["1,500", "0.50"], ["1500.00", "0.50"], "."),
        (["1 234,50", "-3,00", "(4,00)"], ["1234.50", "-3.00", "-4.00"], ","),
        (["1'234.50"], ["1234.50"], "."),
        (["€ 12.50", "12.50 EUR"], ["12.50", "12.50"], "."),
        (["1500", "20"], ["1500.00", "20.00"], None),
    ],
)
def test_the_whole_column_decides_the_decimal_mark(cells, expected, mark):
    sheet = read("name;amount\n" + "".join(f"x;{cell}\n" for cell in cells))
    assert (amounts(sheet), sheet.decimal_mark) == (expected, mark)


def test_amounts_that_can_be_read_in_two_ways_are_a_question():
    sheet = read("name;amount\nLunch;1.500\nTea;20\nHall;2.000\n")
    assert [(problem.row, problem.code) for problem in sheet.problems] == [(2, "ambiguous"), (4, "ambiguous")]
    assert "“1.500” can mean 1.500 or 1500." in sheet.problems[0].message
    assert sheet.asks_for_decimal_mark


@pytest.mark.parametrize(("mark", "expected"), [(",", ["1500.00", "20.00"]), (".", ["1.50", "20.00"])])
def test_the_answer_to_the_question_decides(mark, expected):
    sheet = read("name;amount\nLunch;1.500\nTea;20\n", decimal_mark=mark)
    assert amounts(sheet) == expected


def test_another_amount_column_of_the_file_decides_too():
    columns = [*NAMED, Column("actual", Amount("EUR"))]
    sheet = read("name;amount;actual\nLunch;1.500;0,50\n", columns)
    assert sheet.problems == []
    assert sheet.rows[0].values["amount"] == Decimal("1500.00")


def test_comma_delimited_file_has_thousands_commas_where_nothing_else_fits():
    assert amounts(read('name,amount\nLunch,"1,500"\nTea,"2,000,000"\n')) == ["1500.00", "2000000.00"]


def test_three_decimals_in_a_comma_delimited_file_are_never_taken_for_thousands():
    sheet = read("name,amount\nLunch,12.500\nTea,1.250\n")
    assert [problem.code for problem in sheet.problems] == ["ambiguous", "ambiguous"]
    dinars = [Column("name", Text()), Column("amount", Amount("KWD"))]
    assert amounts(read("name,amount\nLunch,12.500\nTea,1.250\n", dinars)) == ["12.500", "1.250"]


def test_mixed_decimal_marks_are_a_problem_at_the_cells_that_differ():
    sheet = read("name;amount\na;1,50\nb;2,50\nc;3.50\n")
    assert [(problem.row, problem.code) for problem in sheet.problems] == [(4, "mixed_decimal_marks")]
    assert "have a decimal comma, and this one a decimal point" in sheet.problems[0].message


def test_text_that_looks_like_a_formula_is_data_but_an_amount_is_not():
    sheet = read('name,amount\n=HYPERLINK("x"),1\n-Lunch,1\n@home,1\n+49 30,=SUM(B1:B2)\n')
    assert [row.values["name"] for row in sheet.rows] == [
        '=HYPERLINK("x")',
        "-Lunch",
        "@home",
    ]
    assert [(problem.row, problem.column, problem.code) for problem in sheet.problems] == [(5, "amount", "formula")]
    assert "paste the values only" in sheet.problems[0].message


def test_names_are_kept_as_typed():
    sheet = read("name,amount\nO'Brien,1\n<script>alert(1)</script>,2\n'quoted',3\n")
    assert [row.values["name"] for row in sheet.rows] == ["O'Brien", "<script>alert(1)</script>", "'quoted'"]


@pytest.mark.parametrize("character", ["\x00", "\x07", "\x1b", "\x7f"])
def test_control_character_in_text_is_a_problem(character):
    [problem] = read(f"name,amount\nLong enough to be text Lun{character}ch,1\n").problems
    assert (problem.row, problem.code) == (2, "control_character")


@pytest.mark.parametrize(
    ("content", "word"),
    [
        (b"%PDF-1.7\n%\xe2\xe3", "a PDF"),
        (b"\x89PNG\r\n\x1a\n\x00\x00", "a picture"),
        (b"\xff\xd8\xff\xe0\x00\x10JFIF", "a picture"),
        (b"GIF89a\x01\x00", "a picture"),
        (b"{\\rtf1\\ansi}", "a text document"),
        (b"\x1f\x8b\x08\x00\x00", "a compressed archive"),
        (b"<!DOCTYPE html><table><tr><td>name</td></tr></table>", "a web page or XML document"),
        (b"\xef\xbb\xbf <?xml version='1.0'?><a/>", "a web page or XML document"),
        (bytes(range(1, 32)) * 20, "no text"),
    ],
)
def test_what_is_no_spreadsheet_is_refused_with_the_way_out(content, word):
    error = refusal(content)
    assert error.code == "not_a_spreadsheet"
    assert error.message == f"“plan.csv” is {word}, not a spreadsheet. Save the table as CSV or XLSX and upload that."


def test_old_or_protected_office_file_is_refused_with_the_way_out():
    error = refusal(b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + bytes(600))
    assert error.code == "old_or_protected"
    assert "remove the password, and save it as XLSX or CSV" in error.message


@pytest.mark.parametrize("content", [b"", b"  \r\n\r\n", b"\xef\xbb\xbf\n", b",,,\n,,\n"])
def test_file_without_a_table_is_refused(content):
    assert refusal(content).code == "empty"


def test_headings_without_rows_are_refused():
    assert refusal("name,amount\n\n").code == "no_rows"


def test_wrong_columns_list_found_and_expected():
    error = refusal("Posten,Betrag\nEssen,12\n", PLAN)
    assert error.code == "wrong_columns"
    assert error.message == (
        "Missing: category, name, budgeted_amount. The first row must name the columns. "
        "Found: Posten, Betrag. Expected: category, name, budgeted_amount; optional: guests, due_date."
    )


def test_two_columns_for_the_same_thing_are_refused():
    error = refusal("name,Line item,budget,category\na,b,1,Space\n", PLAN)
    assert error.code == "repeated_column"
    assert error.message == "“name” and “Line item” are both the name. Remove one of them."


def test_quotation_mark_that_never_ends_is_named_with_its_row():
    error = refusal('name,amount\nTea,1\n"Lunch,2\n')
    assert error.code == "damaged"
    assert "Row 3 cannot be read" in error.message


def test_cell_beyond_any_use_is_refused():
    assert refusal("name,amount\n" + "x" * 140_000 + ",1\n").code == "damaged"


def test_undecodable_file_is_refused():
    error = refusal(b"\xef\xbb\xbfname,amount\n\xff\xfe\xfa,1\n")
    assert error.code == "unknown_encoding"
    assert "CSV UTF-8" in error.message


def test_file_over_the_limit_is_refused_without_being_read():
    class Endless(io.RawIOBase):
        taken = 0

        def read(self, size=-1):
            assert size > 0
            self.taken += size
            return b"x" * size

    file = Endless()
    with pytest.raises(UnreadableSheet) as caught:
        read_sheet(file, filename="plan.csv", columns=NAMED, max_bytes=2_000_000)
    assert caught.value.code == "too_large"
    assert "larger than 2 MB" in caught.value.message
    assert file.taken == 2_000_001


def test_hundred_thousand_rows_are_refused_quickly_with_the_limit_named():
    content = b"name,amount\n" + b"Lunch,1.50\n" * 100_000
    started = time.perf_counter()
    error = refusal(content)
    assert time.perf_counter() - started < 2
    assert error.code == "too_many_rows"
    assert "more than 10,000 rows" in error.message


def test_as_many_rows_as_the_limit_are_read():
    assert len(read("name,amount\n" + "a,1\n" * 5, max_rows=5).rows) == 5
    assert refusal("name,amount\n" + "a,1\n" * 6, max_rows=5).code == "too_many_rows"


def test_quoted_headings_are_read_with_the_delimiter_that_fits_them():
    sheet = read('"name";"amount"\n"Lunch; tea";"1,50"\n')
    assert [row.values for row in sheet.rows] == [{"name": "Lunch; tea", "amount": Decimal("1.50")}]


def test_quotes_out_of_order_with_any_delimiter_are_refused():
    error = refusal('"name" x;"amount" y\n1;2\n')
    assert error.code == "damaged"
    assert "Row 1 cannot be read" in error.message


def test_number_below_its_minimum_is_a_problem():
    [problem] = read("name,guests\nLunch,-1\n", [NAMED[0], Column("guests", Integer(minimum=0))]).problems
    assert (problem.code, problem.message) == ("below_minimum", "The number must be 0 or more.")


def test_optional_column_may_be_missing():
    columns = [*NAMED, Column("notes", Text(), required=False)]
    [row] = read("name,amount\nLunch,1\n", columns).rows
    assert row.values["notes"] is None
