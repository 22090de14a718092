"""What the budgets' endpoints take."""

from decimal import Decimal
from typing import Any

from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

from budgets.api.line_inputs import LONGEST_TEXT, MAX_LINES, ZERO, LineItemInput
from budgets.services.budget_copy import CopyBasis, InvalidFactor, parse_factor
from budgetsite.api.refusals import field_refusal
from budgetsite.api.versions import VersionField
from budgetsite.money.api_fields import MoneyField


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
    notes = serializers.CharField(max_length=LONGEST_TEXT, required=False, allow_blank=True)
    funded_by = serializers.UUIDField(
        required=False, allow_null=True, help_text="The scoped budget that pays, chosen by an owner or a manager."
    )
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
        if attrs.get("funded_by") and "copy_from" in attrs:
            message = "A copy is paid as what it is copied from: set what pays afterwards, at …/funding."
            raise field_refusal("funded_by", "ambiguous", message)
        for name in ("factor", "basis"):
            if name in attrs and "copy_from" not in attrs:
                raise field_refusal(name, "ambiguous", f"“{name}” is about a copy: send copy_from too.")
        return attrs


class BudgetChangesInput(serializers.Serializer):
    total_budget_amount = MoneyField(
        minimum=ZERO, required=False, help_text="0 makes the total follow the sum of the lines."
    )
    notes = serializers.CharField(max_length=LONGEST_TEXT, required=False, allow_blank=True)
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
