"""Which of a rule's thresholds a budget has reached: arithmetic alone, no database."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from decimal import Decimal

from alerts.models import AlertLevel, Basis, Measure
from alerts.services.rule_values import RuleValues
from budgets.services.figures import BudgetFigures
from budgetsite.money import ratios
from budgetsite.money.amounts import format_amount

ZERO = Decimal(0)
HUNDRED = Decimal("100.00")
# A forecast so far beyond the budget is critical.
FAR_BEYOND = Decimal("120.00")
# Alerts are stored as they are written, and the site speaks English.
_LOCALE = "en"


@dataclass(frozen=True, slots=True)
class Step:
    """A threshold that is reached: a percentage of the budget, or an `amount`, whose share `threshold` then is.

    `reached` is the amount that is compared with it: what is spent, spent or promised, or foreseen.
    """

    threshold: Decimal
    level: AlertLevel
    basis: Basis
    reached: Decimal
    amount: Decimal | None = None

    def mark(self, currency: str) -> str:
        """Return what was reached, as people write it: "80%" or "5,000.00 CAD"."""
        if self.amount is None:
            return f"{short(self.threshold)}%"
        return f"{format_amount(self.amount, currency, _LOCALE)} {currency}"


def highest(steps: Iterable[Step]) -> Step | None:
    """Return the highest step with the gravest level among all: a milestone after a critical one calms nobody."""
    found = list(steps)
    if not found:
        return None
    # Of nothing budgeted every amount is 100 %.
    last = max(found, key=lambda step: (step.threshold, step.amount or ZERO, step.level.rank))
    return replace(last, level=max((step.level for step in found), key=lambda level: level.rank))


def amount_on(basis: Basis, budget: BudgetFigures) -> Decimal:
    """Return what is compared with thresholds on this basis. A forecast is not among a budget's figures."""
    return budget.actual if basis == Basis.ACTUAL else budget.committed + budget.actual


def share_on(basis: Basis, budget: BudgetFigures) -> Decimal:
    """Return the same as a percentage of the budget, as utilization is reckoned."""
    return ratios.utilization_percentage(budget.budgeted, ZERO, amount_on(basis, budget))


def milestones(budget: BudgetFigures, rule: RuleValues) -> Iterator[Step]:
    """Yield the thresholds that are reached by what is spent and promised; reaching one exactly is enough."""
    share, amount = share_on(rule.basis, budget), amount_on(rule.basis, budget)
    for threshold in rule.exceeded_thresholds:
        if share >= threshold:
            yield Step(threshold, _level_of_milestone(threshold, rule), rule.basis, amount)
    for basis in (Basis.ACTUAL, Basis.COMMITTED_AND_ACTUAL):
        yield from _own(budget, rule, basis, amount_on(basis, budget))


def steps_of_forecast(budget: BudgetFigures, forecast: Decimal, rule: RuleValues) -> Iterator[Step]:
    """Yield what a forecast of a budget's cost in the end, in its currency, reaches.

    Strictly more than the whole budget is a warning, from 120 % on critical; beside these stand the rule's own
    thresholds on the forecast, which are inclusive and may lie lower. `highest` tells which one counts.
    """
    if forecast > budget.budgeted:
        share = ratios.utilization_percentage(budget.budgeted, ZERO, forecast)
        yield Step(HUNDRED, AlertLevel.WARNING, Basis.FORECAST, forecast)
        if share >= FAR_BEYOND:
            yield Step(FAR_BEYOND, AlertLevel.CRITICAL, Basis.FORECAST, forecast)
    yield from _own(budget, rule, Basis.FORECAST, forecast)


def _own(budget: BudgetFigures, rule: RuleValues, basis: Basis, reached: Decimal) -> Iterator[Step]:
    for threshold in rule.own_thresholds(budget.currency):
        if threshold.basis != basis:
            continue
        if threshold.measure == Measure.AMOUNT:
            if reached >= threshold.at:
                share = ratios.utilization_percentage(budget.budgeted, ZERO, threshold.at)
                yield Step(share, threshold.level, basis, reached, amount=threshold.at)
        elif ratios.utilization_percentage(budget.budgeted, ZERO, reached) >= threshold.at:
            yield Step(threshold.at, threshold.level, basis, reached)


def _level_of_milestone(threshold: Decimal, rule: RuleValues) -> AlertLevel:
    """A milestone below the warning is for information; one at 100 % or more is critical."""
    if threshold >= HUNDRED:
        return AlertLevel.CRITICAL
    return AlertLevel.WARNING if threshold >= rule.warning_threshold else AlertLevel.INFORMATION


def short(percentage: Decimal) -> str:
    """Write 80.00 as 80 and 82.50 as 82.5."""
    return format(percentage, "f").rstrip("0").rstrip(".") if "." in str(percentage) else str(percentage)
