from decimal import Decimal

import pytest
from django.core.exceptions import ValidationError
from django.db import connection, models
from django.db.migrations.writer import MigrationWriter

from budgetsite.money.model_fields import AmountField, CurrencyField, PercentageField


def saved(field, value):
    field.set_attributes_from_name("amount")
    return field.get_db_prep_save(value, connection)


@pytest.mark.parametrize("value", [None, 0, Decimal("999999999999.999"), Decimal("-1.5"), Decimal("1.5000")])
def test_amount_is_saved_as_it_is(value):
    assert saved(AmountField(null=True), value) == value


def test_expression_is_passed_to_the_database():
    expression = models.Value(Decimal("1.23456")) + models.Value(1)
    assert saved(AmountField(), expression) is expression


@pytest.mark.parametrize(
    ("value", "error", "message"),
    [
        (12.5, TypeError, "never a float such as 12.5"),
        (Decimal("NaN"), ValueError, "cannot hold NaN"),
        (Decimal("-Infinity"), ValueError, "cannot hold -Infinity"),
        (Decimal("1.2345"), ValueError, "keeps 3 decimals, and 1.2345 has more"),
        (Decimal("1000000000000"), ValueError, "cannot hold 1000000000000: it is too large"),
    ],
)
def test_amount_that_the_database_would_change_is_never_saved(value, error, message):
    with pytest.raises(error, match=message):
        saved(AmountField(), value)


def test_percentage_column_holds_ten_digits_before_the_point():
    assert saved(PercentageField(), Decimal("9999999999.99")) == Decimal("9999999999.99")
    with pytest.raises(ValueError, match="too large"):
        saved(PercentageField(), Decimal("10000000000"))


@pytest.mark.parametrize("code", ["usd", "XAU", "ZZZ", "DEM"])
def test_unknown_currency_fails_validation(code):
    with pytest.raises(ValidationError) as caught:
        CurrencyField().clean(code, None)
    assert "unknown_currency" in [error.code for error in caught.value.error_list]


def test_known_currency_passes_validation():
    assert CurrencyField().clean("JPY", None) == "JPY"


@pytest.mark.parametrize(
    ("model_field", "written"),
    [
        (AmountField(default=0), "models.DecimalField(decimal_places=3, default=0, max_digits=15)"),
        (PercentageField(null=True), "models.DecimalField(decimal_places=2, max_digits=12, null=True)"),
        (CurrencyField(), "models.CharField(max_length=3)"),
    ],
)
def test_migration_names_no_class_of_ours(model_field, written):
    text, imports = MigrationWriter.serialize(model_field)
    assert (text, imports) == (written, {"from django.db import models"})


def test_clone_keeps_precision_and_validator():
    clone = AmountField(null=True).clone()
    assert (type(clone), clone.max_digits, clone.decimal_places, clone.null) == (AmountField, 15, 3, True)
    with pytest.raises(ValidationError):
        CurrencyField().clone().clean("ZZZ", None)
