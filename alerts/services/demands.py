"""Which alerts a budget's figures demand under a rule: arithmetic and words alone, no database."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from decimal import Decimal
from uuid import UUID

from alerts.models import AlertLevel, AlertType
from alerts.services.rule_values import RuleValues
from budgets.models import LineKind
from budgets.services.figures import BudgetFigures, LineFigures
from budgetsite.money import ratios
from budgetsite.money.amounts import format_amount

ZERO = Decimal(0)
HUNDRED = Decimal("100.00")
# Alerts are stored as they are written, and the site speaks English.
_LOCALE = "en"

# What tells alerts of one budget apart: at most one of each is open.
Key = tuple[str, UUID | None]


@dataclass(frozen=True, slots=True)
class Demand:
    """An alert that should be open, as it should read.

    `threshold` is the step that was reached. `overrun` is in the budget's currency, 0 for the alerts about use; where
    it is foreseen, more of it is no news by itself.
    """

    alert_type: AlertType
    line_item_id: UUID | None
    level: AlertLevel
    threshold: Decimal
    utilization: Decimal
    overrun: Decimal
    message: str

    @property
    def key(self) -> Key:
        return str(self.alert_type), self.line_item_id

    @property
    def tells_of_spending(self) -> bool:
        return self.alert_type != AlertType.FORECAST_OVERRUN


def demanded_alerts(budget: BudgetFigures, lines: Sequence[LineFigures], rule: RuleValues) -> dict[Key, Demand]:
    """Return the alerts that the figures demand.

    Thresholds of use (committed and actual) are inclusive: 80.00 % is a warning at 80. Overspend is strict: 100 % is
    not over budget, and 20 % above the plan is not yet far above it at 20. A line that nothing is planned for is one
    to know about as soon as something is promised on it. Where nothing is budgeted there is no
    percentage of the plan: over_budget and line_item_overrun say all there is to say.
    """
    found = [*_of_budget(budget, rule), *(_of_line(line, budget.currency, rule) for line in lines)]
    return {demand.key: demand for demand in found if demand is not None and str(demand.alert_type) in rule.alert_types}


def _of_budget(budget: BudgetFigures, rule: RuleValues) -> Iterator[Demand]:
    used = budget.utilization_percentage
    overrun = ratios.overrun(budget.budgeted, budget.actual)
    if used >= rule.warning_threshold:
        yield Demand(
            alert_type=AlertType.THRESHOLD_WARNING,
            line_item_id=None,
            level=AlertLevel.WARNING,
            threshold=rule.warning_threshold,
            utilization=used,
            overrun=ZERO,
            message=_use(budget, "Nearly used up (warning at {mark}%)", rule.warning_threshold),
        )
    reached = [threshold for threshold in rule.exceeded_thresholds if used >= threshold]
    if reached:
        yield Demand(
            alert_type=AlertType.THRESHOLD_EXCEEDED,
            line_item_id=None,
            level=_level_of_threshold(max(reached), rule),
            threshold=max(reached),
            utilization=used,
            overrun=ZERO,
            message=_use(budget, "The {mark}% milestone is reached", max(reached)),
        )
    if overrun:
        yield Demand(
            alert_type=AlertType.OVER_BUDGET,
            line_item_id=None,
            level=AlertLevel.CRITICAL,
            threshold=HUNDRED,
            utilization=used,
            overrun=overrun,
            message=f"{_amount(overrun, budget)} {budget.currency} over budget: {_spent(budget)}",
        )
    excess = _excess(budget.budgeted, budget.actual)
    if excess is not None and excess > rule.high_variance_percentage:
        limit = rule.high_variance_percentage
        yield Demand(
            alert_type=AlertType.VARIANCE_HIGH,
            line_item_id=None,
            level=AlertLevel.CRITICAL,
            threshold=limit,
            utilization=used,
            overrun=overrun,
            message=f"Spending is {excess}% above the plan (the limit is {_short(limit)}%): {_spent(budget)}",
        )


def _of_line(line: LineFigures, currency: str, rule: RuleValues) -> Demand | None:
    # More income than expected is no overrun.
    promised_beside_plan = not line.budgeted and line.committed > 0
    if line.kind != LineKind.COST or not (line.overrun or promised_beside_plan):
        return None
    excess = _excess(line.budgeted, line.actual)
    far = excess is not None and excess > rule.high_variance_percentage
    over, spent, planned = (
        format_amount(amount, currency, _LOCALE) for amount in (line.overrun, line.actual, line.budgeted)
    )
    if excess is None:
        promised = format_amount(line.committed, currency, _LOCALE)
        told = [f"{spent} {currency} spent"] * bool(line.actual) + [f"{promised} {currency} promised"] * bool(
            line.committed
        )
        message = f"“{line.name}” has no money planned: {', '.join(told)}."
    else:
        share = ratios.share_percentage(line.actual, line.budgeted)
        message = f"“{line.name}” is {over} {currency} over: {spent} spent of {planned} ({share}%)."
    return Demand(
        alert_type=AlertType.LINE_ITEM_OVERRUN,
        line_item_id=line.line_item_id,
        level=AlertLevel.CRITICAL if far else AlertLevel.WARNING,
        threshold=HUNDRED,
        utilization=ratios.utilization_percentage(line.budgeted, line.committed, line.actual),
        overrun=line.overrun,
        message=message,
    )


def _level_of_threshold(threshold: Decimal, rule: RuleValues) -> AlertLevel:
    """A milestone below the warning is for information; one at 100 % or more is critical."""
    if threshold >= HUNDRED:
        return AlertLevel.CRITICAL
    return AlertLevel.WARNING if threshold >= rule.warning_threshold else AlertLevel.INFORMATION


def _excess(budgeted: Decimal, actual: Decimal) -> Decimal | None:
    """Return by how many percent of the plan spending is above it (negative below), None without a plan."""
    variance = ratios.variance_percentage(budgeted, actual)
    return None if variance is None else -variance


def _use(budget: BudgetFigures, news: str, threshold: Decimal) -> str:
    """Word a step of use by the state of the budget; `news` (with `{mark}`) holds while something is left of it."""
    used = budget.committed + budget.actual
    share, mark, currency = budget.utilization_percentage, _short(threshold), budget.currency
    if not budget.budgeted:
        return f"{_amount(used, budget)} {currency} spent or promised, nothing budgeted."
    if budget.available > 0:
        return (
            f"{news.format(mark=mark)}: {_amount(used, budget)} of {_amount(budget.budgeted, budget)} {currency} "
            f"spent or promised ({share}%), {_amount(budget.available, budget)} left."
        )
    place = "past" if share > threshold else "at"
    rest = f"{_amount(-budget.available, budget)} {currency} more than there is" if budget.available else "nothing left"
    return f"{share}% of the budget is used, {place} the {mark}% mark: {rest}."


def _spent(budget: BudgetFigures) -> str:
    share = ratios.share_percentage(budget.actual, budget.budgeted)
    of_plan = ", nothing budgeted" if share is None else f" of {_amount(budget.budgeted, budget)} ({share}%)"
    promised = f"; {_amount(budget.committed, budget)} more promised" if budget.committed else ""
    return f"{_amount(budget.actual, budget)} spent{of_plan}{promised}."


def _amount(amount: Decimal, budget: BudgetFigures) -> str:
    return format_amount(amount, budget.currency, _LOCALE)


def _short(percentage: Decimal) -> str:
    """Write 80.00 as 80 and 82.50 as 82.5."""
    return format(percentage, "f").rstrip("0").rstrip(".") if "." in str(percentage) else str(percentage)
