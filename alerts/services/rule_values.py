"""What a rule says, and the one that holds where nobody has said anything."""

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Any, Self

from alerts.models import AlertType


@dataclass(frozen=True, slots=True)
class RuleValues:
    """The values of one rule; percentages, thresholds ascending."""

    alert_types: frozenset[str]
    warning_threshold: Decimal
    exceeded_thresholds: tuple[Decimal, ...]
    high_variance_percentage: Decimal

    @classmethod
    def from_mapping(cls, values: Mapping[str, Any]) -> Self:
        return cls(
            alert_types=frozenset(values["alert_types"]),
            warning_threshold=values["warning_threshold"],
            exceeded_thresholds=tuple(sorted(values["exceeded_thresholds"])),
            high_variance_percentage=values["high_variance_percentage"],
        )

    def as_fields(self) -> dict[str, Any]:
        """Return the model's fields, types in the order in which people read them."""
        return {
            "alert_types": [str(kind) for kind in AlertType if kind in self.alert_types],
            "warning_threshold": self.warning_threshold,
            "exceeded_thresholds": list(self.exceeded_thresholds),
            "high_variance_percentage": self.high_variance_percentage,
        }


# Design §9. Spending 20 % above the plan is where finalizing is refused too (design §5): who is alerted there
# can still do something about it.
DEFAULT_RULE = RuleValues(
    alert_types=frozenset(str(kind) for kind in AlertType),
    warning_threshold=Decimal("80.00"),
    exceeded_thresholds=(Decimal("50.00"), Decimal("75.00"), Decimal("90.00")),
    high_variance_percentage=Decimal("20.00"),
)
