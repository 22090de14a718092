"""A rule in short words, as staff write its thresholds line by line and read them in its history."""

from collections.abc import Iterable, Mapping
from decimal import Decimal, InvalidOperation
from typing import Any

from django.core.exceptions import ValidationError

from alerts.models import AlertLevel, Audience, Basis, Measure
from alerts.services.rule_values import OwnThreshold, audience_in_order

_EXAMPLE = "5000 CAD, spent, critical"


def threshold_in_words(threshold: OwnThreshold) -> str:
    """Return "80 %, forecast, warning" or "5000.00 CAD, spent, critical": `threshold_of_words` reads it."""
    at, unit = (f"{threshold.at.normalize():f}", "%") if threshold.currency is None else (
        format(threshold.at, "f"), threshold.currency
    )  # fmt: skip
    return f"{at} {unit}, {threshold.basis.label.lower()}, {threshold.level.label.lower()}"


def threshold_of_words(line: str) -> dict[str, Any]:
    """Return a line as a threshold for the services, which judge it. What follows the number may be left out.

    Raises `ValidationError` for words that stand for nothing.
    """
    first, *others = (part.strip() for part in line.split(","))
    number, _, unit = first.replace("%", " %").partition(" ")
    unit = unit.strip() or "%"
    try:
        at = Decimal(number)
    except InvalidOperation:
        raise ValidationError(f"“{number}” is no number. Write it such as {_EXAMPLE}.", code="invalid") from None
    found: dict[str, Any] = {
        "measure": str(Measure.PERCENTAGE if unit == "%" else Measure.AMOUNT),
        "at": at,
        "currency": None if unit == "%" else unit.upper(),
    }
    for word in others:
        for name, choices in (("basis", Basis), ("level", AlertLevel)):
            meant = [str(choice) for choice in choices if word.lower() in (choice.value, choice.label.lower())]
            if meant:
                found[name] = meant[0]
                break
        else:
            known = ", ".join(label.lower() for _, label in (*Basis.choices, *AlertLevel.choices))
            raise ValidationError(f"“{word}” is none of these: {known}.", code="invalid_choice")
    return found


def thresholds_in_words(stored: Iterable[Mapping[str, Any]]) -> str:
    return "; ".join(threshold_in_words(OwnThreshold.from_json(row)) for row in stored)


def audience_in_words(people: Iterable[str]) -> str:
    """Return "who runs the event, managers", "nobody" for nobody."""
    return ", ".join(Audience(who).label.lower() for who in audience_in_order(people)) or "nobody"
