"""How often one person and one address may ask: sliding windows in Valkey, shared by all web processes.

Throttling protects the site; it is not what keeps anybody's data safe. So when Valkey is away, requests pass.
"""

import ipaddress
import logging
import math
import re
import time
from functools import lru_cache
from typing import TYPE_CHECKING, cast

from django.conf import settings
from django.core.exceptions import ImproperlyConfigured
from django.http import HttpRequest
from limits import (
    RateLimitItem,
    RateLimitItemPerDay,
    RateLimitItemPerHour,
    RateLimitItemPerMinute,
    RateLimitItemPerSecond,
)
from limits.errors import StorageError
from limits.storage import RedisStorage
from limits.strategies import MovingWindowRateLimiter
from redis.backoff import NoBackoff
from redis.retry import Retry
from rest_framework.request import Request
from rest_framework.throttling import BaseThrottle

from budgetsite.valkey import Absence

if TYPE_CHECKING:
    # The views read their default throttles while their own module is being loaded.
    from rest_framework.views import APIView

logger = logging.getLogger(__name__)

_RATE = re.compile(r"\s*([1-9][0-9]*)\s*/\s*([a-z]+)\s*")
_PERIODS: dict[str, type[RateLimitItem]] = {
    **dict.fromkeys(("s", "sec", "second"), RateLimitItemPerSecond),
    **dict.fromkeys(("m", "min", "minute"), RateLimitItemPerMinute),
    **dict.fromkeys(("h", "hour"), RateLimitItemPerHour),
    **dict.fromkeys(("d", "day"), RateLimitItemPerDay),
}
_ANSWER_WITHIN_SECONDS = 0.3


@lru_cache(maxsize=32)
def parse_rate(text: str) -> RateLimitItem:
    """Return the limit that a setting such as `1200/min` means. Raises `ImproperlyConfigured`."""
    match = _RATE.fullmatch(text.lower())
    if match is None or match[2] not in _PERIODS:
        raise ImproperlyConfigured(f"“{text}” is no rate. Write one as 60/min, 5/second, 1000/hour or 20000/day.")
    return _PERIODS[match[2]](int(match[1]))


class _Windows:
    """The windows in Valkey. After a failure they are left alone for a while: no request waits in vain."""

    def __init__(self, url: str) -> None:
        self._storage = RedisStorage(
            url,
            key_prefix="budgetsite-throttle",
            wrap_exceptions=True,
            socket_connect_timeout=_ANSWER_WITHIN_SECONDS,
            socket_timeout=_ANSWER_WITHIN_SECONDS,
            retry=Retry(NoBackoff(), 0),  # type: ignore[arg-type]
        )
        self._limiter = MovingWindowRateLimiter(self._storage)
        self.absence = Absence()

    def wait(self, rate: RateLimitItem, *key: str) -> int | None:
        """Count one request under `key`; return the seconds to wait when it is one too many, else None."""
        if self.absence.lasts:
            return None
        try:
            if self._limiter.hit(rate, *key):
                return None
            free_at = self._limiter.get_window_stats(rate, *key).reset_time
        except StorageError as error:
            self.absence.begin()
            logger.warning("throttling is off while Valkey is away: %s", type(error.storage_error).__name__)
            return None
        return max(1, math.ceil(free_at - time.time()))


@lru_cache(maxsize=4)
def _windows(url: str) -> _Windows:
    return _Windows(url)


def seconds_to_wait(setting: str, *key: str) -> int | None:
    """Count one request against the rate in `settings.<setting>`. None: go on; else the seconds to wait."""
    rate = parse_rate(getattr(settings, setting))
    return _windows(settings.REDIS_URL).wait(rate, setting.lower(), *key)


def client_address(request: HttpRequest) -> str:
    """Return the address that the request came from, as far as it can be trusted.

    `X-Forwarded-For` is whatever the client says, except for what our own proxies added at its end: with
    `TRUSTED_PROXY_COUNT` of them, the entry that the outermost of ours wrote is the client.
    """
    direct = cast(str, request.META.get("REMOTE_ADDR") or "")
    count = settings.TRUSTED_PROXY_COUNT
    if not count:
        return direct
    entries = [entry.strip() for entry in request.META.get("HTTP_X_FORWARDED_FOR", "").split(",")]
    if len(entries) < count:
        return direct
    try:
        return str(ipaddress.ip_address(entries[-count]))
    except ValueError:
        return direct


def _neighbourhood(address: str) -> str:
    """One house of IPv6 has 2⁶⁴ addresses to choose from: count them as one."""
    try:
        parsed = ipaddress.ip_address(address)
    except ValueError:
        return address or "unknown"
    if parsed.version == 6:
        return str(ipaddress.ip_network((parsed, 64), strict=False))
    return str(parsed)


def sign_in_wait(request: HttpRequest) -> int | None:
    """Count one attempt to sign in or to reset a password from this address. Returns as `seconds_to_wait`."""
    return seconds_to_wait("THROTTLE_SIGN_IN", _neighbourhood(client_address(request)))


def calendar_wait(request: HttpRequest) -> int | None:
    """Count one reading of a secret calendar address by this address. Returns as `seconds_to_wait`."""
    return seconds_to_wait("THROTTLE_CALENDAR", _neighbourhood(client_address(request)))


def mail_link_wait(request: HttpRequest) -> int | None:
    """Count one use of a signed link from a mail by this address. Returns as `seconds_to_wait`."""
    return seconds_to_wait("THROTTLE_MAIL_LINK", _neighbourhood(client_address(request)))


class UserThrottle(BaseThrottle):
    """`THROTTLE_USER` for each person in each account, `THROTTLE_API_KEY` for each machine.

    Who is not signed in is refused before this.
    """

    _wait: int | None = None

    def allow_request(self, request: Request, view: "APIView") -> bool:
        if not request.user.is_authenticated:
            return True
        machine = getattr(request, "api_key", None)
        if machine is not None:
            self._wait = seconds_to_wait("THROTTLE_API_KEY", str(machine.pk))
            return self._wait is None
        account = getattr(request, "account", None)
        self._wait = seconds_to_wait("THROTTLE_USER", str(account.pk if account else "-"), str(request.user.pk))
        return self._wait is None

    def wait(self) -> float | None:
        return self._wait


class SignInThrottle(BaseThrottle):
    """`THROTTLE_SIGN_IN` for each address, together with the pages to sign in and to reset a password."""

    _wait: int | None = None

    def allow_request(self, request: Request, view: "APIView") -> bool:
        self._wait = sign_in_wait(request._request)
        return self._wait is None

    def wait(self) -> float | None:
        return self._wait
