"""Which alerts a scoped budget's figures demand: arithmetic and words alone, no database."""

from collections.abc import Iterator
from dataclasses import dataclass
from decimal import Decimal

from alerts.models import AlertLevel, AlertType
from alerts.services.demands import Demand, Key
from budgets.models import Enforcement, ThresholdAction
from budgets.selectors.forecast.burn import burn_forecast
from budgets.selectors.scoped_status import Standing
from budgets.services.hierarchy import ChainBudget
from budgets.services.scoped_figures import ZERO, WindowFigures
from budgets.services.scoped_thresholds import STATUS_LEVELS, Threshold, reached_by
from budgetsite.money import ratios
from budgetsite.money.amounts import format_amount, quantize

HUNDRED = Decimal("100.00")
_WARNING = Decimal("80.00")
# A forecast so far beyond the limit is critical.
_FAR_BEYOND = Decimal("120.00")
_WHAT_FOLLOWS = {
    ThresholdAction.AUTO_DOWNGRADE: "Use something cheaper.",
    ThresholdAction.RESTRICT_MODELS: "Restrict the choice.",
    ThresholdAction.REQUIRE_APPROVAL: "A person has to approve what is spent from here on.",
    ThresholdAction.BLOCK_ALL: "Everything is blocked from here on.",
}


@dataclass(frozen=True, slots=True)
class Step:
    """All that decides whether alerts may stay as they are: the highest threshold reached, and the overspend."""

    threshold: Threshold | None
    overrun: Decimal


def step_of(budget: ChainBudget, figures: WindowFigures) -> Step:
    """Return where the figures stand. A budget that only counts (`ignore`) stands nowhere: it alerts nobody."""
    if budget.enforcement == Enforcement.IGNORE:
        return Step(None, ZERO)
    reached = reached_by(budget.thresholds or STATUS_LEVELS, used=figures.used, amount=budget.amount)
    # Of several at one percentage the strictest.
    highest = max(reached, key=lambda threshold: (threshold.percentage, threshold.strictest.rank), default=None)
    return Step(highest, figures.overrun)


def demands_of_figures(budget: ChainBudget, figures: WindowFigures) -> dict[Key, Demand]:
    """Return the alerts about what is used and spent. Thresholds are inclusive, over budget is strict (design §9).

    A budget's own thresholds are milestones (`threshold_exceeded`); one without any warns at the levels of its status
    (`threshold_warning`).
    """
    return {demand.key: demand for demand in _of_figures(budget, figures)}


def demands_of_forecast(standing: Standing) -> dict[Key, Demand]:
    """Return the alert about where the window is heading, while it is not over and there are data enough."""
    budget, figures = standing.budget, standing.figures
    forecast = burn_forecast(standing)
    if budget.enforcement == Enforcement.IGNORE or not forecast.is_overrun_expected:
        return {}
    total = standing.projected_total
    share = ratios.share_percentage(total, budget.amount) or HUNDRED
    runs_out = f" The money is used up on {forecast.runs_out_on:%-d %B %Y}." if forecast.runs_out_on else ""
    demand = Demand(
        alert_type=AlertType.FORECAST_OVERRUN,
        line_item_id=None,
        level=AlertLevel.CRITICAL if share >= _FAR_BEYOND else AlertLevel.WARNING,
        threshold=_FAR_BEYOND if share >= _FAR_BEYOND else HUNDRED,
        utilization=figures.percent_used,
        overrun=forecast.overrun,
        message=(
            f"If it goes on like this, the period ends at {_amount(total, budget)} of {_amount(budget.amount, budget)} "
            f"{budget.currency} ({share}%): {_amount(standing.burn_rate, budget)} were spent a day so far.{runs_out}"
        ),
    )
    return {demand.key: demand}


def _of_figures(budget: ChainBudget, figures: WindowFigures) -> Iterator[Demand]:
    step = step_of(budget, figures)
    if step.threshold is not None:
        yield Demand(
            alert_type=AlertType.THRESHOLD_EXCEEDED if budget.thresholds else AlertType.THRESHOLD_WARNING,
            line_item_id=None,
            level=_level(step.threshold, is_own=bool(budget.thresholds)),
            threshold=step.threshold.percentage,
            utilization=figures.percent_used,
            overrun=ZERO,
            message=_use(budget, figures, step.threshold),
        )
    if step.overrun:
        share = ratios.share_percentage(figures.actual, budget.amount)
        promised = f"; {_amount(figures.promised, budget)} more promised or reserved" if figures.promised else ""
        yield Demand(
            alert_type=AlertType.OVER_BUDGET,
            line_item_id=None,
            level=AlertLevel.CRITICAL,
            threshold=HUNDRED,
            utilization=figures.percent_used,
            overrun=step.overrun,
            message=(
                f"{_amount(step.overrun, budget)} {budget.currency} over budget: {_amount(figures.actual, budget)} "
                f"spent of {_amount(budget.amount, budget)} ({share}%){promised}."
            ),
        )


def _level(threshold: Threshold, *, is_own: bool) -> AlertLevel:
    """A milestone below 80 % is for information; one that blocks, or the end of the money, is critical."""
    critical_from = HUNDRED if is_own else STATUS_LEVELS[1].percentage
    if threshold.strictest.blocks or threshold.percentage >= critical_from:
        return AlertLevel.CRITICAL
    return AlertLevel.WARNING if threshold.percentage >= _WARNING else AlertLevel.INFORMATION


def _use(budget: ChainBudget, figures: WindowFigures, threshold: Threshold) -> str:
    share, mark = figures.percent_used, f"{threshold.percentage.normalize():f}"
    if figures.remaining > 0:
        news = f"The {mark}% threshold is reached" if budget.thresholds else f"Nearly used up ({mark}% mark)"
        text = (
            f"{news}: {_amount(figures.used, budget)} of {_amount(budget.amount, budget)} {budget.currency} spent, "
            f"promised or reserved ({share}%), {_amount(figures.remaining, budget)} left."
        )
    else:
        place = "past" if share > threshold.percentage else "at"
        over = -figures.remaining
        rest = f"{_amount(over, budget)} {budget.currency} more than there is" if over else "nothing left"
        text = f"{share}% of the budget is used, {place} the {mark}% mark: {rest}."
    # A budget that only warns stops nothing; its own words are what its maker wants to be read.
    own = (_WHAT_FOLLOWS.get(threshold.strictest), threshold.message)
    return " ".join([text, *(words for words in own if words)])


def _amount(amount: Decimal, budget: ChainBudget) -> str:
    """Write an amount in its currency's decimals, as the budget's page does; one too small for them with all six."""
    is_lost = bool(amount) and not quantize(amount, budget.currency)
    return f"{amount:,.6f}" if is_lost else format_amount(amount, budget.currency, "en")
