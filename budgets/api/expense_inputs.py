"""What the endpoints of expenses take."""

import re
from datetime import UTC, date, datetime, time, timedelta
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

from django.utils import timezone
from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers
from rest_framework.fields import empty

from budgets.models import ExpenseStage, PaymentMethod
from budgets.services.expense_bulk import MOST_AT_ONCE
from budgets.services.expense_days import FIRST_DAY, LAST_DAY
from budgetsite.api.refusals import field_refusal
from budgetsite.api.versions import VersionField
from budgetsite.money.api_fields import MoneyField
from budgetsite.money.currencies import UnknownCurrency, is_currency

LONGEST_TEXT = 10_000
_LONGEST_REASON = 2000
RECORDED_STAGES = [choice for choice in ExpenseStage.choices if choice[0] != ExpenseStage.CANCELLED]
_DAY_ALONE = re.compile(r"\d{4}-\d{2}-\d{2}")


class CurrencyCodeField(serializers.CharField):
    """A currency that money can be kept in, by its three letters."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(max_length=3, **kwargs)

    def to_internal_value(self, data: Any) -> str:
        code = str(super().to_internal_value(data)).upper()
        if not is_currency(code):
            raise serializers.ValidationError(str(UnknownCurrency(code)), code="unknown_currency")
        return code


class DayField(serializers.DateField):
    def to_internal_value(self, data: Any) -> date:
        day: date = super().to_internal_value(data)
        if not FIRST_DAY <= day <= LAST_DAY:
            raise serializers.ValidationError(
                f"Give a day from {FIRST_DAY.isoformat()} to {LAST_DAY.isoformat()}.", code="out_of_range"
            )
        return day


class RateInputField(serializers.DecimalField):
    """Checked further by the service, which says what a rate can be."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(max_digits=18, decimal_places=8, **kwargs)


