"""What the endpoints take of a plan's lines."""

from decimal import Decimal
from typing import Any
from uuid import UUID

from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers
from rest_framework.exceptions import ErrorDetail

from budgets.models import LineKind
from budgets.services.categories import CategoryFinder
from budgets.services.pricing import (
    PriceOutOfRange,
    QuantityIsDrivers,
    driver_quantities,
    parse_quantity,
    priced_amount,
)
from budgets.services.problems import BudgetProblem, DriverNotFound, IncompletePrice, PricedLine, UnknownCategory
from budgetsite.api.versions import VersionField
from budgetsite.money.amounts import InvalidAmount
from budgetsite.money.api_fields import MoneyField

ZERO = Decimal(0)
# So many lines are taken in one request; more than any event has, and less than holds everybody else up.
MAX_LINES = 1000
LONGEST_TEXT = 10_000


@extend_schema_field({"type": "string", "description": "The category's name (case does not matter) or its id."})
class CategoryField(serializers.Field[Any, Any, Any, Any]):
    """A category of the account by name or id. All of a request's lines share one look at the categories."""

    default_error_messages = {"invalid": "Write the category's name or its id."}

    def to_internal_value(self, data: Any) -> Any:
        if not isinstance(data, str):
            self.fail("invalid")
        context: Any = self.context
        finder = context.get("categories")
        if finder is None:
            finder = context["categories"] = CategoryFinder.load()
        try:
            return finder.find(data)
        except UnknownCategory as error:
            raise serializers.ValidationError(str(error), code=error.code) from error


@extend_schema_field(
    {
        "type": "string",
        "format": "decimal",
        "pattern": r"^\d{1,9}(\.\d{1,3})?$",
        "example": "120.000",
        "description": "How many: guests, days, hours.",
    }
)
class QuantityField(serializers.Field[Decimal, Any, str, Any]):
    """A quantity, with the codes of `parse_quantity`."""

    def to_internal_value(self, data: Any) -> Decimal:
        if isinstance(data, bool) or not isinstance(data, str | int | float):
            raise serializers.ValidationError("Write the quantity in plain digits, such as 120 or 7.5.", "invalid")
        try:
            return parse_quantity(data)
        except InvalidAmount as error:
            raise serializers.ValidationError(error.message, code=error.code) from error

    def to_representation(self, value: Decimal) -> str:
        return format(value, ".3f")


class DriverField(serializers.UUIDField):
    """A number of the budget at context["budget_id"]. All of a request's lines share one look at them."""

    def to_internal_value(self, data: Any) -> UUID:
        driver_id = super().to_internal_value(data)
        if driver_id not in self.quantities():
            problem = DriverNotFound(driver_id)
            raise serializers.ValidationError(str(problem), code=problem.code)
        return driver_id

    def quantities(self) -> dict[UUID, Decimal]:
        context: Any = self.context
        if "drivers" not in context:
            budget_id = context.get("budget_id")
            context["drivers"] = driver_quantities(budget_id) if budget_id is not None else {}
        found: dict[UUID, Decimal] = context["drivers"]
        return found


class LineItemInput(serializers.Serializer):
    kind = serializers.ChoiceField(
        choices=LineKind.choices, required=False, help_text="`cost` unless said otherwise; said once, when it is made."
    )
    category = CategoryField()
    name = serializers.CharField(max_length=200)
    section = serializers.CharField(max_length=200, required=False, allow_blank=True)
    description = serializers.CharField(max_length=LONGEST_TEXT, required=False, allow_blank=True)
    budgeted_amount = MoneyField(
        minimum=ZERO,
        required=False,
        help_text="What is planned. Of a line with a unit price it follows, and may be left out.",
    )
    quantity = QuantityField(required=False, allow_null=True, help_text="Follows from the driver, where there is one.")
    unit_price = MoneyField(
        minimum=ZERO, required=False, allow_null=True, help_text="Null takes it away, and quantity and driver with it."
    )
    driver = DriverField(
        required=False, allow_null=True, help_text="The id of the budget's number that the quantity follows."
    )
    actual_amount = MoneyField(
        required=False, help_text="The difference is posted to the ledger: spent, or received on a line of income."
    )
    sort_order = serializers.IntegerField(required=False, min_value=-(2**31), max_value=2**31 - 1)
    notes = serializers.CharField(max_length=LONGEST_TEXT, required=False, allow_blank=True)

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        if not self.partial and not getattr(self.root, "partial", False):
            self._check_price(attrs)
        if "driver" in attrs:
            attrs["driver_id"] = attrs.pop("driver")
        return attrs

    def _check_price(self, attrs: dict[str, Any]) -> None:
        """Of a new line, say at its field what is missing or contradicts the rest."""
        unit_price, quantity = attrs.get("unit_price"), attrs.get("quantity")
        driver_id = attrs.get("driver")
        if unit_price is None:
            if quantity is not None or driver_id is not None:
                raise _at("unit_price", IncompletePrice())
            if "budgeted_amount" not in attrs:
                raise serializers.ValidationError(
                    {"budgeted_amount": ErrorDetail("This field is required.", code="required")}
                )
            return
        if driver_id is not None:
            field: Any = self.fields["driver"]
            counted = field.quantities()[driver_id]
            if quantity not in (None, counted):
                raise _at("quantity", QuantityIsDrivers(attrs["name"]))
            quantity = counted
        if quantity is None:
            raise _at("quantity", IncompletePrice())
        currency = self.context.get("currency")
        if currency is None:
            # The event's currency is not known yet; the service prices the line.
            return
        try:
            amount = priced_amount(quantity, unit_price, currency)
        except InvalidAmount as error:
            raise _at("unit_price", PriceOutOfRange(attrs["name"])) from error
        if attrs.get("budgeted_amount", amount) != amount:
            raise _at("budgeted_amount", PricedLine(attrs["name"]))


class NewLineItemInput(LineItemInput):
    version = VersionField()


class LineItemChangesInput(LineItemInput):
    version = VersionField()


class LineItemsInput(serializers.Serializer):
    line_items = LineItemInput(many=True, max_length=MAX_LINES, allow_empty=False)  # type: ignore[call-arg]
    version = VersionField()


class OrderInput(serializers.Serializer):
    """The lines' ids in their new order; lines left out come after them, in the order that they have."""

    order = serializers.ListField(child=serializers.UUIDField(), min_length=1, max_length=10 * MAX_LINES)
    version = VersionField()

    def to_internal_value(self, data: Any) -> Any:
        # `line_items` and `ids` are other words for `order`.
        for name in ("line_items", "ids"):
            if "order" not in data and name in data:
                data = {**data, "order": data[name]}
        return super().to_internal_value(data)


def _at(attr: str, problem: BudgetProblem) -> serializers.ValidationError:
    return serializers.ValidationError({attr: ErrorDetail(str(problem), code=problem.code)})
