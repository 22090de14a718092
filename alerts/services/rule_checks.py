"""Whether what somebody wants of a rule makes sense: each refusal stands at its field, a threshold's at its row."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from decimal import Decimal
from typing import Any, TypeVar

from django.core.exceptions import ValidationError
from django.db import models

from alerts.models import AlertLevel, AlertType, Audience, Basis, Measure
from alerts.services.rule_values import OwnThreshold, RuleValues, audience_in_order
from budgetsite.money.amounts import InvalidAmount, parse_amount
from budgetsite.money.currencies import is_currency

RULE_FIELDS = frozenset(RuleValues.__dataclass_fields__)
# Of milestones, and of further thresholds.
MOST_THRESHOLDS = 10
LARGEST_PERCENTAGE = Decimal(1000)
# Nothing is nearly used up that is used up. Milestones may lie beyond.
LARGEST_WARNING = Decimal(100)

# What a threshold has to say, and what it means where it says nothing.
_CHOICES: dict[str, type[models.TextChoices]] = {"measure": Measure, "basis": Basis, "level": AlertLevel}
_USUAL = {"basis": Basis.COMMITTED_AND_ACTUAL, "level": AlertLevel.WARNING}

Choice = TypeVar("Choice", bound=models.TextChoices)


def checked_fields(fields: Mapping[str, Any], *, present: RuleValues, currency: str | None) -> dict[str, Any]:
    """Return model values for some of `RULE_FIELDS`. `currency` is the budget's, None for the account's rule.

    `audience` may name some of the levels: the others stay as in `present`. Raises `ValidationError` by field, at a
    threshold's row and part as in "thresholds.0.at"; `TypeError` for unknown fields, which is the caller's bug.
    """
    unknown = fields.keys() - RULE_FIELDS
    if unknown:
        raise TypeError(f"not fields of a rule: {', '.join(sorted(unknown))}")
    check: dict[str, Callable[[Any], Any]] = {
        "alert_types": _types,
        "warning_threshold": lambda value: _percentage(value, largest=LARGEST_WARNING),
        "exceeded_thresholds": _milestones,
        "high_variance_percentage": _percentage,
        "basis": _basis,
        "thresholds": lambda value: _own_thresholds(value, currency),
        "audience": lambda value: _audience(value, present),
    }
    values: dict[str, Any] = {}
    errors: dict[str, Any] = {}
    for name, value in fields.items():
        try:
            values[name] = check[name](value)
        except ValidationError as error:
            errors |= error.error_dict if hasattr(error, "error_dict") else {name: error}
    if errors:
        raise ValidationError(errors)
    return values


def _types(wanted: Sequence[str]) -> list[str]:
    known = [str(kind) for kind in AlertType]
    for kind in wanted:
        if kind not in known:
            raise ValidationError(
                f"“{kind}” is not a kind of alert. Choose from {', '.join(known)}.", code="invalid_choice"
            )
    return [kind for kind in known if kind in wanted]


def _milestones(wanted: Sequence[Decimal]) -> list[Decimal]:
    if len(wanted) > MOST_THRESHOLDS:
        raise ValidationError(f"Give at most {MOST_THRESHOLDS} milestones.", code="too_many")
    return sorted({_percentage(threshold) for threshold in wanted})


def _percentage(value: Decimal, *, largest: Decimal = LARGEST_PERCENTAGE) -> Decimal:
    if not value.is_finite() or not 0 < value <= largest:
        raise ValidationError(f"Give a percentage above 0 and up to {largest}, such as 80.", code="out_of_range")
    rounded = value.quantize(Decimal("0.01"))
    if rounded != value:
        raise ValidationError("Give a percentage with at most two decimals.", code="too_many_decimals")
    return rounded


def _basis(wanted: str) -> str:
    if wanted == Basis.FORECAST:
        raise ValidationError(
            "The warning and the milestones look at what is spent, or at what is spent or promised. "
            "Add a threshold of your own for the forecast.",
            code="invalid_choice",
        )
    return str(_one_of(Basis, wanted))


# --- Further thresholds -----------------------------------------------------------------------------------------------


def _own_thresholds(wanted: Sequence[Mapping[str, Any]], currency: str | None) -> list[dict[str, Any]]:
    if len(wanted) > MOST_THRESHOLDS:
        raise ValidationError(f"Give at most {MOST_THRESHOLDS} thresholds of your own.", code="too_many")
    errors: dict[str, ValidationError] = {}
    found: list[OwnThreshold] = []
    for place, row in enumerate(wanted):
        threshold, wrong = _own_threshold(row, currency)
        errors |= {f"thresholds.{place}.{part}": error for part, error in wrong.items()}
        if threshold is None:
            continue
        if any(_is_the_same(threshold, other) for other in found):
            errors[f"thresholds.{place}.at"] = ValidationError(
                "This threshold stands above already: one row for each.", code="repeated"
            )
        found.append(threshold)
    if errors:
        raise ValidationError(errors)
    return [threshold.as_json() for threshold in found]


def _own_threshold(
    row: Mapping[str, Any], currency: str | None
) -> tuple[OwnThreshold | None, dict[str, ValidationError]]:
    """Return a row as a threshold; or None, and what is wrong with its parts."""
    unknown = row.keys() - OwnThreshold.__dataclass_fields__.keys()
    if unknown:
        raise TypeError(f"not parts of a threshold: {', '.join(sorted(unknown))}")
    errors: dict[str, ValidationError] = {}
    parts: dict[str, Any] = {}
    for name, choices in _CHOICES.items():
        try:
            parts[name] = _one_of(choices, row.get(name) or _USUAL.get(name))
        except ValidationError as error:
            errors[name] = error
    named = row.get("currency") or None
    measure = parts.get("measure")
    if measure == Measure.PERCENTAGE and named is not None:
        errors["currency"] = ValidationError("A percentage has no currency. Leave it out.", code="not_an_amount")
    if measure == Measure.AMOUNT:
        named = named or currency
        wrong = _wrong_currency(named, currency)
        if wrong is not None:
            errors["currency"] = wrong
    if row.get("at") is None:
        errors["at"] = ValidationError("Say from where on.", code="required")
    elif measure is not None and "currency" not in errors:
        try:
            parts["at"] = _percentage(row["at"]) if measure == Measure.PERCENTAGE else _amount(row["at"], named)
        except ValidationError as error:
            errors["at"] = error
    if errors:
        return None, errors
    return OwnThreshold(**parts, currency=named), {}


def _wrong_currency(named: str | None, budgets: str | None) -> ValidationError | None:
    if named is None:
        return ValidationError(
            "Say which currency it is: the threshold holds for the budgets in it.", code="currency_needed"
        )
    if not is_currency(named):
        return ValidationError(f"“{named}” is no currency. Give a code such as EUR or USD.", code="unknown_currency")
    if budgets not in (None, named):
        return ValidationError(f"This budget is kept in {budgets}. Give the amount in it.", code="currency_differs")
    return None


def _amount(value: Any, currency: str | None) -> Decimal:
    try:
        amount = parse_amount(value, currency)
    except InvalidAmount as problem:
        raise ValidationError(problem.message, code=problem.code) from problem
    if amount <= 0:
        raise ValidationError("Give an amount above 0, such as 5000.", code="out_of_range")
    return amount


def _is_the_same(one: OwnThreshold, other: OwnThreshold) -> bool:
    """Whether both are reached at the same moment, whatever they say then."""
    return (one.measure, one.at, one.basis, one.currency) == (other.measure, other.at, other.basis, other.currency)


# --- Who is told ------------------------------------------------------------------------------------------------------


def _audience(wanted: Mapping[str, Iterable[str]], present: RuleValues) -> dict[str, list[str]]:
    audience = {level: audience_in_order(people) for level, people in present.audience.items()}
    errors: dict[str, ValidationError] = {}
    for level, people in wanted.items():
        try:
            _one_of(AlertLevel, level)
            audience[str(level)] = audience_in_order(str(_one_of(Audience, who)) for who in people)
        except ValidationError as error:
            errors[f"audience.{level}"] = error
    critical = str(AlertLevel.CRITICAL)
    if not audience[critical] and not errors:
        errors[f"audience.{critical}"] = ValidationError(
            "Somebody has to hear of what is critical. Choose at least one.", code="nobody"
        )
    if errors:
        raise ValidationError(errors)
    return audience


def _one_of(choices: type[Choice], wanted: Any) -> Choice:
    if not wanted:
        raise ValidationError(f"Say which: {', '.join(choices)}.", code="required")
    try:
        return choices(wanted)
    except ValueError:
        raise ValidationError(
            f"“{wanted}” is not one of these. Choose from {', '.join(choices)}.", code="invalid_choice"
        ) from None
