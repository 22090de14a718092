"""Model fields for money. Migrations see Django's own fields, so that none imports this module."""

from decimal import Decimal
from types import GenericAlias
from typing import TYPE_CHECKING, Any, TypeVar

from django.core.exceptions import ValidationError
from django.db import models
from django.db.backends.base.base import BaseDatabaseWrapper

from budgetsite.money.amounts import MAX_DIGITS, MAX_USAGE_DIGITS, STORED_DECIMALS, USAGE_DECIMALS
from budgetsite.money.currencies import UnknownCurrency, is_currency


def validate_currency(value: str) -> None:
    """Raise `ValidationError` (code `unknown_currency`) unless a budget can be kept in this currency."""
    if not is_currency(value):
        raise ValidationError(str(UnknownCurrency(value)), code="unknown_currency")


# The type checker knows Django's fields as generic in what is set and what is read; Django itself does not.
_ST = TypeVar("_ST", contravariant=True)
_GT = TypeVar("_GT", covariant=True)

if TYPE_CHECKING:

    class _DecimalField(models.DecimalField[_ST, _GT]): ...

    class _CharField(models.CharField[_ST, _GT]): ...

else:

    class _DecimalField(models.DecimalField):
        __class_getitem__ = classmethod(GenericAlias)

    class _CharField(models.CharField):
        __class_getitem__ = classmethod(GenericAlias)


class _FixedDecimalField(_DecimalField[_ST, _GT]):
    """A decimal column whose precision belongs to its type and is not repeated at each use."""

    digits: int
    places: int

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        kwargs["max_digits"] = self.digits
        kwargs["decimal_places"] = self.places
        super().__init__(*args, **kwargs)

    def deconstruct(self) -> Any:
        name, _path, args, kwargs = super().deconstruct()
        return name, "django.db.models.DecimalField", args, kwargs

    def get_db_prep_save(self, value: Any, connection: BaseDatabaseWrapper) -> Any:
        # PostgreSQL would round a longer fraction silently, and it stores NaN in a numeric column.
        if isinstance(value, float):
            raise TypeError(f"{self.name} takes a Decimal, never a float such as {value!r}.")
        if value is not None and not hasattr(value, "as_sql"):
            number = Decimal(value)
            if not number.is_finite():
                raise ValueError(f"{self.name} cannot hold {number}.")
            if number.copy_abs() >= 10 ** (self.digits - self.places):
                raise ValueError(f"{self.name} cannot hold {number}: it is too large.")
            if number != round(number, self.places):
                raise ValueError(f"{self.name} keeps {self.places} decimals, and {number} has more.")
        return super().get_db_prep_save(value, connection)


class AmountField(_FixedDecimalField[_ST, _GT]):
    """An amount of money, numeric(15,3). Saving a float, NaN, an infinity or a fourth decimal is an error."""

    description = "Amount of money"
    digits = MAX_DIGITS
    places = STORED_DECIMALS


class UsageField(_FixedDecimalField[_ST, _GT]):
    """An amount of money in fractions of the smallest coin, as machines spend it: numeric(18,6)."""

    description = "Amount of usage"
    digits = MAX_USAGE_DIGITS
    places = USAGE_DECIMALS


class UsageTotalField(_FixedDecimalField[_ST, _GT]):
    """A sum of such amounts, numeric(24,6): no year of spending outgrows it."""

    description = "Total of usage"
    digits = MAX_USAGE_DIGITS + 6
    places = USAGE_DECIMALS


class PercentageField(_FixedDecimalField[_ST, _GT]):
    """A percentage as `budgetsite.money.ratios` computes it, numeric(12,2)."""

    description = "Percentage"
    digits = 12
    places = 2


class CurrencyField(_CharField[_ST, _GT]):
    """The code of a currency that a budget can be kept in."""

    description = "Currency code"

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        kwargs["max_length"] = 3
        super().__init__(*args, **kwargs)
        # Not passed as an argument, which a migration would repeat.
        self.validators.append(validate_currency)

    def deconstruct(self) -> Any:
        name, _path, args, kwargs = super().deconstruct()
        return name, "django.db.models.CharField", args, kwargs
