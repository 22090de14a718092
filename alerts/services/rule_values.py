"""What a rule says, and the one that holds where nobody has said anything."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any, Self

from alerts.models import AlertLevel, AlertType, Audience, Basis, Measure

# Who is told of alerts of each level: the graver, the more.
DEFAULT_AUDIENCE: Mapping[str, frozenset[str]] = {
    str(AlertLevel.INFORMATION): frozenset({str(Audience.ORGANIZER)}),
    str(AlertLevel.WARNING): frozenset({str(Audience.ORGANIZER), str(Audience.MANAGER)}),
    str(AlertLevel.CRITICAL): frozenset({str(Audience.ORGANIZER), str(Audience.MANAGER), str(Audience.OWNER)}),
}


@dataclass(frozen=True, slots=True)
class OwnThreshold:
    """A threshold beside the milestones: `at` is a percentage of the budget, or an amount of `currency`.

    A budget in another currency does not have it: nothing is compared across currencies.
    """

    measure: Measure
    at: Decimal
    basis: Basis
    level: AlertLevel
    currency: str | None = None

    @classmethod
    def from_json(cls, row: Mapping[str, Any]) -> Self:
        return cls(
            measure=Measure(row["measure"]),
            at=Decimal(row["at"]),
            basis=Basis(row["basis"]),
            level=AlertLevel(row["level"]),
            currency=row["currency"],
        )

    def as_json(self) -> dict[str, Any]:
        return {
            "measure": str(self.measure),
            "at": format(self.at, "f"),
            "basis": str(self.basis),
            "level": str(self.level),
            "currency": self.currency,
        }

    def holds_in(self, currency: str) -> bool:
        return self.currency in (None, currency)


@dataclass(frozen=True, slots=True)
class RuleValues:
    """The values of one rule; percentages, milestones ascending. `audience` names every level."""

    alert_types: frozenset[str]
    warning_threshold: Decimal
    exceeded_thresholds: tuple[Decimal, ...]
    high_variance_percentage: Decimal
    basis: Basis = Basis.COMMITTED_AND_ACTUAL
    thresholds: tuple[OwnThreshold, ...] = ()
    audience: Mapping[str, frozenset[str]] = field(default_factory=lambda: DEFAULT_AUDIENCE)

    @classmethod
    def from_mapping(cls, values: Mapping[str, Any]) -> Self:
        """Read a row of the rule's table, or the fields of its model."""
        return cls(
            alert_types=frozenset(values["alert_types"]),
            warning_threshold=values["warning_threshold"],
            exceeded_thresholds=tuple(sorted(values["exceeded_thresholds"])),
            high_variance_percentage=values["high_variance_percentage"],
            basis=Basis(values["basis"]),
            thresholds=tuple(OwnThreshold.from_json(row) for row in values["thresholds"]),
            audience=whole_audience(values["audience"]),
        )

    def as_fields(self) -> dict[str, Any]:
        """Return the model's fields, types and people in the order in which they are read."""
        return {
            "alert_types": [str(kind) for kind in AlertType if kind in self.alert_types],
            "warning_threshold": self.warning_threshold,
            "exceeded_thresholds": list(self.exceeded_thresholds),
            "high_variance_percentage": self.high_variance_percentage,
            "basis": str(self.basis),
            "thresholds": [threshold.as_json() for threshold in self.thresholds],
            "audience": {level: audience_in_order(people) for level, people in self.audience.items()},
        }

    def own_thresholds(self, currency: str) -> tuple[OwnThreshold, ...]:
        """Return those that a budget in this currency has."""
        return tuple(threshold for threshold in self.thresholds if threshold.holds_in(currency))


def whole_audience(stored: Mapping[str, Iterable[str]]) -> Mapping[str, frozenset[str]]:
    """Return who is told of each level; of one that is left out, who is told everywhere."""
    if not stored:
        return DEFAULT_AUDIENCE
    return {level: frozenset(stored.get(level, usual)) for level, usual in DEFAULT_AUDIENCE.items()}


def audience_in_order(people: Iterable[str]) -> list[str]:
    wanted = set(people)
    return [str(who) for who in Audience if who in wanted]


# Design §9. Spending 20 % above the plan is where finalizing is refused too (design §5): who is alerted there
# can still do something about it.
DEFAULT_RULE = RuleValues(
    alert_types=frozenset(str(kind) for kind in AlertType),
    warning_threshold=Decimal("80.00"),
    exceeded_thresholds=(Decimal("50.00"), Decimal("75.00"), Decimal("90.00")),
    high_variance_percentage=Decimal("20.00"),
)
