"""What the budgets' endpoints take."""

from decimal import Decimal
from typing import Any

from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

from budgets.services.budget_copy import CopyBasis, InvalidFactor, parse_factor
from budgets.services.categories import CategoryFinder
from budgets.services.problems import UnknownCategory
from budgetsite.api.refusals import field_refusal
from budgetsite.api.versions import VersionField
from budgetsite.money.api_fields import MoneyField

ZERO = Decimal(0)
# So many lines are taken in one request; more than any event has, and less than holds everybody else up.
MAX_LINES = 1000
_LONGEST_TEXT = 10_000


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


class LineItemInput(serializers.Serializer):
    category = CategoryField()
    name = serializers.CharField(max_length=200)
    section = serializers.CharField(max_length=200, required=False, allow_blank=True)
    description = serializers.CharField(max_length=_LONGEST_TEXT, required=False, allow_blank=True)
    budgeted_amount = MoneyField(minimum=ZERO)
    actual_amount = MoneyField(required=False, help_text="The difference is posted to the ledger.")
    sort_order = serializers.IntegerField(required=False, min_value=-(2**31), max_value=2**31 - 1)
    notes = serializers.CharField(max_length=_LONGEST_TEXT, required=False, allow_blank=True)


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


@extend_schema_field({"type": "string", "format": "decimal", "example": "1.05"})
class FactorField(serializers.Field[Any, Any, Any, Any]):
    """With `copy_from`: what every amount is multiplied by; above 0, 10 at most, 1 where nothing is sent."""

    def to_internal_value(self, data: Any) -> Decimal:
        try:
            return parse_factor(data)
        except InvalidFactor as error:
            raise serializers.ValidationError(str(error), code=error.code) from error


class EventOfBudgetInput(serializers.Serializer):
    event_id = serializers.UUIDField()


class BudgetInput(EventOfBudgetInput):
    total_budget_amount = MoneyField(
        minimum=ZERO,
        required=False,
        allow_null=True,
        help_text="The ceiling. Without it (or with 0) the total follows the sum of the lines.",
    )
    notes = serializers.CharField(max_length=_LONGEST_TEXT, required=False, allow_blank=True)
    line_items = LineItemInput(many=True, required=False, max_length=MAX_LINES)  # type: ignore[call-arg]
    template_id = serializers.UUIDField(required=False, help_text="Instead of `line_items`: those of a template.")
    copy_from = serializers.UUIDField(
        required=False, help_text="Instead of `line_items`: those of another budget that you may see."
    )
    factor = FactorField(required=False)
    basis = serializers.ChoiceField(
        choices=CopyBasis.choices, required=False, help_text="With `copy_from`: what is copied, by default the plan."
    )

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        plans = [name for name in ("template_id", "copy_from", "line_items") if attrs.get(name)]
        if len(plans) > 1:
            raise field_refusal(plans[0], "ambiguous", f"Send one of these: {' or '.join(plans)}.")
        for name in ("factor", "basis"):
            if name in attrs and "copy_from" not in attrs:
                raise field_refusal(name, "ambiguous", f"“{name}” is about a copy: send copy_from too.")
        return attrs


class BudgetChangesInput(serializers.Serializer):
    total_budget_amount = MoneyField(
        minimum=ZERO, required=False, help_text="0 makes the total follow the sum of the lines."
    )
    notes = serializers.CharField(max_length=_LONGEST_TEXT, required=False, allow_blank=True)
    version = VersionField()


class VersionInput(serializers.Serializer):
    version = VersionField()


class MoveInput(serializers.Serializer):
    version = VersionField()
    reason = serializers.CharField(max_length=2000, required=False, allow_blank=True, allow_null=True)
    override = serializers.BooleanField(
        required=False, default=False, help_text="An owner finalizes in spite of a high variance, with a reason."
    )


class CategoryInput(serializers.Serializer):
    name = serializers.CharField(max_length=100)
    for_events = serializers.BooleanField(required=False)
    for_weddings = serializers.BooleanField(required=False)
    benchmark_share = serializers.DecimalField(
        max_digits=5, decimal_places=2, min_value=ZERO, max_value=Decimal(100), required=False, allow_null=True
    )
    sort_order = serializers.IntegerField(required=False, min_value=-(2**31), max_value=2**31 - 1)
