"""What each forecast assumes, and what it would need to say more, in plain sentences."""

from collections.abc import Iterable
from datetime import date

from django.utils.formats import date_format

from budgets.selectors.forecast.burn import LEAST_DAYS, BurnForecast
from budgets.selectors.forecast.history import LEAST_EVENTS, Basis, HistoryForecast
from budgets.selectors.forecast.promises import PromiseKind, PromisesForecast
from budgets.selectors.scoped_status import Standing
from budgets.services.windows import zone_of
from budgetsite.money.amounts import format_amount
from events.models import EventType


def burn_assumption(standing: Standing) -> str:
    currency = standing.budget.currency
    rate = f"{format_amount(standing.burn_rate, currency, 'en')} {currency}"
    days = _count(standing.days_elapsed, "day")
    return f"Money goes on being spent as on the {days} so far: {rate} a day, all {standing.days} days of the period."


def burn_data(standing: Standing) -> str:
    """Return what it goes by: so many entries on so many days."""
    entries = standing.figures.entries
    counted = f"{entries} {'entry' if entries == 1 else 'entries'}"
    return f"By {counted} in {_count(standing.days_elapsed, 'day')}, from {_day(standing.window.first_day)} on."


def burn_missing(burn: BurnForecast, standing: Standing) -> str:
    if burn.is_enough_data:
        return ""
    if burn.is_over:
        return "The period is over: what was spent is what it came to."
    from_when = burn.enough_from.astimezone(zone_of(standing.budget))
    return (
        f"Too early to say: it needs {_NUMBERS[LEAST_DAYS]} days of data or a tenth of the period. "
        f"There is enough from {date_format(from_when, 'j F Y, H:i')} on."
    )


def promises_assumption() -> str:
    return (
        "Each open promise is spent when it falls due: expenses on their due date, or on their event's day where none "
        "is said; what else events have promised, such as registrations, on the event's day; reservations on the day "
        "they expire; what is overdue, today. Nothing else is spent."
    )


def promises_data(promises: PromisesForecast) -> str:
    """Return what it goes by: so many expenses, events and reservations, until a month."""
    words = {PromiseKind.EXPENSE: "expense", PromiseKind.EVENT: "event", PromiseKind.RESERVATION: "reservation"}
    parts = [_count(promises.counts[kind], word) for kind, word in words.items() if kind in promises.counts]
    if not parts or promises.last_month is None:
        return ""
    until = date_format(promises.last_month, "F Y")
    return f"By open promises of {_and(parts)}, the last of them in {until}."


def promises_missing(promises: PromisesForecast) -> str:
    if not promises.counts:
        return (
            "Nothing is promised: no event that this budget pays for has an open commitment, and nothing is reserved. "
            "Expenses that are agreed on are seen here until their bill comes."
        )
    if promises.undated:
        their = "has" if promises.undated == 1 else "have"
        return f"{_count(promises.undated, 'expense')} {their} no due date: give them one to see their month."
    return ""


def history_assumption() -> str:
    return (
        "Events still to come in this period cost what finished events of their type did: in proportion to what these "
        "had promised and spent as many days before, once that was half of their cost; until then, in proportion to "
        "their plan. Nothing else is spent."
    )


def history_data(history: HistoryForecast) -> str:
    """Return what it goes by: so many finished events, from a day to a day."""
    known = [one for one in history.types if one.is_enough]
    if not known:
        return ""
    since, until = min(one.first_day for one in known), max(one.last_day for one in known)
    return f"By {_count(history.known_count, 'finished event')} from {_day(since)} to {_day(until)}."


def history_missing(history: HistoryForecast) -> str:
    if not history.events:
        return "No event that this budget pays for is still to come in this period."
    if not history.unknown_types:
        return ""
    known = {one.event_type: one.count for one in history.types}
    parts = [f"{type_in_words(name)} ({known.get(name, 0)})" for name in history.unknown_types]
    their = "is" if history.is_enough_data else "would be"
    return (
        f"A type of event needs {_NUMBERS[LEAST_EVENTS]} finished ones in the budget's currency. There are too few of: "
        f"{', '.join(parts)}. What these events have promised and spent {their} taken as it is."
    )


BASIS_WORDS = {
    Basis.PLAN: "by its plan",
    Basis.PACE: "by what is promised so far",
    Basis.PRESENT: "as it stands now",
}
_NUMBERS = {3: "three"}


def type_in_words(event_type: str) -> str:
    return str(EventType(event_type).label)


def _day(day: date) -> str:
    return date_format(day, "j F Y")


def _count(number: int, word: str) -> str:
    return f"{number} {word}{'' if number == 1 else 's'}"


def _and(parts: Iterable[str]) -> str:
    *first, last = parts
    return f"{', '.join(first)} and {last}" if first else last
