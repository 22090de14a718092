import re
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path
from xml.etree import ElementTree

import pytest
from django import forms
from django.contrib.staticfiles import finders
from django.template import Context, Template
from django.test import RequestFactory
from django.utils import translation

from budgetsite.pages.templatetags.components import LEVEL_BADGES, MESSAGE_ICONS, STATUS_BADGES


@pytest.fixture(autouse=True)
def english() -> Iterator[None]:
    with translation.override("en"):
        yield


class BudgetForm(forms.Form):
    name = forms.CharField(help_text="As on the invoice.")
    notes = forms.CharField(required=False)
    agreed = forms.BooleanField(required=False)


def render(source: str, **context: object) -> str:
    return Template("{% load components money %}" + source).render(Context(context))


@pytest.mark.parametrize(
    ("value", "currency", "text"),
    [
        ("1234567.5", "USD", "1,234,567.50"),
        ("1234567.5", "JPY", "1,234,568"),
        ("1234567.5", "KWD", "1,234,567.500"),
        ("-1467.85", "CAD", "\N{MINUS SIGN}1,467.85"),
        ("-0.001", "CAD", "0.00"),
        ("0", "CAD", "0.00"),
        ("999999999999.999", "KWD", "999,999,999,999.999"),
    ],
)
def test_an_amount_has_groups_and_the_currencys_decimals_and_no_symbol(value: str, currency: str, text: str) -> None:
    assert render("{{ value|amount:currency }}", value=Decimal(value), currency=currency) == text


def test_a_sum_of_usage_has_whole_coins_unless_it_is_less_than_one() -> None:
    sums = [
        render("{{ value|usage_total:'EUR' }}", value=Decimal(value)) for value in ("56.318215", "-2.5", "0.004", "0")
    ]
    assert render("{{ value|absolute_amount:'EUR' }}", value=Decimal("-0.000274")) == "0.000274"
    assert sums == ["56.32", "\N{MINUS SIGN}2.50", "0.004", "0.00"]


def test_an_amount_follows_the_readers_language() -> None:
    with translation.override("de"):
        assert render("{{ value|amount:'EUR' }}", value=Decimal("-1234567.5")) == "\N{MINUS SIGN}1.234.567,50"


@pytest.mark.parametrize(
    ("value", "currency", "text"),
    [
        ("1467.85", "CAD", "CA$1,467.85"),
        ("-1467.85", "USD", "\N{MINUS SIGN}$1,467.85"),
        ("1200", "JPY", "¥1,200"),
        ("1.5", "KWD", "KWD\xa01.500"),
        ("1.5", "IQD", "IQD\xa01.500"),
    ],
)
def test_money_carries_the_symbol_of_its_currency(value: str, currency: str, text: str) -> None:
    assert render("{{ value|money:currency }}", value=Decimal(value), currency=currency) == text


@pytest.mark.parametrize(("value", "currency", "text"), [("-1234.5", "USD", "-1234.50"), ("1234.5", "JPY", "1235")])
def test_an_amount_in_a_form_field_can_be_typed_and_parsed(value: str, currency: str, text: str) -> None:
    assert render("{{ value|plain_amount:currency }}", value=Decimal(value), currency=currency) == text


@pytest.mark.parametrize(
    ("value", "text"),
    [("82.03", "82.03%"), ("1234.5", "1,234.50%"), ("-12", "\N{MINUS SIGN}12.00%"), ("0", "0.00%")],
)
def test_a_percentage_keeps_its_two_decimals(value: str, text: str) -> None:
    assert render("{{ value|percentage }}", value=Decimal(value)) == text


def test_no_value_is_a_dash_and_an_empty_field() -> None:
    source = "{{ value|amount:'USD' }} {{ value|money:'USD' }} {{ value|percentage }} {{ value|variance:'USD' }}"

    assert render(source, value=None) == " ".join(["\N{EN DASH}"] * 4)
    assert render("{{ value|plain_amount:'USD' }}", value=None) == ""


@pytest.mark.parametrize(
    ("value", "text"), [("60", "60.00 under"), ("-1467.85", "1,467.85 over"), ("0.000", "on budget")]
)
def test_a_variance_is_said_in_words(value: str, text: str) -> None:
    assert render("{{ value|variance:'CAD' }}", value=Decimal(value)) == text


def money_bar_html(*, compact: bool) -> str:
    return render(
        "{% money_bar budgeted=b committed=c actual=a currency='CAD' compact=compact %}",
        b=Decimal("7570"),
        c=Decimal("0"),
        a=Decimal("9037.85"),
        compact=compact,
    )


def test_the_money_bar_says_its_sentence_beside_the_picture() -> None:
    html = money_bar_html(compact=False)

    caption = html[html.index("<figcaption") :]
    words = " ".join(re.sub(r"<[^>]+>", " ", caption).replace(" :", ":").split())
    assert words == "9,037.85 spent of 7,570.00 CAD: 1,467.85 over budget"
    assert 'aria-hidden="true"' in html[: html.index("<figcaption")]


def test_the_compact_money_bar_names_its_picture_with_the_sentence() -> None:
    html = money_bar_html(compact=True)

    assert 'role="img" aria-label="9,037.85 spent of 7,570.00 CAD: 1,467.85 over budget"' in html


def test_the_money_bar_is_drawn_without_style_attributes_and_with_a_hatch_past_the_marker() -> None:
    html = money_bar_html(compact=False)

    figure = ElementTree.fromstring(html.strip())
    classes = [element.get("class") for element in figure.iter()]
    assert all(element.get("style") is None for element in figure.iter())
    assert classes.count("money-bar__hatch") == 1
    assert classes.count("money-bar__marker") == 1


