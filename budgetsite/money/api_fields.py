"""Serializer fields for money: amounts as strings in the currency's decimals, percentages with two."""

from collections.abc import Callable, Mapping
from decimal import Decimal
from typing import Any, NamedTuple

from django.core.exceptions import ImproperlyConfigured, ObjectDoesNotExist
from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

from budgetsite.money.amounts import InvalidAmount, amount_to_json, parse_amount


class _AmountIn(NamedTuple):
    amount: Decimal
    currency: str


@extend_schema_field(
    {
        "type": "string",
        "format": "decimal",
        "pattern": r"^-?\d{1,12}(\.\d{1,3})?$",
        "example": "1234.50",
        "description": "An amount of money, as a string with exactly as many decimals as its currency has.",
    }
)
class MoneyField(serializers.Field[Decimal, Any, str, Any]):
    """An amount whose currency is at `currency_source` of the same object, else in context["currency"].

    `currency_source` is a dotted path over attributes and mappings ("budget.currency") or a callable
    that takes the object. Input is checked against context["currency"] when the view sets it; otherwise up to
    three decimals pass, and the service checks again. Errors carry the codes of `parse_amount`.
    """

    def __init__(
        self,
        *,
        currency_source: str | Callable[[Any], str] = "currency",
        minimum: Decimal | None = None,
        **kwargs: Any,
    ) -> None:
        self.currency_source = currency_source
        self.minimum = minimum
        super().__init__(**kwargs)

    def get_attribute(self, instance: Any) -> Any:
        amount = super().get_attribute(instance)
        return None if amount is None else _AmountIn(Decimal(amount), self._currency_of(instance))

    def to_representation(self, value: Any) -> str:
        if not isinstance(value, _AmountIn):
            # The child of a list or a dictionary: there is no object to ask, only the context.
            value = _AmountIn(Decimal(value), self._context_currency())
        return amount_to_json(value.amount, value.currency)

    def to_internal_value(self, data: Any) -> Decimal:
        try:
            return parse_amount(data, self.context.get("currency"), minimum=self.minimum)
        except InvalidAmount as error:
            raise serializers.ValidationError(error.message, code=error.code) from error

    def _currency_of(self, instance: Any) -> str:
        if callable(self.currency_source):
            return self.currency_source(instance)
        found = instance
        for step in self.currency_source.split("."):
            try:
                found = found[step] if isinstance(found, Mapping) else getattr(found, step)
            except (KeyError, AttributeError, ObjectDoesNotExist):
                return self._context_currency()
        return str(found)

    def _context_currency(self) -> str:
        currency = self.context.get("currency")
        if currency is None:
            raise ImproperlyConfigured(
                f"{type(self).__name__} “{self.field_name}” finds no currency: "
                "set its currency_source, or context['currency'] in the view."
            )
        return str(currency)


@extend_schema_field(
    {
        "type": "string",
        "format": "decimal",
        "pattern": r"^-?\d{1,10}\.\d{2}$",
        "example": "80.00",
        "description": "A percentage, as a string with two decimals.",
    }
)
class PercentageField(serializers.Field[Decimal, Any, str, Any]):
    """A percentage as `budgetsite.money.ratios` computes it, null where that is None. It is never input."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(**{"read_only": True, **kwargs})

    def to_representation(self, value: Any) -> str:
        return format(Decimal(value).quantize(Decimal("0.01")), "f")
