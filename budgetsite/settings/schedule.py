"""What scheduled jobs have in common."""

from datetime import timedelta
from typing import Any

from celery.schedules import crontab


def dropped_when_next_is_due(schedule: dict[str, dict[str, Any]]) -> dict[str, dict[str, Any]]:
    """Return a schedule whose messages are worth nothing once the next run is due, which does the same.

    So a worker that comes back after a day does each job once, instead of once for each time that it missed.
    """
    for entry in schedule.values():
        entry.setdefault("options", {}).setdefault("expires", time_between_runs(entry["schedule"]).total_seconds())
    return schedule


def time_between_runs(every: timedelta | crontab) -> timedelta:
    """Return how long a job has until it is due again; of a crontab that names hours and minutes, evenly spread."""
    if isinstance(every, timedelta):
        return every
    # The type's stubs know neither.
    cron: Any = every
    return timedelta(days=1) / (len(cron.hour) * len(cron.minute))
