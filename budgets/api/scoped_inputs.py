"""What the endpoints of scoped budgets take."""

import math
from collections.abc import Mapping
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any
from zoneinfo import ZoneInfo

from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

from budgets.models import Enforcement, EntrySource, Period, ScopeType, ThresholdAction
from budgets.services.reservation import LONGEST_SECONDS, SHORTEST_SECONDS, SMALLEST
from budgets.services.usage import USAGE_SOURCES
from budgetsite.accounts.timezones import validate_timezone
from budgetsite.api.versions import VersionField
from budgetsite.money.amounts import InvalidAmount, parse_usage
from budgetsite.money.api_fields import MoneyField
from budgetsite.money.currencies import UnknownCurrency, is_currency
from events.models import FIRST_YEAR, LAST_YEAR, in_usable_year

ZERO = Decimal(0)
MOST_THRESHOLDS = 20
HIGHEST_THRESHOLD = Decimal(1000)
LONGEST_SCOPE_ID = 255
LONGEST_TEXT = 10_000
LONGEST_DESCRIPTION = 500
USAGE_SOURCE_CHOICES = [(source.value, source.label) for source in USAGE_SOURCES]
_MOST_TAGS, _LONGEST_TAG = 50, 100
_LARGEST_METADATA, _DEEPEST_METADATA = 10_000, 5


def choice(kind: Any, what: str, **kwargs: Any) -> serializers.ChoiceField:
    """Return a field that takes one of the values of `kind`, and lists them to whoever sends another."""
    choices = kind if isinstance(kind, list) else kind.choices
    valid = ", ".join(str(value) for value, _label in choices)
    message = f"“{{input}}” is no {what}. There are: {valid}."
    return serializers.ChoiceField(choices=choices, error_messages={"invalid_choice": message}, **kwargs)


def text(max_length: int, **kwargs: Any) -> serializers.CharField:
    return _SendableText(max_length=max_length, **kwargs)


class _SendableText(serializers.CharField):
    def to_internal_value(self, data: Any) -> str:
        value = super().to_internal_value(data)
        if not _is_sendable(value):
            raise serializers.ValidationError("This text has half a character in it.", code="invalid")
        return value


@extend_schema_field(
    {
        "type": "string",
        "format": "decimal",
        "pattern": r"^-?\d{1,12}(\.\d{1,6})?$",
        "example": "0.001250",
        "description": "An amount as a string: the currency's decimals, and six where fractions of a coin are meant.",
    }
)
class UsageAmountField(serializers.Field[Decimal, Any, str, Any]):
    """An amount of up to six decimals, `minimum` or more. Errors carry the codes of `parse_usage`."""

    def __init__(self, *, minimum: Decimal | None = None, **kwargs: Any) -> None:
        self.minimum = minimum
        super().__init__(**kwargs)

    def to_internal_value(self, data: Any) -> Decimal:
        try:
            return parse_usage(data, minimum=self.minimum)
        except InvalidAmount as error:
            raise serializers.ValidationError(error.message, code=error.code) from error

    def to_representation(self, value: Any) -> str:
        return str(value)


class CurrencyCodeField(serializers.CharField):
    def to_internal_value(self, data: Any) -> str:
        code = super().to_internal_value(data).upper()
        if not is_currency(code):
            raise serializers.ValidationError(str(UnknownCurrency(code)), code="unknown_currency")
        return code


class DayField(serializers.DateField):
    def to_internal_value(self, value: Any) -> date:
        day: date = super().to_internal_value(value)
        if not FIRST_YEAR <= day.year <= LAST_YEAR:
            raise serializers.ValidationError(_IN_YEARS, code="out_of_range")
        return day


class BudgetMomentField(serializers.DateTimeField):
    """A moment. One without a zone is meant where the budget is: context["timezone"] says where, when it is asked."""

    def enforce_timezone(self, value: datetime) -> datetime:
        if not in_usable_year(value):
            raise serializers.ValidationError(_IN_YEARS, code="out_of_range")
        if value.tzinfo is not None:
            return value.astimezone(UTC)
        # Of two moments that a clock turned back shows alike, the first is meant.
        zone = ZoneInfo(self.context["timezone"]())
        moment = value.replace(tzinfo=zone).astimezone(UTC)
        if moment.astimezone(zone).replace(tzinfo=None) != value:
            raise serializers.ValidationError(
                f"The clocks of {zone.key} were put forward past this time. Write it with its zone.", code="skipped"
            )
        return moment


_IN_YEARS = f"Write a date between the years {FIRST_YEAR} and {LAST_YEAR}."


class ThresholdInput(serializers.Serializer):
    threshold = serializers.DecimalField(
        max_digits=6,
        decimal_places=2,
        max_value=HIGHEST_THRESHOLD,
        help_text="The share of the amount, in per cent: above 0, 1000 at most.",
    )
    actions = serializers.ListField(
        child=choice(ThresholdAction, "action"),
        allow_empty=False,
        max_length=len(ThresholdAction),
        help_text="What is to be done from there on; the strictest governs.",
    )
    channels = serializers.ListField(child=text(100), required=False, max_length=MOST_THRESHOLDS)
    message = text(LONGEST_DESCRIPTION, required=False, allow_blank=True)

    def validate_threshold(self, value: Decimal) -> Decimal:
        if value <= 0:
            raise serializers.ValidationError("A threshold is above 0 %.", code="min_value")
        return value


