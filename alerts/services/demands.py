"""Which alerts a budget's figures demand under a rule: arithmetic and words alone, no database."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from decimal import Decimal
from uuid import UUID

from alerts.models import AlertLevel, AlertType, Basis
from alerts.services.rule_values import RuleValues
from alerts.services.steps import HUNDRED, ZERO, Step, amount_on, highest, milestones, share_on, short
from budgets.models import LineKind
from budgets.services.figures import BudgetFigures, LineFigures
from budgetsite.money import ratios
from budgetsite.money.amounts import format_amount

# Alerts are stored as they are written, and the site speaks English.
_LOCALE = "en"

# What tells alerts of one budget apart: at most one of each is open.
Key = tuple[str, UUID | None]


@dataclass(frozen=True, slots=True)
class Demand:
    """An alert that should be open, as it should read.

    `threshold` is the step that was reached, in percent; where an amount was set, `threshold_amount`, it is the share
    of the budget that this is. `overrun` is in the budget's currency, 0 for the alerts about use; where it is foreseen,
    more of it is no news by itself.
    """

    alert_type: AlertType
    line_item_id: UUID | None
    level: AlertLevel
    threshold: Decimal
    utilization: Decimal
    overrun: Decimal
    message: str
    threshold_amount: Decimal | None = None

    @property
    def key(self) -> Key:
        return str(self.alert_type), self.line_item_id

    @property
    def tells_of_spending(self) -> bool:
        return self.alert_type != AlertType.FORECAST_OVERRUN

    def is_a_step_above(self, other: "Demand") -> bool:
        """Whether it is about a higher threshold. An amount stays the same step when a changed plan moves its share."""
        if self.threshold_amount is not None and other.threshold_amount is not None:
            return self.threshold_amount > other.threshold_amount
        return self.threshold > other.threshold


def demanded_alerts(budget: BudgetFigures, lines: Sequence[LineFigures], rule: RuleValues) -> dict[Key, Demand]:
    """Return the alerts that the figures demand.

    Thresholds of use are inclusive: 80.00 % is a warning at 80. What counts as use the rule's basis says, committed and
    actual unless it was changed; its own thresholds say it one by one, and those on the forecast are left to whoever
    makes one (`alerts.services.steps.steps_of_forecast`). Overspend is strict: 100 % is
    not over budget, and 20 % above the plan is not yet far above it at 20. A line that nothing is planned for is one
    to know about as soon as something is promised on it. Where nothing is budgeted there is no
    percentage of the plan: over_budget and line_item_overrun say all there is to say.
    """
    found = [*_of_budget(budget, rule), *(_of_line(line, budget.currency, rule) for line in lines)]
    return {demand.key: demand for demand in found if demand is not None and str(demand.alert_type) in rule.alert_types}


def _of_budget(budget: BudgetFigures, rule: RuleValues) -> Iterator[Demand]:
    used = budget.utilization_percentage
    overrun = ratios.overrun(budget.budgeted, budget.actual)
    if share_on(rule.basis, budget) >= rule.warning_threshold:
        warning = Step(rule.warning_threshold, AlertLevel.WARNING, rule.basis, amount_on(rule.basis, budget))
        yield _of_use(AlertType.THRESHOLD_WARNING, "Nearly used up (warning at {mark})", warning, budget)
    reached = highest(milestones(budget, rule))
    if reached is not None:
        news = "The {mark} milestone is reached" if reached.amount is None else "The {mark} mark is reached"
        yield _of_use(AlertType.THRESHOLD_EXCEEDED, news, reached, budget)
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
            message=f"Spending is {excess}% above the plan (the limit is {short(limit)}%): {_spent(budget)}",
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


def _excess(budgeted: Decimal, actual: Decimal) -> Decimal | None:
    """Return by how many percent of the plan spending is above it (negative below), None without a plan."""
    variance = ratios.variance_percentage(budgeted, actual)
    return None if variance is None else -variance


def _of_use(alert_type: AlertType, news: str, step: Step, budget: BudgetFigures) -> Demand:
    return Demand(
        alert_type=alert_type,
        line_item_id=None,
        level=step.level,
        threshold=step.threshold,
        utilization=budget.utilization_percentage,
        overrun=ZERO,
        message=_use(budget, news.format(mark=step.mark(budget.currency)), step),
        threshold_amount=step.amount,
    )


def _use(budget: BudgetFigures, news: str, step: Step) -> str:
    """Word a step of use by the state of the budget; `news` holds while something is left of it."""
    mark, currency = step.mark(budget.currency), budget.currency
    if not budget.budgeted:
        told = f"{_amount(budget.committed + budget.actual, budget)} {currency} spent or promised, nothing budgeted."
        return told if step.amount is None else f"{news}: {told}"
    counted = "spent" if step.basis == Basis.ACTUAL else "spent or promised"
    share = ratios.utilization_percentage(budget.budgeted, ZERO, step.reached)
    more = f"{_amount(-budget.available, budget)} {currency} more than there is" if budget.available else "nothing left"
    if step.reached < budget.budgeted:
        promised = ""
        if step.basis == Basis.ACTUAL and budget.committed:
            promised = f", {_amount(budget.committed, budget)} more promised"
        rest = f"{_amount(budget.available, budget)} left" if budget.available > 0 else more
        return (
            f"{news}: {_amount(step.reached, budget)} of {_amount(budget.budgeted, budget)} {currency} {counted} "
            f"({share}%){promised}, {rest}."
        )
    is_past = share > step.threshold if step.amount is None else step.reached > step.amount
    place, verb = "past" if is_past else "at", "spent" if step.basis == Basis.ACTUAL else "used"
    return f"{share}% of the budget is {verb}, {place} the {mark} mark: {more}."


def _spent(budget: BudgetFigures) -> str:
    share = ratios.share_percentage(budget.actual, budget.budgeted)
    of_plan = ", nothing budgeted" if share is None else f" of {_amount(budget.budgeted, budget)} ({share}%)"
    promised = f"; {_amount(budget.committed, budget)} more promised" if budget.committed else ""
    return f"{_amount(budget.actual, budget)} spent{of_plan}{promised}."


def _amount(amount: Decimal, budget: BudgetFigures) -> str:
    return format_amount(amount, budget.currency, _LOCALE)
