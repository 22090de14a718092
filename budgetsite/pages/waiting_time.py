"""How long something has waited, as people say it."""

from datetime import datetime, timedelta

_UNITS = ((timedelta(days=1), "day"), (timedelta(hours=1), "hour"))


def waited(since: datetime, now: datetime) -> str:
    """Return whole days, below one whole hours: "for 3 days", "for 1 hour", "for less than an hour"."""
    for unit, noun in _UNITS:
        count = (now - since) // unit
        if count > 0:
            return f"for {count} {noun}{'' if count == 1 else 's'}"
    return "for less than an hour"
