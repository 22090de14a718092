"""Valkey, for those who must not wait for it: requests, and what follows a commit."""

import time
from dataclasses import dataclass, field
from functools import lru_cache

import redis
from redis.backoff import NoBackoff
from redis.retry import Retry

_AWAY_FOR_SECONDS = 5


@lru_cache(maxsize=8)
def valkey(url: str, *, answer_within_seconds: float = 0.3) -> "redis.Redis":
    """Return a client that gives up soon, and tries nothing twice."""
    return redis.Redis.from_url(
        url,
        socket_connect_timeout=answer_within_seconds,
        socket_timeout=answer_within_seconds,
        retry=Retry(NoBackoff(), 0),
    )


@dataclass(slots=True)
class Absence:
    """After Valkey did not answer it is left alone for a while, so that nobody waits in vain."""

    # By the clock that only goes on.
    until: float = field(default=0.0, init=False)

    @property
    def lasts(self) -> bool:
        return time.monotonic() < self.until

    def begin(self) -> None:
        self.until = time.monotonic() + _AWAY_FOR_SECONDS
