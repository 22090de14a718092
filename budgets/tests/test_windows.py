"""Where windows begin and end: month ends, leap years, changes of clocks, and what dateutil says of them."""

from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from dateutil.relativedelta import relativedelta
from hypothesis import given
from hypothesis import strategies as st

from budgets.services.windows import (
    OutsideCalendar,
    current_window,
    days_elapsed,
    days_in_force,
    days_remaining,
    is_in_force,
    window_at,
)

# Clocks that change at midnight, by half an hour, across the date line; and none.
ZONES = [
    "UTC",
    "Europe/Madrid",
    "America/New_York",
    "America/Asuncion",
    "Asia/Beirut",
    "Australia/Lord_Howe",
    "Pacific/Apia",
    "Asia/Kathmandu",
]
MOMENTS = st.integers(946_684_800, 2_524_608_000).map(lambda second: datetime.fromtimestamp(second, UTC))
STEPS = {
    "daily": relativedelta(days=1),
    "weekly": relativedelta(weeks=1),
    "monthly": relativedelta(months=1),
    "quarterly": relativedelta(months=3),
    "annual": relativedelta(years=1),
}


@dataclass(frozen=True)
class Calendar:
    period: str
    start_date: date
    end_date: date | None = None
    recurring: bool = True
    timezone: str = "UTC"


def days(window):
    return window.first_day.isoformat(), window.day_after.isoformat()


@pytest.mark.parametrize(
    ("period", "start", "at", "first_day", "day_after"),
    [
        ("monthly", "2026-01-31", "2026-01-30", "2025-12-31", "2026-01-31"),
        ("monthly", "2026-01-31", "2026-02-27", "2026-01-31", "2026-02-28"),
        ("monthly", "2026-01-31", "2026-02-28", "2026-02-28", "2026-03-31"),
        ("monthly", "2026-01-31", "2026-03-30", "2026-02-28", "2026-03-31"),
        ("monthly", "2028-01-31", "2028-02-28", "2028-01-31", "2028-02-29"),
        ("monthly", "2028-01-31", "2028-02-29", "2028-02-29", "2028-03-31"),
        ("monthly", "2026-01-15", "2027-12-14", "2027-11-15", "2027-12-15"),
        ("quarterly", "2025-11-30", "2026-02-28", "2026-02-28", "2026-05-30"),
        ("quarterly", "2026-01-01", "2025-12-31", "2025-10-01", "2026-01-01"),
        ("annual", "2024-02-29", "2025-02-28", "2025-02-28", "2026-02-28"),
        ("annual", "2024-02-29", "2028-02-28", "2027-02-28", "2028-02-29"),
        ("annual", "2024-02-29", "2028-02-29", "2028-02-29", "2029-02-28"),
        ("weekly", "2026-06-03", "2026-06-02", "2026-05-27", "2026-06-03"),
        ("daily", "2026-06-03", "2026-02-28", "2026-02-28", "2026-03-01"),
    ],
)
def test_windows_count_from_the_start_date_itself(period, start, at, first_day, day_after):
    calendar = Calendar(period, date.fromisoformat(start))
    moment = datetime.fromisoformat(f"{at}T12:00:00+00:00")
    assert days(window_at(calendar, moment)) == (first_day, day_after)


def test_a_custom_period_repeats_its_own_length():
    calendar = Calendar("custom", date(2026, 6, 1), date(2026, 6, 11))
    assert days(window_at(calendar, datetime(2026, 6, 11, tzinfo=UTC))) == ("2026-06-11", "2026-06-21")
    assert days(window_at(calendar, datetime(2026, 5, 31, 23, tzinfo=UTC))) == ("2026-05-22", "2026-06-01")


