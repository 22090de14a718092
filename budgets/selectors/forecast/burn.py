"""Where a scoped budget's window ends if money goes on being spent as it was so far: a straight line. Asks nothing."""

from dataclasses import dataclass
from datetime import date, datetime, timedelta
from decimal import ROUND_CEILING, Decimal

from budgets.selectors.scoped_status import Standing
from budgets.services.windows import first_moment, last_day_after, today
from budgetsite.money import ratios

# Before the earlier of them a burn rate says nothing about a whole window: three days of data, or a tenth of it.
LEAST_DAYS = 3
LEAST_PART = 10


@dataclass(frozen=True, slots=True)
class BurnForecast:
    """What is foreseen at the end of the window that a budget is in; amounts in its currency.

    Without `is_enough_data` nothing is: the projected total is None, no overrun is expected and no day known. It is
    the status' `projected_total` otherwise: spent so far ÷ whole days elapsed × days of the window.
    """

    # Both None while nothing is foreseen.
    projected_total: Decimal | None
    # The day on which the last of the money is spent; None when it lasts until the window's end, or is gone already.
    runs_out_on: date | None
    is_enough_data: bool
    # From when on there is enough, as far as time goes.
    enough_from: datetime
    # The window, or the budget, is over: what was spent is what it came to, and nothing is foreseen any more.
    is_over: bool
    amount: Decimal

    @property
    def overrun(self) -> Decimal:
        """By how much the projected total is beyond the limit; 0 when it is not, or when nothing is foreseen."""
        return Decimal(0) if self.projected_total is None else ratios.overrun(self.amount, self.projected_total)

    @property
    def is_overrun_expected(self) -> bool:
        """Strictly: what is used up exactly at the end is no overrun."""
        return self.overrun > 0


def burn_forecast(standing: Standing) -> BurnForecast:
    """Return what a budget's window comes to at the pace of its days so far. Pure: no statement."""
    budget, window, now = standing.budget, standing.window, standing.now
    over = last_day_after(budget)
    day_after = window.day_after if over is None else min(window.day_after, over)
    ends = first_moment(day_after, budget.timezone)
    # The window's days count as its calendar's, its tenth as time that has passed: of a single day too.
    enough_from = min(
        first_moment(window.first_day + timedelta(days=LEAST_DAYS), budget.timezone),
        window.start + (ends - window.start) / LEAST_PART,
    )
    is_over = now >= ends
    is_enough = enough_from <= now and not is_over
    return BurnForecast(
        projected_total=standing.projected_total if is_enough else None,
        runs_out_on=_runs_out_on(standing) if is_enough else None,
        is_enough_data=is_enough,
        enough_from=enough_from,
        is_over=is_over,
        amount=budget.amount,
    )


def _runs_out_on(standing: Standing) -> date | None:
    """Return the day on which what is spent reaches the limit, at the exact pace: the rounded burn rate would drift."""
    spent, amount = standing.figures.actual, standing.budget.amount
    if spent >= amount or standing.projected_total <= amount:
        return None
    days = int((amount * standing.days_elapsed / spent).to_integral_value(ROUND_CEILING))
    last = standing.window.first_day + timedelta(days=days - 1)
    return max(last, today(standing.budget, standing.now))
