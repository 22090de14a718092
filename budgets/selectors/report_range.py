"""Which days a report is about, by name or from one to another, as the calendar shows them where the budget is."""

from calendar import monthrange
from dataclasses import dataclass
from datetime import date, datetime, timedelta

from django.db.models import TextChoices

from budgets.services.windows import HasCalendar, Window, current_window, first_moment, today, window_at
from events.models import FIRST_YEAR, LAST_YEAR

# Ten years.
MOST_DAYS = 3660


class TimeRange(TextChoices):
    THIS_WINDOW = "this_window", "This period"
    LAST_WINDOW = "last_window", "The period before"
    TODAY = "today", "Today"
    LAST_7_DAYS = "7d", "The last 7 days"
    LAST_30_DAYS = "30d", "The last 30 days"
    LAST_90_DAYS = "90d", "The last 90 days"
    THIS_MONTH = "this_month", "This month"
    LAST_MONTH = "last_month", "Last month"
    THIS_QUARTER = "this_quarter", "This quarter"
    THIS_YEAR = "this_year", "This year"


class RangeProblem(ValueError):
    """`field` is start_date or end_date; the sentence says what would be right."""

    def __init__(self, field: str, code: str, message: str) -> None:
        self.field = field
        self.code = code
        super().__init__(message)


@dataclass(frozen=True, slots=True)
class Range:
    """Days from `first_day` until before `day_after`; `[start, end)` are the moments at which they begin and are over.

    `name` is one of `TimeRange`, empty for days that were named.
    """

    name: str
    first_day: date
    day_after: date
    start: datetime
    end: datetime

    @property
    def last_day(self) -> date:
        return max(self.first_day, self.day_after - timedelta(days=1))

    @property
    def days(self) -> int:
        return (self.day_after - self.first_day).days


def named_range(budget: HasCalendar, name: TimeRange, *, now: datetime) -> Range:
    """Return the days that a name means at `now`. Raises `RangeProblem` where the calendar has no such window."""
    if name in (TimeRange.THIS_WINDOW, TimeRange.LAST_WINDOW):
        window = current_window(budget, now)
        if name == TimeRange.LAST_WINDOW:
            window = window_at(budget, window.start - timedelta(microseconds=1))
        return of_window(window, name)
    first_day, day_after = _days_of(name, today(budget, now))
    return _range(budget, name, first_day, day_after)


def days_between(budget: HasCalendar, first_day: date | None, last_day: date | None, *, now: datetime) -> Range:
    """Return the days from the first to the last, both included; left out, the last one is today.

    Raises `RangeProblem` for days in the wrong order, too many of them, or years that nobody means.
    """
    if first_day is None:
        raise RangeProblem("start_date", "required", "Give the first day.")
    last_day = max(today(budget, now), first_day) if last_day is None else last_day
    for field, day in (("start_date", first_day), ("end_date", last_day)):
        if not FIRST_YEAR <= day.year <= LAST_YEAR:
            raise RangeProblem(field, "out_of_range", "Give a date between the years 1900 and 2999.")
    if last_day < first_day:
        raise RangeProblem("end_date", "out_of_range", "The last day is before the first one.")
    found = _range(budget, "", first_day, last_day + timedelta(days=1))
    if found.days > MOST_DAYS:
        raise RangeProblem("start_date", "out_of_range", "A report covers ten years at most: begin later.")
    return found


def of_window(window: Window, name: str = TimeRange.THIS_WINDOW) -> Range:
    return Range(str(name), window.first_day, window.day_after, window.start, window.end)


def _days_of(name: TimeRange, day: date) -> tuple[date, date]:
    tomorrow = day + timedelta(days=1)
    month = day.replace(day=1)
    if name == TimeRange.TODAY:
        return day, tomorrow
    if name == TimeRange.THIS_MONTH:
        return month, _month_after(month)
    if name == TimeRange.LAST_MONTH:
        return (month - timedelta(days=1)).replace(day=1), month
    if name == TimeRange.THIS_QUARTER:
        first = date(day.year, (day.month - 1) // 3 * 3 + 1, 1)
        return first, _month_after(_month_after(_month_after(first)))
    if name == TimeRange.THIS_YEAR:
        return date(day.year, 1, 1), date(day.year + 1, 1, 1)
    lengths = {TimeRange.LAST_7_DAYS: 7, TimeRange.LAST_30_DAYS: 30, TimeRange.LAST_90_DAYS: 90}
    return tomorrow - timedelta(days=lengths[name]), tomorrow


def _month_after(first: date) -> date:
    return first + timedelta(days=monthrange(first.year, first.month)[1])


def _range(budget: HasCalendar, name: str, first_day: date, day_after: date) -> Range:
    return Range(
        name=str(name),
        first_day=first_day,
        day_after=day_after,
        start=first_moment(first_day, budget.timezone),
        end=first_moment(day_after, budget.timezone),
    )