def test_a_badge_has_a_word_an_icon_and_a_tone() -> None:
    html = render("{% status_badge 'review' %}{% level_badge 'critical' %}")

    assert re.findall(r"badge--(\w+)", html) == ["accent", "critical"]
    assert re.findall(r"#([\w-]+)\"", html) == ["eye", "octagon"]
    assert "In review" in html
    assert "Critical" in html


def test_an_unknown_status_is_not_drawn_as_something_else() -> None:
    with pytest.raises(KeyError, match="misplaced"):
        render("{% status_badge 'misplaced' %}")


def test_every_icon_that_is_named_is_in_the_sprite() -> None:
    sprite = finders.find("budgetsite/icons.svg")
    assert isinstance(sprite, str)
    symbols = {symbol.get("id") for symbol in ElementTree.parse(sprite).getroot()}
    templates = Path(__file__).resolve().parents[3] / "templates"
    named = {
        name
        for path in templates.rglob("*.html")
        for name in re.findall(r"{% (?:icon|nav_link \"[^\"]+\" \"[^\"]+\") \"([\w-]+)\"", path.read_text())
    }
    badges = [*STATUS_BADGES.values(), *LEVEL_BADGES.values()]

    assert len(named) > 10
    assert named | {badge.icon for badge in badges} | set(MESSAGE_ICONS.values()) <= symbols


def test_no_template_has_an_inline_style_or_script() -> None:
    templates = Path(__file__).resolve().parents[3] / "templates"
    pages = {
        path.name: path.read_text()
        for path in templates.rglob("*.html")
        if "admin" not in path.relative_to(templates).parts
    }

    assert "base.html" in pages
    inline = re.compile(r"\sstyle=|<style|\son[a-z]+=|<script(?![^>]*\ssrc=)|hx-on|javascript:", re.IGNORECASE)
    assert {name: inline.findall(text) for name, text in pages.items() if inline.search(text)} == {}


def test_an_icon_is_decoration_unless_it_has_a_label() -> None:
    assert 'aria-hidden="true"' in render("{% icon 'close' %}")
    labelled = render("{% icon 'close' label %}", label='Close "this" <b>')
    assert 'role="img" aria-label="Close &quot;this&quot; &lt;b&gt;"' in labelled


def test_a_wrong_field_is_tied_to_its_help_and_error() -> None:
    form = BudgetForm({"name": ""})

    html = render("{% field form.name %}", form=form)

    assert 'aria-describedby="id_name_helptext id_name_error"' in html
    assert 'aria-invalid="true"' in html
    assert 'id="id_name_helptext"' in html
    assert 'id="id_name_error"' in html
    assert "This field is required." in html
    assert '<label class="field__label" for="id_name">' in " ".join(html.split())


def test_a_right_field_is_not_marked_wrong_and_says_when_it_is_optional() -> None:
    html = render("{% field form.notes form_id='line-form-7' %}", form=BudgetForm({"name": "Hall"}))

    assert "aria-invalid" not in html
    assert "optional" in html
    assert 'form="line-form-7"' in html


def test_the_summary_counts_the_errors_and_links_each_to_its_field() -> None:
    form = BudgetForm({"name": ""})
    form.add_error(None, "The budget is locked.")

    html = render("{% form_errors form %}", form=form)

    assert "2 things to put right" in html
    assert '<a href="#id_name">Name</a>: This field is required.' in html
    assert "<li>The budget is locked.</li>" in html


def test_a_form_without_errors_has_no_summary() -> None:
    assert render("{% form_errors form %}", form=BudgetForm({"name": "Hall"})).strip() == ""


def test_what_people_typed_is_escaped() -> None:
    html = render("{% include 'components/toast.html' with level='error' text=text %}", text="<script>O'Brien</script>")

    assert "&lt;script&gt;O&#x27;Brien&lt;/script&gt;" in html
    assert "<script>" not in html


@pytest.mark.urls("budgetsite.pages.tests.sections")
@pytest.mark.parametrize(
    ("path", "current"),
    [("/events/", ["page"]), ("/events/7/budget/", ["true"]), ("/eventsfoo/", []), ("/alerts/", [])],
)
def test_the_section_that_the_reader_is_in_is_marked(path: str, current: list[str]) -> None:
    html = render("{% nav_link 'events:list' 'Events' 'calendar' 3 %}", request=RequestFactory().get(path))

    assert re.findall(r'aria-current="(\w+)"', html) == current
    assert '<span class="count">3<span class="visually-hidden"> waiting</span></span>' in html


@pytest.mark.urls("budgetsite.pages.tests.sections")
def test_a_section_that_the_site_does_not_have_has_no_link() -> None:
    assert render("{% nav_link 'expenses:list' 'Expenses' 'receipt' %}").strip() == ""


@pytest.mark.parametrize("name", ["400", "403", "403_csrf", "404", "429", "500", "503"])
def test_an_error_page_stands_without_any_context(name: str) -> None:
    html = Template(f"{{% extends '{name}.html' %}}").render(Context())

    assert f"Error {name[:3]}" in html
    assert html.count("<h1>") == 1


@pytest.mark.parametrize(
    ("value", "text"), [("120.000", "120"), ("7.500", "7.5"), ("1234.125", "1,234.125"), ("0", "0"), (None, "–")]
)
def test_a_quantity_has_the_decimals_that_it_has(value, text):
    assert render("{{ value|quantity }}", value=None if value is None else Decimal(value)) == text
