"""PDFs from templates and values: whatever is typed is printed as it was typed, in any script."""

import io
import os
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pypdf import PdfReader
from pypdf.generic import IndirectObject

from budgetsite.documents import fonts, typesetting
from budgetsite.documents.press import REPLACEMENT, Press, without_controls
from budgetsite.documents.typesetting import TypesettingFailed, typeset

NOW = datetime(2026, 7, 15, 14, 0, tzinfo=UTC)
SOURCE = """
#let values = json(bytes(sys.inputs.values))
#set document(title: "A list")
#set text(lang: "en", font: json(bytes(sys.inputs.fonts)))
#for it in values.texts [#it #parbreak()]
"""


@pytest.fixture
def template(tmp_path):
    path = tmp_path / "list.typ"
    path.write_text(SOURCE)
    return path


@pytest.fixture(scope="module")
def press():
    return Press([str(folder) for folder in fonts.font_folders()], fonts.families(""))


def reader_of(content):
    return PdfReader(io.BytesIO(content))


def lines_of(content):
    text = "\n".join(page.extract_text() for page in reader_of(content).pages)
    return [line.strip() for line in text.splitlines() if line.strip()]


def fonts_of(content):
    """Return the descriptors of the fonts that letters are drawn with, by name."""
    found = {}
    for page in reader_of(content).pages:
        for font in page["/Resources"]["/Font"].values():
            described = font.get_object()["/DescendantFonts"][0].get_object()
            found[described["/BaseFont"].partition("+")[2]] = described["/FontDescriptor"].get_object()
    return found


@pytest.mark.parametrize(
    "typed",
    [
        '#read("/etc/passwd")',
        "#panic()",
        '#import "@preview/cetz:0.3.0"',
        "*bold* _italic_ `raw` $x^2$ = + - / <label> @reference",
        "<script>alert(1)</script>",
        "\\begin{document} \\u{41} \\",
        '"quoted" [content] {block}',
        "// comment /* comment */",
        "https://example.org/~a#b",
        "== Heading",
        "#sys.inputs.values",
        "~ a... -- b --- c 'd'",
    ],
)
def test_markup_is_printed_as_it_was_typed(template, typed):
    printed = lines_of(typeset(template, {"texts": [typed]}, now=NOW))
    assert "".join(printed).replace(" ", "") == typed.replace(" ", "")


@pytest.mark.parametrize(
    "typed",
    [
        "Lucía Åström Dvořák Łódź Nguyễn",
        "Ελληνικά Γιώργος",
        "Привет, мир Ґанок",
        "עברית",
        "東京の会場",
        "简体字",
        "한국어 초대",
        "ไทย",
        "Հայերեն",
        "ქართული",
        "አማርኛ",
    ],
)
def test_scripts_are_printed_in_letters_of_their_own(template, typed):
    assert lines_of(typeset(template, {"texts": [typed]}, now=NOW)) == [typed]


@pytest.mark.parametrize(
    ("typed", "font"), [("قاعة الاحتفالات", "NotoSansArabic"), ("हिन्दी", "NotoSans"), ("தமிழ்", "NotoSansTamil")]
)
def test_joined_scripts_are_shaped_by_their_fonts(template, typed, font):
    content = typeset(template, {"texts": [typed]}, now=NOW)
    assert any(name.startswith(font) for name in fonts_of(content))
    assert REPLACEMENT not in "".join(lines_of(content))


@pytest.mark.parametrize(("typed", "font"), [("直す会場", "NotoSansCJKjp"), ("直会场", "NotoSansCJKsc")])
def test_ideographs_are_drawn_as_their_readers_write_them(template, typed, font):
    [used] = fonts_of(typeset(template, {"texts": [typed]}, now=NOW))
    assert used.startswith(font)


def test_every_font_is_embedded(template):
    descriptors = fonts_of(typeset(template, {"texts": ["Latin", "עברית", "会場", "قاعة"]}, now=NOW))
    assert len(descriptors) == 4
    assert all("/FontFile2" in one or "/FontFile3" in one for one in descriptors.values())