@extend_schema_field(
    {"type": "string", "maxLength": 200, "description": "The vendor's name, or the id of a known one."}
)
class VendorField(serializers.CharField):
    """A name that is new makes a vendor; null or "" is none."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(max_length=200, allow_blank=True, allow_null=True, required=False, **kwargs)

    def run_validation(self, data: Any = empty) -> Any:
        text = super().run_validation(data)
        return name_or_id(text) if text else text


def name_or_id(text: str) -> str | UUID:
    try:
        return UUID(text.strip())
    except ValueError:
        return text


class CurrencyAloneInput(serializers.Serializer):
    """Read first: by the currency is known how many decimals an amount may have."""

    currency = CurrencyCodeField(required=False, allow_null=True)


class ExpenseTargetInput(CurrencyAloneInput):
    event_id = serializers.UUIDField()


class _ExpenseFieldsInput(serializers.Serializer):
    line_item_id = serializers.UUIDField(
        required=False, allow_null=True, help_text="A line of the budget. Send this, or a category."
    )
    category = serializers.CharField(
        max_length=100,
        required=False,
        allow_null=True,
        help_text="Its name or id: on the plan's line with it, or on an unbudgeted one that is made.",
    )
    description = serializers.CharField(max_length=500)
    vendor = VendorField()
    amount = MoneyField(help_text="Not 0; a refund is negative, and invoiced.")
    currency = CurrencyCodeField(required=False, allow_null=True, help_text="The budget's, if left out.")
    exchange_rate = RateInputField(
        required=False, allow_null=True, help_text="The account's table has it, unless it is given here."
    )
    rate_source = serializers.CharField(max_length=200, required=False, allow_blank=True)
    due_date = DayField(required=False, allow_null=True)
    expense_date = DayField(required=False, allow_null=True, help_text="Today where the event is, if left out.")
    invoice_number = serializers.CharField(max_length=100, required=False, allow_blank=True)
    notes = serializers.CharField(max_length=LONGEST_TEXT, required=False, allow_blank=True)
    override = serializers.BooleanField(
        required=False,
        default=False,
        help_text="Promise more than is available: for owners and managers, with a reason.",
    )
    reason = serializers.CharField(max_length=_LONGEST_REASON, required=False, allow_blank=True, default="")


class ExpenseChangesInput(_ExpenseFieldsInput):
    stage = serializers.ChoiceField(
        choices=ExpenseStage.choices, required=False, help_text="As it is: another one is reached by its step."
    )
    version = VersionField()


class ExpenseInput(_ExpenseFieldsInput):
    event_id = serializers.UUIDField()
    stage = serializers.ChoiceField(choices=RECORDED_STAGES, required=False, help_text="`invoiced`: with its bill.")
    confirm_duplicate = serializers.BooleanField(
        required=False, default=False, help_text="Keep a bill whose number the vendor has used before."
    )


class StepInput(serializers.Serializer):
    version = VersionField()
    reason = serializers.CharField(max_length=_LONGEST_REASON, required=False, allow_blank=True, default="")


class OverridingStepInput(StepInput):
    override = serializers.BooleanField(
        required=False,
        default=False,
        help_text="Promise more than is available: for owners and managers, with a reason.",
    )


class CancelInput(StepInput):
    invoice_id = serializers.UUIDField(required=False, allow_null=True, help_text="Take back this bill alone.")
    whole = serializers.BooleanField(required=False, default=False, help_text="Cancel all of it, not the last step.")


class InvoiceInput(serializers.Serializer):
    amount = MoneyField(
        required=False, allow_null=True, help_text="All that is left, if left out; a credit note is negative."
    )
    invoice_number = serializers.CharField(max_length=100, required=False, allow_blank=True)
    invoice_date = DayField(required=False, allow_null=True, help_text="Today where the event is, if left out.")
    due_date = DayField(required=False, allow_null=True)
    final = serializers.BooleanField(required=False, default=False, help_text="No further bill will come.")
    exchange_rate = RateInputField(required=False, allow_null=True)
    rate_source = serializers.CharField(max_length=200, required=False, allow_blank=True)
    confirm_duplicate = serializers.BooleanField(required=False, default=False)
    version = VersionField()


class BulkExpensesInput(serializers.Serializer):
    """One of these fields or several are set on each expense."""

    ids = serializers.ListField(child=serializers.UUIDField(), min_length=1, max_length=MOST_AT_ONCE)
    line_item_id = serializers.UUIDField(required=False)
    category = serializers.CharField(max_length=100, required=False)
    vendor = VendorField()
    due_date = DayField(required=False, allow_null=True)

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        if attrs.keys() == {"ids"}:
            names = ("category", "line_item_id", "vendor", "due_date")
            raise field_refusal("ids", "required", f"Say what is changed: one or several of {', '.join(names)}.")
        return attrs


class PaidAtField(serializers.DateTimeField):
    """When it was paid: a moment, or a day, of which it is noon at the event. Not in the future."""

    def to_internal_value(self, data: Any) -> datetime:
        if isinstance(data, str) and _DAY_ALONE.fullmatch(data.strip()):
            day = DayField().run_validation(data.strip())
            zone = ZoneInfo(self.context.get("timezone") or "UTC")
            # Noon may be later today; it was paid by now then.
            today = timezone.now().astimezone(zone).date()
            return timezone.now() if day == today else self._checked(datetime.combine(day, time(12), zone))
        return self._checked(super().to_internal_value(data))

    def _checked(self, moment: datetime) -> datetime:
        if moment > timezone.now() + timedelta(minutes=5):
            raise serializers.ValidationError(
                "This is still to come. Send it as due_date, and paid_at once it is paid.", code="in_future"
            )
        if moment < datetime.combine(FIRST_DAY, time(), UTC):
            raise serializers.ValidationError(f"Give a moment after {FIRST_DAY.isoformat()}.", code="out_of_range")
        return moment


class PaymentChangesInput(serializers.Serializer):
    amount = MoneyField(required=False, help_text="In the expense's currency; never beyond what is billed.")
    paid_at = PaidAtField(required=False, allow_null=True, help_text="A moment or a day. Null: still to be paid.")
    due_date = DayField(required=False, allow_null=True, help_text="By when an instalment is to be paid.")
    method = serializers.ChoiceField(choices=PaymentMethod.choices, required=False, allow_blank=True)
    reference = serializers.CharField(max_length=500, required=False, allow_blank=True)
    version = VersionField()


class PaymentInput(PaymentChangesInput):
    amount = MoneyField(help_text="In the expense's currency; never beyond what is billed.")


class PaymentCancelInput(serializers.Serializer):
    reason = serializers.CharField(max_length=_LONGEST_REASON, required=False, allow_blank=True, default="")