@extend_schema_field(
    {
        "oneOf": [
            {"type": "array", "items": {"type": "string"}},
            {"type": "object", "additionalProperties": {"type": "string"}},
        ],
        "example": {"department": "kitchen"},
    }
)
class TagsField(serializers.Field[Any, Any, Any, Any]):
    """Labels, or keys with values; numbers are taken as text."""

    def to_internal_value(self, data: Any) -> list[str] | dict[str, str]:
        if isinstance(data, Mapping):
            found: list[str] | dict[str, str] = {self._word(key): self._word(value) for key, value in data.items()}
        elif isinstance(data, list):
            found = list(dict.fromkeys(self._word(value) for value in data))
        else:
            raise serializers.ValidationError(
                'Write tags as a list of words, such as ["q3"], or as keys with values, such as {"area": "bar"}.',
                code="not_a_list",
            )
        if len(found) > _MOST_TAGS:
            raise serializers.ValidationError(f"Write {_MOST_TAGS} tags or fewer.", code="max_length")
        return found

    def to_representation(self, value: Any) -> Any:
        return value

    def _word(self, value: Any) -> str:
        is_word = isinstance(value, str | int) or (isinstance(value, float) and math.isfinite(value))
        if isinstance(value, bool) or not is_word:
            raise serializers.ValidationError("A tag is a word, or a key with a word.", code="invalid")
        word = str(value).strip()
        if not 1 <= len(word) <= _LONGEST_TAG or not _is_sendable(word) or "\0" in word:
            raise serializers.ValidationError(f"A tag has 1 to {_LONGEST_TAG} characters.", code="invalid")
        return word


class MetadataField(serializers.DictField):
    """An object of plain JSON, of which reports can group by any key."""

    def to_internal_value(self, data: Any) -> dict[str, Any]:
        if not isinstance(data, Mapping):
            self.fail("not_a_dict", input_type=type(data).__name__)
        size = _size(data, _DEEPEST_METADATA)
        if size is None:
            raise serializers.ValidationError(
                f"Metadata is JSON of up to {_DEEPEST_METADATA} levels: text, numbers, true, false and null.",
                code="invalid",
            )
        if size > _LARGEST_METADATA:
            raise serializers.ValidationError(
                f"Metadata has up to {_LARGEST_METADATA} characters in all.", code="max_length"
            )
        return dict(data)


def _size(value: Any, levels: int) -> int | None:
    """Return how many characters a value of JSON has, roughly; None when it cannot be stored."""
    if value is None or isinstance(value, bool):
        return 4
    if isinstance(value, int):
        return len(str(value))
    if isinstance(value, float):
        return len(str(value)) if math.isfinite(value) else None
    if isinstance(value, str):
        return len(value) if "\0" not in value and _is_sendable(value) else None
    if not levels:
        return None
    parts = [*value.keys(), *value.values()] if isinstance(value, Mapping) else list(value)
    sizes = [_size(part, levels - 1) for part in parts]
    return None if None in sizes else sum(size or 0 for size in sizes) + len(sizes)


def _is_sendable(value: str) -> bool:
    """Whether a text can be stored: JSON can spell half of a surrogate pair, UTF-8 cannot."""
    return not any("\ud800" <= character <= "\udfff" for character in value)


class ScopedBudgetChangesInput(serializers.Serializer):
    """What is not sent stays as it is. Scope, parent and currency are chosen once: only the same value passes."""

    name = text(200)
    description = text(LONGEST_TEXT, required=False, allow_blank=True)
    scope_type = choice(ScopeType, "scope")
    scope_id = text(
        LONGEST_SCOPE_ID,
        trim_whitespace=False,
        help_text="What the account, or another system, calls its team, person or project.",
    )
    amount = MoneyField(help_text="What may be spent in one period: above 0.")
    currency = CurrencyCodeField(help_text="ISO 4217; the parent's, where there is one.")
    period = choice(Period, "period")
    start_date = DayField()
    end_date = DayField(
        required=False,
        allow_null=True,
        help_text="The day from which it is over: the one after the last. A custom period needs it.",
    )
    recurring = serializers.BooleanField(
        required=False, help_text="One window after the other; else the first is all. By default yes, unless custom."
    )
    timezone = serializers.CharField(
        max_length=63, required=False, help_text="Where its days begin; the parent's or the account's by default."
    )
    alerts = ThresholdInput(many=True, required=False, allow_null=True, max_length=MOST_THRESHOLDS)  # type: ignore[call-arg]
    tags = TagsField(required=False, allow_null=True)
    parent_budget_id = serializers.UUIDField(required=False, allow_null=True)
    enforcement = choice(
        Enforcement,
        "enforcement",
        required=False,
        help_text="What becomes of promises, and of usage that asks first, which do not fit.",
    )

    def validate_scope_id(self, value: str) -> str:
        if not value.strip():
            raise serializers.ValidationError("Say which one is meant.", code="blank")
        return value

    def validate_timezone(self, value: str) -> str:
        validate_timezone(value)
        return value

    def validate_amount(self, amount: Decimal) -> Decimal:
        if amount <= 0:
            raise serializers.ValidationError("The amount must be more than 0.", code="min_value")
        return amount

    def validate_alerts(self, thresholds: list[Any] | None) -> list[Any] | None:
        """Refuse null among them: null instead of all of them is no thresholds."""
        for place, threshold in enumerate(thresholds or []):
            if threshold is None:
                raise serializers.ValidationError(f"Number {place + 1} is null. Leave it out.", code="null")
        return thresholds

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        """Call things as the services do."""
        if "alerts" in attrs:
            attrs["thresholds"] = attrs.pop("alerts") or []
        if "tags" in attrs and attrs["tags"] is None:
            attrs["tags"] = []
        return attrs


