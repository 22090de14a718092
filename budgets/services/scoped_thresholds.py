"""A scoped budget's thresholds: from which share of its amount what is to be done."""

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from budgets.models import ThresholdAction

HUNDRED = Decimal(100)


@dataclass(frozen=True, slots=True)
class Threshold:
    """`percentage` of the amount; `actions` from the strictest to the mildest."""

    percentage: Decimal
    actions: tuple[ThresholdAction, ...]
    channels: tuple[str, ...] = ()
    message: str = ""

    @property
    def strictest(self) -> ThresholdAction:
        return self.actions[0]

    def is_reached(self, *, used: Decimal, amount: Decimal) -> bool:
        """Whether `used` of `amount` reaches it: compared as amounts, before any rounding.

        What blocks from 100 % on lets through what exactly fits: a budget may be used to its last cent.
        """
        share, line = used * HUNDRED, self.percentage * amount
        if self.strictest.blocks and self.percentage >= HUNDRED:
            return share > line
        return share >= line

    def as_json(self) -> dict[str, Any]:
        return {
            "threshold": f"{self.percentage:.2f}",
            "actions": [str(action.value) for action in self.actions],
            "channels": list(self.channels),
            "message": self.message,
        }


# What alerts of a budget without thresholds of its own are about: the levels of its status (design §8).
STATUS_LEVELS = tuple(Threshold(Decimal(mark), (ThresholdAction.NOTIFY,)) for mark in ("80.00", "95.00", "100.00"))


def make_thresholds(given: Iterable[Mapping[str, Any]]) -> tuple[Threshold, ...]:
    """Return validated input (`threshold`, `actions`, `channels`, `message`) as thresholds, the lowest first."""
    return tuple(sorted((_threshold(row) for row in given), key=lambda threshold: threshold.percentage))


def stored_thresholds(column: Any) -> tuple[Threshold, ...]:
    """Return what a row keeps. Django hands jsonb of a raw query over as text."""
    return make_thresholds(json.loads(column) if isinstance(column, str) else column)


def reached_by(thresholds: Iterable[Threshold], *, used: Decimal, amount: Decimal) -> list[Threshold]:
    """Return those that `used` of `amount` reaches, the lowest first."""
    return [threshold for threshold in thresholds if threshold.is_reached(used=used, amount=amount)]


def _threshold(row: Mapping[str, Any]) -> Threshold:
    actions = {ThresholdAction(action) for action in row.get("actions") or [ThresholdAction.NOTIFY]}
    return Threshold(
        percentage=Decimal(str(row["threshold"])),
        actions=tuple(sorted(actions, key=lambda action: -action.rank)),
        channels=tuple(row.get("channels") or ()),
        message=row.get("message") or "",
    )
