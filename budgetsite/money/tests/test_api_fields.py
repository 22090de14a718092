from dataclasses import dataclass, field
from decimal import Decimal

import pytest
from django.core.exceptions import ImproperlyConfigured
from django.urls import path
from drf_spectacular.drainage import GENERATOR_STATS
from drf_spectacular.generators import SchemaGenerator
from rest_framework import serializers
from rest_framework.exceptions import ErrorDetail
from rest_framework.views import APIView

from budgetsite.money.api_fields import MoneyField, PercentageField


@dataclass
class Budget:
    currency: str = "KWD"
    total: Decimal | None = Decimal("12.5")


@dataclass
class Line:
    amount: Decimal = Decimal("1234.5")
    budget: Budget = field(default_factory=Budget)


class BudgetSerializer(serializers.Serializer):
    total = MoneyField(allow_null=True)


class LineSerializer(serializers.Serializer):
    amount = MoneyField(currency_source="budget.currency", minimum=Decimal(0))


def test_amount_is_a_string_in_its_own_currency_s_decimals():
    budgets = [
        Budget("JPY", Decimal("1500.000")),
        Budget("USD", Decimal("1500.000")),
        Budget("KWD", Decimal("1.5")),
    ]
    answer = BudgetSerializer(budgets, many=True).data
    assert [row["total"] for row in answer] == ["1500", "1500.00", "1.500"]


def test_currency_is_found_in_a_mapping_along_a_path_or_by_a_callable():
    class ByCallable(serializers.Serializer):
        amount = MoneyField(currency_source=lambda line: line.budget.currency)

    assert LineSerializer(Line()).data == {"amount": "1234.500"}
    assert LineSerializer({"amount": "5", "budget": {"currency": "JPY"}}).data == {"amount": "5"}
    assert ByCallable(Line()).data == {"amount": "1234.500"}


def test_object_without_a_currency_takes_the_context_s():
    assert BudgetSerializer({"total": Decimal("5")}, context={"currency": "USD"}).data == {"total": "5.00"}


def test_child_of_a_list_takes_the_context_s_currency():
    class Totals(serializers.Serializer):
        totals = serializers.ListField(child=MoneyField())

    answer = Totals({"totals": [Decimal("1"), Decimal("2.5")]}, context={"currency": "USD"}).data
    assert answer == {"totals": ["1.00", "2.50"]}


def test_no_currency_anywhere_is_the_programmer_s_error():
    with pytest.raises(ImproperlyConfigured, match="“total” finds no currency"):
        _ = BudgetSerializer({"total": Decimal("5")}).data


def test_missing_amount_is_null():
    assert BudgetSerializer(Budget(total=None)).data == {"total": None}


@pytest.mark.parametrize(("sent", "amount"), [("12.50", "12.50"), (12.5, "12.50"), (12, "12.00"), ("12.340", "12.34")])
def test_input_is_read_in_the_context_s_currency(sent, amount):
    serializer = LineSerializer(data={"amount": sent}, context={"currency": "USD"})
    serializer.is_valid(raise_exception=True)
    assert str(serializer.validated_data["amount"]) == amount


def test_input_without_a_known_currency_may_have_three_decimals():
    serializer = LineSerializer(data={"amount": "1.234"})
    serializer.is_valid(raise_exception=True)
    assert serializer.validated_data["amount"] == Decimal("1.234")


@pytest.mark.parametrize(
    ("sent", "code"),
    [
        ("12.345", "too_many_decimals"),
        ("NaN", "not_finite"),
        ("1e400", "invalid"),
        (True, "invalid"),
        ("", "invalid"),
        ([], "invalid"),
        ({"amount": 1}, "invalid"),
        ("1000000000000", "out_of_range"),
        ("-1", "below_minimum"),
        (None, "null"),
    ],
)
def test_bad_input_is_a_field_error_with_its_code(sent, code):
    serializer = LineSerializer(data={"amount": sent}, context={"currency": "USD"})
    assert not serializer.is_valid()
    [error] = serializer.errors["amount"]
    assert isinstance(error, ErrorDetail)
    assert error.code == code
    assert str(error)


def test_percentage_is_a_string_with_two_decimals_or_null():
    class Figures(serializers.Serializer):
        used = PercentageField()
        left = PercentageField()

    assert Figures({"used": Decimal("80"), "left": None}).data == {"used": "80.00", "left": None}
    assert Figures().fields["used"].read_only


def test_schema_describes_money_and_percentages_without_a_warning():
    class Figures(serializers.Serializer):
        total = MoneyField()
        spent = MoneyField(read_only=True, allow_null=True)
        used = PercentageField(allow_null=True)

    class FiguresView(APIView):
        serializer_class = Figures
        authentication_classes = ()

        def post(self, request):
            raise NotImplementedError

    GENERATOR_STATS.reset()
    with GENERATOR_STATS.silence():
        schema = SchemaGenerator(patterns=[path("api/v1/figures", FiguresView.as_view())]).get_schema(public=True)
    properties = schema["components"]["schemas"]["Figures"]["properties"]
    assert {name: (entry["type"], entry["format"]) for name, entry in properties.items()} == {
        "total": ("string", "decimal"),
        "spent": ("string", "decimal"),
        "used": ("string", "decimal"),
    }
    assert properties["spent"]["nullable"]
    assert properties["used"]["readOnly"]
    assert not GENERATOR_STATS
