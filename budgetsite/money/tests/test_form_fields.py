from decimal import Decimal

import pytest
from django import forms
from django.core.exceptions import ValidationError
from django.utils import translation

from budgetsite.money.form_fields import AmountFormField


class LineForm(forms.Form):
    amount = AmountFormField(currency="USD", minimum=Decimal(0))
    tip = AmountFormField(currency="USD", required=False)


def test_person_types_grouped_digits_in_either_notation():
    form = LineForm({"amount": "1,234.50", "tip": "1 234,50"})
    assert form.is_valid()
    assert form.cleaned_data == {"amount": Decimal("1234.50"), "tip": Decimal("1234.50")}


def test_reading_follows_the_active_language():
    field = AmountFormField(currency="EUR")
    with translation.override("de"):
        assert field.clean("1.234") == Decimal("1234.00")
        assert field.clean("1,50") == Decimal("1.50")
    with translation.override("en"):
        assert field.clean("1,234") == Decimal("1234.00")


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("1.234", "ambiguous"),
        ("twelve", "invalid"),
        ("€12.00", "wrong_currency"),
        ("12.3456", "too_many_decimals"),
        ("-1", "below_minimum"),
        ("9999999999999", "out_of_range"),
        ("", "required"),
        ("   ", "required"),
    ],
)
def test_error_stands_at_the_field_with_its_code(text, code):
    with translation.override("en"):
        form = LineForm({"amount": text})
        assert not form.is_valid()
    assert [error.code for error in form.errors["amount"].as_data()] == [code]


def test_ambiguous_amount_names_both_readings():
    with translation.override("en"):
        form = LineForm({"amount": "1.234"})
        assert form.errors["amount"] == ["“1.234” can mean 1,234.00 or 1.23. Write the one that you mean."]


def test_a_form_may_say_it_in_its_own_words():
    field = AmountFormField(currency="USD", error_messages={"too_many_decimals": "Cents, please."})
    with pytest.raises(ValidationError, match="Cents, please"):
        field.clean("1.2345")


def test_optional_amount_left_empty_is_none():
    assert AmountFormField(currency="USD", required=False).clean(" ") is None


def test_amount_is_shown_in_the_active_language_and_read_back():
    for language, shown in [("en", "1,234.50"), ("de", "1.234,50"), ("fr", "1\u202f234,50")]:
        with translation.override(language):
            field = AmountFormField(currency="EUR")
            assert field.prepare_value(Decimal("1234.500")) == shown
            assert field.clean(shown) == Decimal("1234.50")


def test_what_was_typed_wrongly_is_shown_as_typed():
    field = AmountFormField(currency="EUR")
    assert field.prepare_value("<12>") == "<12>"


def test_the_same_amount_written_otherwise_is_no_change():
    field = AmountFormField(currency="USD")
    assert not field.has_changed(Decimal("1234.500"), "1,234.50")
    assert not field.has_changed(None, "")
    assert field.has_changed(Decimal("1234.50"), "1,234.51")
    assert field.has_changed(Decimal("1234.50"), "many")


def test_phone_shows_its_keys_for_decimals():
    html = str(LineForm()["amount"])
    assert 'type="text"' in html
    assert 'inputmode="decimal"' in html
