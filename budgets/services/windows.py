"""The windows of a scoped budget: half-open stretches of its period, one after the other, in its own time zone.

The n-th window starts n periods after the start date, counted from that date itself: one that starts on 31 January has
windows from 31 January, 28 February (29 in a leap year), 31 March. A day begins when the clock there first shows it.
"""

from calendar import monthrange
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from functools import lru_cache
from typing import Protocol
from zoneinfo import ZoneInfo

from budgets.models import Period

_DAYS = {Period.DAILY: 1, Period.WEEKLY: 7}
_MONTHS = {Period.MONTHLY: 1, Period.QUARTERLY: 3, Period.ANNUAL: 12}


class HasCalendar(Protocol):
    """What says how a budget's time is cut: a `ScopedBudget`, or a budget of a chain."""

    @property
    def period(self) -> str: ...
    @property
    def start_date(self) -> date: ...
    @property
    def end_date(self) -> date | None: ...
    @property
    def recurring(self) -> bool: ...
    @property
    def timezone(self) -> str: ...


class OutsideCalendar(ValueError):
    """The window that holds this moment would begin or end outside the years 1 to 9999."""


@dataclass(frozen=True, slots=True)
class Window:
    """`[start, end)` as moments (UTC), and `[first_day, day_after)` as the calendar shows them where the budget is.

    `number` counts from 0, the window that begins on the start date; earlier ones are negative.
    """

    number: int
    start: datetime
    end: datetime
    first_day: date
    day_after: date

    @property
    def days(self) -> int:
        """How many days it has, at least 1."""
        return max(1, (self.day_after - self.first_day).days)

    def holds(self, moment: datetime) -> bool:
        return self.start <= moment < self.end


def window_at(calendar: HasCalendar, moment: datetime) -> Window:
    """Return the window that holds `moment`, also before the start date and after the end. Raises `OutsideCalendar`."""
    try:
        day = moment.astimezone(zone_of(calendar)).date()
        window = _window(calendar, _number_at(calendar, day))
        # Clocks that were turned back past midnight show the day before once more: it is over all the same.
        while moment >= window.end:
            window = _window(calendar, window.number + 1)
        return window
    except (OverflowError, ValueError) as error:
        raise OutsideCalendar(f"{moment} is at the calendar's end") from error


def current_window(calendar: HasCalendar, now: datetime) -> Window:
    """Return the window that a budget is in at `now`: the first before it starts, the last once it has ended.

    One that does not recur has one window for all its time. Raises `OutsideCalendar`.
    """
    if not calendar.recurring:
        return _window(calendar, 0)
    day = max(today(calendar, now), calendar.start_date)
    if calendar.end_date is not None:
        day = min(day, calendar.end_date - timedelta(days=1))
    return _window(calendar, _number_at(calendar, day))


def is_in_force(calendar: HasCalendar, moment: datetime) -> bool:
    """Whether the budget has begun at `moment` and is not over yet."""
    day = today(calendar, moment)
    if day < calendar.start_date:
        return False
    last = last_day_after(calendar)
    return last is None or day < last


def last_day_after(calendar: HasCalendar) -> date | None:
    """Return the day from which the budget is over, None when it goes on for ever."""
    ends = [] if calendar.end_date is None else [calendar.end_date]
    if not calendar.recurring:
        ends.append(_boundary(calendar, 1))
    return min(ends) if ends else None


def today(calendar: HasCalendar, now: datetime) -> date:
    """Return the day that the calendar shows where the budget is."""
    return now.astimezone(zone_of(calendar)).date()


def days_elapsed(calendar: HasCalendar, window: Window, now: datetime) -> int:
    """Return the whole days of the window that are over: at least 1, at most all of them."""
    return min(window.days, max(1, (today(calendar, now) - window.first_day).days))


def days_remaining(calendar: HasCalendar, window: Window, now: datetime) -> int:
    """Return how many days of the window are left, today included; 0 once it, or the budget, is over."""
    over = last_day_after(calendar)
    end = window.day_after if over is None else min(window.day_after, over)
    return max(0, (end - max(today(calendar, now), window.first_day)).days)


def days_in_force(calendar: HasCalendar, window: Window) -> int:
    """Return how many days of the window belong to the budget's time, at least 1: its last one may be cut short."""
    over = last_day_after(calendar)
    return window.days if over is None else max(1, (min(window.day_after, over) - window.first_day).days)


def zone_of(calendar: HasCalendar) -> ZoneInfo:
    return ZoneInfo(calendar.timezone)


@lru_cache(maxsize=4096)
def first_moment(day: date, timezone: str) -> datetime:
    """Return the moment (UTC) at which a day begins; where a change of clocks skips its midnight, right after that."""
    return datetime.combine(day, time(), ZoneInfo(timezone)).astimezone(UTC)


def _window(calendar: HasCalendar, number: int) -> Window:
    try:
        first_day, day_after = _boundary(calendar, number), _boundary(calendar, number + 1)
        return Window(
            number=number,
            start=first_moment(first_day, calendar.timezone),
            end=first_moment(day_after, calendar.timezone),
            first_day=first_day,
            day_after=day_after,
        )
    except (OverflowError, ValueError) as error:
        raise OutsideCalendar(f"window {number} is outside the calendar") from error


def _boundary(calendar: HasCalendar, number: int) -> date:
    """Return the day on which the window of this number begins."""
    months = _MONTHS.get(Period(calendar.period))
    if months is not None:
        return _months_later(calendar.start_date, months * number)
    return calendar.start_date + timedelta(days=_length(calendar) * number)


def _number_at(calendar: HasCalendar, day: date) -> int:
    start = calendar.start_date
    months = _MONTHS.get(Period(calendar.period))
    if months is None:
        return (day - start).days // _length(calendar)
    number = ((day.year - start.year) * 12 + day.month - start.month) // months
    # In the month of a boundary, the days before it still belong to the window before.
    return number if _months_later(start, months * number) <= day else number - 1


def _length(calendar: HasCalendar) -> int:
    days = _DAYS.get(Period(calendar.period))
    if days is not None:
        return days
    if calendar.end_date is None:
        raise ValueError("a custom period has an end date")
    return (calendar.end_date - calendar.start_date).days


def _months_later(day: date, months: int) -> date:
    """Return the same day so many months later; the month's last day where it has none of that number."""
    year, month = divmod(day.year * 12 + day.month - 1 + months, 12)
    if not 1 <= year <= 9999:
        raise OverflowError("year is out of range")
    return date(year, month + 1, min(day.day, monthrange(year, month + 1)[1]))
