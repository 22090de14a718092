"""Forecast by burn rate: three days of data or a tenth of the window, the projected total, when the money is gone."""

from datetime import UTC, date, datetime, timedelta
from decimal import Decimal

import pytest

from budgets.selectors.forecast.burn import burn_forecast
from budgets.selectors.scoped_status import Standing
from budgets.services.hierarchy import ChainBudget
from budgets.services.scoped_figures import WindowFigures
from budgets.services.windows import current_window


def standing(spent, *, now=datetime(2026, 6, 11, 12, tzinfo=UTC), amount=1000, **fields):
    """How 1,000 a month from 1 June 2026 in UTC stands, without a database; `fields` of the budget."""
    values = {
        "id": None,
        "name": "Season",
        "scope_type": "organization",
        "scope_id": "us",
        "amount": Decimal(amount),
        "currency": "USD",
        "period": "monthly",
        "start_date": date(2026, 6, 1),
        "end_date": None,
        "recurring": True,
        "timezone": "UTC",
        "thresholds": (),
        "enforcement": "stop",
        "depth": 0,
        "parent_id": None,
        "path": (),
        **fields,
    }
    budget = ChainBudget(**values)
    figures = WindowFigures(amount=Decimal(amount), actual=Decimal(spent))
    return Standing(budget, current_window(budget, now), figures, None, now)


def test_800_of_1000_on_day_10_lead_to_2400_and_are_gone_on_the_13th():
    found = burn_forecast(standing(800))
    assert (found.is_enough_data, found.projected_total, found.overrun) == (
        True,
        Decimal("2400.00"),
        Decimal("1400.00"),
    )
    # 12.5 days of 80 a day: in the midst of the thirteenth.
    assert (found.is_overrun_expected, found.runs_out_on) == (True, date(2026, 6, 13))


@pytest.mark.parametrize(
    ("spent", "projected", "runs_out_on"),
    [
        # 30 days of 33.33333: exactly all of it is no overrun.
        ("333.333333", "1000.00", None),
        # Beyond it by less than a cent.
        ("333.3334", "1000.00", None),
        ("334", "1002.00", date(2026, 6, 30)),
        # All of it is spent: nothing is left that could run out.
        ("1000", "3000.00", None),
        ("1200", "3600.00", None),
        # Spent up to yesterday's end, it lasts through today.
        ("999.99", "2999.97", date(2026, 6, 11)),
        ("0", "0.00", None),
        ("-50", "-150.00", None),
    ],
)
def test_the_day_is_that_on_which_the_last_of_the_money_is_spent(spent, projected, runs_out_on):
    found = burn_forecast(standing(spent))
    assert (found.projected_total, found.runs_out_on) == (Decimal(projected), runs_out_on)
    assert found.is_overrun_expected == (Decimal(projected) > 1000)


def test_nothing_is_foreseen_before_three_days_or_a_tenth_of_the_window():
    third_day = datetime(2026, 6, 4, tzinfo=UTC)
    early = burn_forecast(standing(900, now=third_day - timedelta(seconds=1)))
    assert (early.is_enough_data, early.projected_total, early.overrun, early.runs_out_on) == (False, None, 0, None)
    assert (early.is_overrun_expected, early.enough_from) == (False, third_day)
    assert burn_forecast(standing(900, now=third_day)).projected_total == Decimal("9000.00")


@pytest.mark.parametrize(
    ("fields", "enough_from"),
    [
        ({"period": "daily"}, datetime(2026, 6, 1, 2, 24, tzinfo=UTC)),
        ({"period": "weekly"}, datetime(2026, 6, 1, 16, 48, tzinfo=UTC)),
        ({"period": "annual"}, datetime(2026, 6, 4, tzinfo=UTC)),
        # Three days as the calendar shows them: the clocks go forward on the 29th.
        (
            {"period": "quarterly", "start_date": date(2026, 3, 28), "timezone": "Europe/Berlin"},
            datetime(2026, 3, 30, 22, tzinfo=UTC),
        ),
        # Cut short by the budget's end: a tenth of the ten days that it has.
        ({"end_date": date(2026, 6, 11)}, datetime(2026, 6, 2, tzinfo=UTC)),
    ],
)
def test_a_short_window_says_something_earlier(fields, enough_from):
    assert burn_forecast(standing(1, now=enough_from, **fields)).is_enough_data
    before = burn_forecast(standing(1, now=enough_from - timedelta(seconds=1), **fields))
    assert (before.is_enough_data, before.enough_from) == (False, enough_from)


def test_neither_what_is_over_nor_what_has_not_begun_is_foreseen():
    over = burn_forecast(standing(800, recurring=False, now=datetime(2026, 7, 1, tzinfo=UTC)))
    assert (over.is_over, over.is_enough_data, over.projected_total) == (True, False, None)
    to_come = burn_forecast(standing(800, now=datetime(2026, 5, 30, tzinfo=UTC)))
    assert (to_come.is_over, to_come.is_enough_data, to_come.is_overrun_expected) == (False, False, False)