def test_the_document_can_be_read_aloud(template):
    reader = reader_of(typeset(template, {"texts": ["One"]}, now=NOW))
    root = reader.trailer["/Root"]
    assert root["/MarkInfo"]["/Marked"]
    assert root["/Lang"] == "en"
    assert root["/ViewerPreferences"]["/DisplayDocTitle"]
    assert reader.metadata.title == "A list"
    assert isinstance(root.raw_get("/StructTreeRoot"), IndirectObject)
    assert b"<pdfuaid:part>1</pdfuaid:part>" in root["/Metadata"].get_object().get_data()


def test_the_same_values_at_the_same_moment_make_the_same_bytes(template):
    assert typeset(template, {"texts": ["One"]}, now=NOW) == typeset(template, {"texts": ["One"]}, now=NOW)
    assert reader_of(typeset(template, {"texts": []}, now=NOW)).metadata.creation_date == NOW


@pytest.mark.parametrize(
    ("typed", "printed"),
    [
        ("Party 🎉 night", "Party night"),
        ("Family 👨‍👩‍👧 day", "Family day"),
        ("🎉", REPLACEMENT),
        ("ગુજરાતી gala", f"{REPLACEMENT} gala"),
        ("a\u064bb", "ab"),
        ("☺ Café", "☺ Café"),
    ],
)
def test_no_boxes_stand_where_a_font_lacks_a_character(template, typed, printed):
    assert lines_of(typeset(template, {"texts": [typed, "kept"]}, now=NOW)) == [printed, "kept"]


def test_control_characters_are_left_out():
    values = {"a": ["one\x00\x07\ttwo\x85", {"b": "\x1b[1m\nnext"}], "n": 1, "nothing": None}
    assert without_controls(values) == {"a": ["one two", {"b": "[1m\nnext"}], "n": 1, "nothing": None}


@settings(max_examples=150, deadline=None)
@given(texts=st.lists(st.text(max_size=12), max_size=6))
def test_whatever_people_type_can_be_printed(press, tmp_path_factory, texts):
    path = tmp_path_factory.getbasetemp() / "any.typ"
    path.write_text(SOURCE)
    assert press.print(str(path), {"texts": texts}, timestamp=0).startswith(b"%PDF-")


def test_a_wrong_template_is_an_error_that_says_where(tmp_path):
    path = tmp_path / "wrong.typ"
    path.write_text("#unknown-name")
    with pytest.raises(TypesettingFailed, match=r"(?s)wrong\.typ: .*unknown variable: unknown-name"):
        typeset(path, {"texts": ["Party 🎉"]}, now=NOW)


def test_a_document_without_end_is_given_up(tmp_path, monkeypatch):
    path = tmp_path / "endless.typ"
    monkeypatch.setattr(typesetting, "_SECONDS", 1)
    path.write_text("#for a in range(100000) { for b in range(100000) { let c = a * b } }")
    with pytest.raises(TypesettingFailed, match="within 1 seconds"):
        typeset(path, {}, now=NOW)


def test_the_typesetter_sees_no_secrets(template, monkeypatch):
    seen = {}
    real = subprocess.run

    def run(*args, **options):
        seen.update(options)
        return real(*args, **options)

    monkeypatch.setattr(typesetting.subprocess, "run", run)
    typeset(template, {"texts": ["One"]}, now=NOW)
    assert os.environ
    assert seen["env"] == {}


def test_missing_fonts_name_the_wheel(monkeypatch):
    fonts.font_folders.cache_clear()
    monkeypatch.setattr(fonts, "_FOLDERS", (("no_such_fonts", ""),))
    with pytest.raises(fonts.FontsMissing, match=r"no_such_fonts .* pip install -r requirements\.txt"):
        fonts.font_folders()
    fonts.font_folders.cache_clear()


def test_the_site_starts_without_the_typesetter():
    """Importing it would cost every process that never prints."""
    code = (
        "import sys, django; django.setup(); from django.urls import resolve; resolve('/');"
        "print([name for name in ('typst', 'fontTools', 'justmytype') if name in sys.modules])"
    )
    asked = subprocess.run(
        [sys.executable, "-c", code],
        capture_output=True,
        text=True,
        check=True,
        cwd=Path(typesetting.__file__).parents[2],
        env=os.environ | {"DJANGO_SETTINGS_MODULE": "budgetsite.settings.test"},
    )
    assert asked.stdout.strip() == "[]"
