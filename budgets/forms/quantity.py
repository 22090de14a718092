"""The form field for how many: guests, days, hours."""

from decimal import Decimal
from typing import Any

from django.core.exceptions import ValidationError

from budgets.services.pricing import parse_quantity
from budgetsite.money.amounts import InvalidAmount
from budgetsite.money.form_fields import AmountFormField
from budgetsite.pages.amounts import format_quantity

NOT_A_QUANTITY = "Write how many, such as 120 or 7.5."


class QuantityFormField(AmountFormField):
    """A number of 0 or more with up to three decimals, read and shown as the active language writes numbers."""

    def __init__(self, **kwargs: Any) -> None:
        messages = {
            "invalid": NOT_A_QUANTITY,
            "not_finite": NOT_A_QUANTITY,
            "wrong_currency": NOT_A_QUANTITY,
            "too_many_decimals": "Write three decimals at most.",
            "below_minimum": "Write 0 or more.",
            **kwargs.pop("error_messages", {}),
        }
        super().__init__(minimum=Decimal(0), error_messages=messages, **kwargs)

    def to_python(self, value: Any) -> Decimal | None:
        number = super().to_python(value)
        if number is None:
            return None
        try:
            return parse_quantity(number)
        except InvalidAmount as error:
            raise ValidationError(error.message, code=error.code) from error

    def prepare_value(self, value: Any) -> Any:
        return format_quantity(value) if isinstance(value, Decimal) else value
