"""When a person is written to: after a moment for more to come, outside quiet hours, at the time of their digest.

Arithmetic alone. By the clock on the person's wall: where it skips an hour, the next moment that it shows counts.
"""

from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

from budgetsite.notifications.models import DIGEST_TIME, MONDAY, Level, Rhythm

# What happens within so many seconds of the first comes in one message.
GATHERING = timedelta(seconds=30)
# Who was just written to is left alone for a while; what is critical does not wait.
REST = timedelta(minutes=10)


@dataclass(frozen=True, slots=True)
class Habits:
    """When somebody wants to be written to, by the clock of `timezone`."""

    timezone: str
    quiet_from: time | None = None
    quiet_until: time | None = None
    critical_breaks_quiet: bool = False
    digest_time: time = DIGEST_TIME
    digest_weekday: int = MONDAY


def due_at(habits: Habits, rhythm: str, level: str, *, now: datetime, last_written_at: datetime | None) -> datetime:
    """Return when a mail of this rhythm goes out that begins to gather at `now`."""
    if rhythm == Rhythm.DAILY:
        return _next_digest(habits, now, weekly=False)
    if rhythm == Rhythm.WEEKLY:
        return _next_digest(habits, now, weekly=True)
    moment = now + GATHERING
    critical = level == Level.CRITICAL
    if last_written_at is not None and not critical:
        moment = max(moment, last_written_at + REST)
    if critical and habits.critical_breaks_quiet:
        return moment
    return quiet_end(habits, moment) or moment


def quiet_end(habits: Habits, moment: datetime) -> datetime | None:
    """Return when the quiet hours are over that `moment` is in, None when it is in none."""
    if habits.quiet_from is None or habits.quiet_until is None:
        return None
    there = moment.astimezone(ZoneInfo(habits.timezone))
    clock = there.time()
    begins, ends = habits.quiet_from, habits.quiet_until
    if begins < ends:
        return _on(there.date(), ends, habits) if begins <= clock < ends else None
    if clock >= begins:
        return _on(there.date() + timedelta(days=1), ends, habits)
    return _on(there.date(), ends, habits) if clock < ends else None


def _next_digest(habits: Habits, now: datetime, *, weekly: bool) -> datetime:
    day = now.astimezone(ZoneInfo(habits.timezone)).date()
    if weekly:
        day += timedelta(days=(habits.digest_weekday - day.weekday()) % 7)
    moment = _on(day, habits.digest_time, habits)
    if moment <= now:
        moment = _on(day + timedelta(days=7 if weekly else 1), habits.digest_time, habits)
    return moment


def _on(day: date, clock: time, habits: Habits) -> datetime:
    return datetime.combine(day, clock, ZoneInfo(habits.timezone)).astimezone(UTC)
