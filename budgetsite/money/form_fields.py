"""The form field for an amount of money: a text field that reads what people type."""

from collections.abc import Mapping
from decimal import Decimal
from typing import Any

from django import forms
from django.core.exceptions import ValidationError
from django.utils.translation import get_language

from budgetsite.money.amounts import InvalidAmount, format_amount, parse_amount
from budgetsite.money.typed_amounts import parse_typed_amount


class AmountInput(forms.TextInput):
    """A text input, because a number input refuses "1,234.50", with the digits' keyboard on a phone."""

    def __init__(self, attrs: Mapping[str, Any] | None = None) -> None:
        super().__init__({"inputmode": "decimal", "autocomplete": "off", **(attrs or {})})


class AmountFormField(forms.Field):
    """An amount in `currency`, read and shown as the active language writes numbers.

    A form sets `currency` where it differs by object: `self.fields["amount"].currency = budget.currency`.
    Without one, up to three decimals pass. Error codes are those of `parse_typed_amount`; `error_messages`
    may replace any of their texts.
    """

    widget = AmountInput

    def __init__(self, *, currency: str | None = None, minimum: Decimal | None = None, **kwargs: Any) -> None:
        self.currency = currency
        self.minimum = minimum
        super().__init__(**kwargs)

    def to_python(self, value: Any) -> Decimal | None:
        if value in self.empty_values or (isinstance(value, str) and not value.strip()):
            return None
        try:
            if isinstance(value, str):
                return parse_typed_amount(value, self.currency, locale=_language(), minimum=self.minimum)
            return parse_amount(value, self.currency, minimum=self.minimum)
        except InvalidAmount as error:
            message = self.error_messages[error.code] if error.code in self._own_messages else error.message
            raise ValidationError(message, code=error.code) from error

    def prepare_value(self, value: Any) -> Any:
        if isinstance(value, Decimal) and self.currency is not None:
            return format_amount(value, self.currency, _language())
        return value

    def has_changed(self, initial: Any, data: Any) -> bool:
        try:
            return self.to_python(initial) != self.to_python(data)
        except ValidationError:
            return True

    @property
    def _own_messages(self) -> frozenset[str]:
        return frozenset(self.error_messages) - set(forms.Field.default_error_messages)


def _language() -> str:
    return get_language() or "en"