@pytest.mark.parametrize(
    ("timezone", "day", "hours"),
    [
        ("Europe/Madrid", "2026-03-29", 23),
        ("Europe/Madrid", "2026-10-25", 25),
        ("Europe/Madrid", "2026-06-01", 24),
        ("Australia/Lord_Howe", "2026-04-05", 24.5),
        # The clock jumped from midnight to one: the day began at one.
        ("Asia/Beirut", "2026-03-29", 23),
        # A day that was left out when the islands changed sides of the date line.
        ("Pacific/Apia", "2011-12-30", 0),
    ],
)
def test_a_day_is_as_long_as_its_clock_says(timezone, day, hours):
    first = date.fromisoformat(day)
    calendar = Calendar("daily", first, timezone=timezone)
    window = current_window(calendar, datetime(first.year, first.month, first.day, tzinfo=UTC))
    assert window.number == 0 or hours == 0
    whole = Calendar("custom", first, first + timedelta(days=1), recurring=False, timezone=timezone)
    window = current_window(whole, datetime(2026, 1, 1, tzinfo=UTC))
    assert window.end - window.start == timedelta(hours=hours)


def test_a_budget_that_is_over_stays_in_its_last_window():
    calendar = Calendar("monthly", date(2026, 1, 31), date(2026, 3, 15))
    after = datetime(2026, 8, 1, tzinfo=UTC)
    window = current_window(calendar, after)
    assert days(window) == ("2026-02-28", "2026-03-31")
    assert (days_in_force(calendar, window), days_remaining(calendar, window, after)) == (15, 0)
    assert days_elapsed(calendar, window, after) == window.days == 31
    assert not is_in_force(calendar, after)
    assert is_in_force(calendar, datetime(2026, 3, 14, 23, tzinfo=UTC))
    assert not is_in_force(calendar, datetime(2026, 3, 15, tzinfo=UTC))


def test_before_its_start_a_budget_is_in_its_first_window_with_all_its_days():
    calendar = Calendar("monthly", date(2026, 6, 1))
    before = datetime(2026, 3, 1, tzinfo=UTC)
    window = current_window(calendar, before)
    assert days(window) == ("2026-06-01", "2026-07-01")
    assert (days_remaining(calendar, window, before), days_elapsed(calendar, window, before)) == (30, 1)
    assert not is_in_force(calendar, before)


def test_the_ends_of_the_calendar_are_refused():
    for moment in (datetime(1, 1, 1, tzinfo=UTC), datetime(9999, 12, 31, 23, tzinfo=UTC)):
        with pytest.raises(OutsideCalendar):
            window_at(Calendar("annual", date(2026, 1, 1), timezone="Pacific/Apia"), moment)


@given(
    period=st.sampled_from(sorted(STEPS)),
    start=st.dates(date(2019, 1, 1), date(2029, 12, 31)),
    moment=MOMENTS,
    timezone=st.sampled_from(ZONES),
)
def test_every_moment_is_in_the_window_that_dateutil_says(period, start, moment, timezone):
    calendar = Calendar(period, start, timezone=timezone)
    window = window_at(calendar, moment)

    assert window.first_day == start + STEPS[period] * window.number
    assert window.day_after == start + STEPS[period] * (window.number + 1)
    # The clock there shows a day of the window, and the moment lies within it.
    assert window.first_day <= moment.astimezone(ZoneInfo(timezone)).date() < window.day_after
    assert window.holds(moment)
    # Without a gap, and without an overlap.
    assert window_at(calendar, window.end - timedelta(microseconds=1)) == window
    assert window_at(calendar, window.end).start == window.end


@given(
    start=st.dates(date(2019, 1, 1), date(2029, 12, 31)),
    length=st.integers(1, 800),
    moment=MOMENTS,
    timezone=st.sampled_from(ZONES),
)
def test_every_moment_is_in_one_window_of_a_custom_period(start, length, moment, timezone):
    calendar = Calendar("custom", start, start + timedelta(days=length), timezone=timezone)
    window = window_at(calendar, moment)
    assert (window.day_after - window.first_day).days == length
    assert (window.first_day - start).days == length * window.number
    assert window.holds(moment)
    assert window_at(calendar, window.end).number == window.number + 1 or length == 1