class ScopedBudgetInput(ScopedBudgetChangesInput):
    """A scoped budget to be made."""


class ScopedBudgetUpdateInput(ScopedBudgetChangesInput):
    version = VersionField()


class VersionInput(serializers.Serializer):
    version = VersionField()


class UsageInput(serializers.Serializer):
    amount = UsageAmountField(minimum=ZERO, help_text="What was spent: 0 or more, up to six decimals.")
    currency = CurrencyCodeField(help_text="The budget's: nothing is converted.")
    source = choice(USAGE_SOURCE_CHOICES, "source")  # type: ignore[assignment]
    timestamp = BudgetMomentField(
        required=False,
        allow_null=True,
        help_text="When it was spent, now by default; without a zone, as the clock shows it where the budget is.",
    )
    description = text(LONGEST_DESCRIPTION, required=False, allow_blank=True, allow_null=True)
    metadata = MetadataField(required=False, allow_null=True)
    enforce = serializers.BooleanField(
        required=False, default=False, help_text="Refuse what does not fit, instead of recording that it has happened."
    )


class TakeBackInput(serializers.Serializer):
    reason = text(LONGEST_DESCRIPTION, required=False, allow_blank=True, allow_null=True)


class CheckInput(serializers.Serializer):
    estimated_cost = UsageAmountField(minimum=ZERO)
    currency = CurrencyCodeField(required=False, allow_null=True, help_text="The budget's, unless said otherwise.")


@extend_schema_field(
    {
        "type": "object",
        "properties": {scope_type: {"type": "string"} for scope_type in ScopeType.values},
        "additionalProperties": False,
        "description": "Leave out a scope that the spending has nothing to do with.",
    }
)
class ScopesField(serializers.Field[Any, Any, Any, Any]):
    def to_internal_value(self, data: Any) -> dict[str, str]:
        valid = ", ".join(ScopeType.values)
        if not isinstance(data, Mapping) or not data:
            raise serializers.ValidationError(
                f"Name at least one scope with its id. There are: {valid}.", code="required"
            )
        scope_id = text(LONGEST_SCOPE_ID, trim_whitespace=False)
        errors: dict[str, Any] = {}
        for scope_type, value in data.items():
            if scope_type not in ScopeType.values:
                raise serializers.ValidationError(
                    f"“{scope_type}” is no scope. There are: {valid}.", code="invalid_choice"
                )
            try:
                scope_id.run_validation(value)
            except serializers.ValidationError as error:
                errors[scope_type] = error.detail
        if errors:
            raise serializers.ValidationError(errors)
        return {scope_type: str(value) for scope_type, value in data.items()}

    def to_representation(self, value: Any) -> Any:
        return value


class ScopesCheckInput(CheckInput):
    scopes = ScopesField()


class ReservationInput(serializers.Serializer):
    amount = UsageAmountField(minimum=SMALLEST, help_text="More than 0.")
    ttl_seconds = serializers.IntegerField(
        min_value=SHORTEST_SECONDS, max_value=LONGEST_SECONDS, help_text="After so many seconds it frees itself."
    )
    currency = CurrencyCodeField(required=False, allow_null=True)
    description = text(LONGEST_DESCRIPTION, required=False, allow_blank=True, allow_null=True)


class SettlementInput(serializers.Serializer):
    amount = UsageAmountField(minimum=ZERO, help_text="What was really spent.")
    final = serializers.BooleanField(
        required=False, default=True, help_text="False keeps the rest held, for what is still to come."
    )
    source = choice(  # type: ignore[assignment]
        USAGE_SOURCE_CHOICES, "source", required=False, default=EntrySource.API.value
    )
    description = text(LONGEST_DESCRIPTION, required=False, allow_blank=True, allow_null=True)
    metadata = MetadataField(required=False, allow_null=True)
