"""“label: value” on lines of its own, as people type what other systems send as an object."""

import json
from typing import Any

from django.core.exceptions import ValidationError

MOST_PAIRS = 50
LONGEST_LABEL = 100
LONGEST_VALUE = 500


def read_pairs(text: str) -> dict[str, str]:
    """Return label → value of each line. Raises `ValidationError` naming the first line that is none."""
    pairs: dict[str, str] = {}
    for number, line in enumerate(text.splitlines(), start=1):
        if not line.strip():
            continue
        label, colon, value = (part.strip() for part in line.partition(":"))
        if not (label and colon and value):
            raise ValidationError(f"Line {number}: write a label, a colon and a value, such as “shop: Meyer”.")
        if len(label) > LONGEST_LABEL or len(value) > LONGEST_VALUE:
            raise ValidationError(
                f"Line {number}: a label has at most {LONGEST_LABEL} letters and a value {LONGEST_VALUE}."
            )
        if label in pairs:
            raise ValidationError(f"Line {number}: “{label}” stands above already.")
        pairs[label] = value
    if len(pairs) > MOST_PAIRS:
        raise ValidationError(f"{MOST_PAIRS} lines at most.")
    return pairs


def pairs_as_typed(stored: Any) -> str:
    """Return stored tags or metadata as lines; a value that is no text as JSON writes it."""
    if isinstance(stored, dict):
        return "\n".join(f"{label}: {_as_text(value)}" for label, value in stored.items())
    return "\n".join(_as_text(label) for label in stored or [])


def _as_text(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
