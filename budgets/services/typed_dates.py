"""Days as people write them in a line: "12 May", "tomorrow", "Friday", "2027-05-12", "in 2 weeks".

Parsers of dates in free text decide what is open: to them "12/05" is one of two days, "12" a day of this month, and a
bare "March" a day at all. Where money is due, what is open is asked; so only these few ways are read, each whole.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from functools import lru_cache

from babel import Locale
from babel.dates import get_day_names, get_month_names

from budgetsite.money.amounts import babel_locale

# A day without a year that has passed no longer ago than this may be meant as it was, or in the year to come.
LATELY = timedelta(days=60)
LONGEST_WORDS = 4

_ORDINAL = re.compile(r"(?P<day>[0-9]{1,2})(?:st|nd|rd|th|\.)?", re.IGNORECASE)
_YEAR = re.compile(r"20[0-9]{2}")
_ISO = re.compile(r"(?P<year>20[0-9]{2})-(?P<month>[0-9]{1,2})-(?P<day>[0-9]{1,2})")
_DOTTED = re.compile(r"(?P<day>[0-9]{1,2})\.(?P<month>[0-9]{1,2})\.(?P<year>20[0-9]{2})?")
_SLASHED = re.compile(r"(?P<one>[0-9]{1,2})/(?P<other>[0-9]{1,2})(?:/(?P<year>20[0-9]{2}))?")
_UNITS = {"day": 1, "days": 1, "week": 7, "weeks": 7}


@dataclass(frozen=True, slots=True)
class TypedDay:
    """What `words` words can mean: one day, several to choose from, or none ("31 June")."""

    words: int
    days: tuple[date, ...]

    @property
    def day(self) -> date | None:
        return self.days[0] if len(self.days) == 1 else None


def read_day(words: Sequence[str], *, today: date, language: str, is_past: bool = False) -> TypedDay | None:
    """Return the day that the first of `words` name, or None where they name none.

    A day without a year is the next such day (`is_past`: the last one), today included; where the other may be meant
    as well, both are there to choose from.
    """
    for count in range(min(LONGEST_WORDS, len(words)), 0, -1):
        days = _read([word.strip(",;").casefold() for word in words[:count]], today, language, is_past)
        if days is not None:
            return TypedDay(count, days)
    return None


def _read(words: Sequence[str], today: date, language: str, is_past: bool) -> tuple[date, ...] | None:
    if len(words) == 1:
        return _one_word(words[0], today, language, is_past)
    if len(words) == 2 and words[0] in ("next", "this") and words[1] in _weekdays(language):
        coming = _coming(_weekdays(language)[words[1]], today)
        # Some mean the first to come, others the one after that.
        return (coming, coming + timedelta(days=7)) if words[0] == "next" else (coming,)
    if len(words) == 3 and words[0] == "in" and words[1].isascii() and words[1].isdigit() and words[2] in _UNITS:
        return (today + timedelta(days=int(words[1][:4]) * _UNITS[words[2]]),)
    return _with_month_name(words, today, language, is_past)


def _one_word(word: str, today: date, language: str, is_past: bool) -> tuple[date, ...] | None:
    near = {"today": 0, "tomorrow": 1, "yesterday": -1}
    if word in near:
        return (today + timedelta(days=near[word]),)
    if word in _weekdays(language):
        weekday = _weekdays(language)[word]
        if is_past:
            return (today - timedelta(days=(today.weekday() - weekday) % 7),)
        coming = _coming(weekday, today)
        # Said on that day itself, it is today or in a week.
        return (today, coming) if today.weekday() == weekday else (coming,)
    if found := _ISO.fullmatch(word):
        return _days_of(int(found["year"]), int(found["month"]), int(found["day"]))
    if found := _DOTTED.fullmatch(word):
        return _dated(int(found["day"]), int(found["month"]), found["year"], today, is_past)
    if found := _SLASHED.fullmatch(word):
        one, other = int(found["one"]), int(found["other"])
        # Day and month, or month and day: half of the world writes it either way.
        both = {*_dated(one, other, found["year"], today, is_past), *_dated(other, one, found["year"], today, is_past)}
        return tuple(sorted(both))
    return None


def _with_month_name(words: Sequence[str], today: date, language: str, is_past: bool) -> tuple[date, ...] | None:
    months = _months(language)
    if len(words) == 3 and not _YEAR.fullmatch(words[2]):
        return None
    if len(words) not in (2, 3):
        return None
    first, second = words[0].rstrip("."), words[1].rstrip(".")
    year = words[2] if len(words) == 3 else None
    if second in months and (found := _ORDINAL.fullmatch(words[0])):
        return _dated(int(found["day"]), months[second], year, today, is_past)
    if first in months and (found := _ORDINAL.fullmatch(words[1])):
        return _dated(int(found["day"]), months[first], year, today, is_past)
    return None


def _dated(day: int, month: int, year: str | None, today: date, is_past: bool) -> tuple[date, ...]:
    if year is not None:
        return _days_of(int(year), month, day)
    # 29 February comes within eight years of any day.
    years = range(today.year - 8, today.year + 9)
    known = [one for number in years for one in _days_of(number, month, day)]
    before, after = [one for one in known if one <= today], [one for one in known if one >= today]
    if not before or not after:
        return ()
    wanted, other = (before[-1], after[0]) if is_past else (after[0], before[-1])
    return (wanted,) if abs(other - today) > LATELY or wanted == other else tuple(sorted((wanted, other)))


def _days_of(year: int, month: int, day: int) -> tuple[date, ...]:
    try:
        return (date(year, month, day),)
    except ValueError:
        return ()


def _coming(weekday: int, today: date) -> date:
    """Return the next such weekday after today."""
    return today + timedelta(days=(weekday - today.weekday() - 1) % 7 + 1)


def _locales(language: str) -> list[Locale]:
    return [Locale("en"), babel_locale(language)]


@lru_cache(maxsize=16)
def _months(language: str) -> Mapping[str, int]:
    """Return the names of the months, long and short, in English and in the reader's language."""
    return {
        name.rstrip(".").casefold(): number
        for locale in _locales(language)
        for width in ("wide", "abbreviated")
        for number, name in get_month_names(width, locale=locale).items()
    } | {"sept": 9}


@lru_cache(maxsize=16)
def _weekdays(language: str) -> Mapping[str, int]:
    return {
        name.rstrip(".").casefold(): number
        for locale in _locales(language)
        for width in ("wide", "abbreviated")
        for number, name in get_day_names(width, locale=locale).items()
    }
