"""The time zones that accounts, events and venues may be in."""

from functools import cache
from zoneinfo import available_timezones

from django.core.exceptions import ValidationError

# The server's own zone and the placeholder of a clock that was never set: neither says where anything is.
_NOWHERE = frozenset({"localtime", "Factory", "posixrules"})


@cache
def known_timezones() -> tuple[str, ...]:
    """Return the zones' names in order."""
    return tuple(sorted(available_timezones() - _NOWHERE))


def validate_timezone(name: str) -> None:
    if name not in known_timezones():
        raise ValidationError(
            "“%(name)s” is not a known time zone. Use a name such as Europe/Madrid or America/Toronto.",
            code="unknown_timezone",
            params={"name": name},
        )
