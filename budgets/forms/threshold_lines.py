"""Thresholds as lines of text, for a page that has one field for all of them."""

import re
from collections.abc import Iterable, Mapping
from decimal import Decimal, InvalidOperation
from typing import Any

from django.core.exceptions import ValidationError

from budgets.forms.scoped_budget import MOST_THRESHOLDS
from budgets.models import ThresholdAction

LONGEST_MESSAGE = 500
HELP = (
    "One on each line: from how many percent on, what happens, and (after a dash) what is said to whoever spends, such "
    f"as “95: require-approval, notify - Ask Elena first”. What may happen: {', '.join(ThresholdAction.values)}."
)
# Before what is said stands a hyphen or a dash.
_LINE = re.compile(r"(?P<share>[^:]+?)\s*%?\s*:\s*(?P<actions>.+?)(?:\s+[-\u2013\u2014]\s+(?P<message>.+))?")


def thresholds_as_typed(stored: Iterable[Mapping[str, Any]]) -> str:
    return "\n".join(_as_typed(row) for row in stored)


def read_thresholds(text: str, *, stored: Iterable[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """Return the lines as the services read them; a threshold at a stored percentage keeps its channels.

    Raises `ValidationError` naming the first line that is none.
    """
    channels = {Decimal(row["threshold"]): list(row.get("channels") or []) for row in stored}
    found: dict[Decimal, dict[str, Any]] = {}
    for number, line in enumerate(text.splitlines(), start=1):
        if not line.strip():
            continue
        share, actions, message = _read(line.strip(), number)
        if share in found:
            raise ValidationError(f"Line {number}: {_in_words(share)} stands above already: one line for each.")
        found[share] = {
            "threshold": share,
            "actions": actions,
            "channels": channels.get(share, []),
            "message": message,
        }
    if len(found) > MOST_THRESHOLDS:
        raise ValidationError(f"{MOST_THRESHOLDS} lines at most.")
    return list(found.values())


def _read(line: str, number: int) -> tuple[Decimal, list[str], str]:
    match = _LINE.fullmatch(line)
    if match is None:
        raise ValidationError(f"Line {number}: write a percentage, a colon and what happens, such as “80: notify”.")
    actions = [action.strip().lower() for action in match["actions"].split(",")]
    for action in actions:
        if action not in ThresholdAction.values:
            raise ValidationError(
                f"Line {number}: there is no “{action}”. Write one of {', '.join(ThresholdAction.values)}."
            )
    message = match["message"] or ""
    if len(message) > LONGEST_MESSAGE:
        raise ValidationError(f"Line {number}: {LONGEST_MESSAGE} letters at most after the dash.")
    return _share(match["share"], number), list(dict.fromkeys(actions)), message


def _share(text: str, number: int) -> Decimal:
    try:
        share = Decimal(text)
    except InvalidOperation:
        raise ValidationError(f"Line {number}: “{text}” is no percentage. Write a number, such as 80.") from None
    if not share.is_finite() or not 0 < share <= 1000 or share != round(share, 2):
        raise ValidationError(f"Line {number}: more than 0 and at most 1000 percent, with two decimals at most.")
    return share


def _as_typed(row: Mapping[str, Any]) -> str:
    said = f"{_in_words(Decimal(row['threshold']))}: {', '.join(row['actions'])}"
    return f"{said} - {row['message']}" if row.get("message") else said


def _in_words(share: Decimal) -> str:
    return f"{share.normalize():f}"
