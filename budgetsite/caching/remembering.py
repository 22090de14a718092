"""Answers that are computed once and then remembered in Valkey for as long as their key says the same.

Nothing here forgets on purpose: whoever asks puts into the key everything that the answer depends on, so that a change
makes another key. Without Valkey every answer is computed.
"""

import hashlib
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import TypeVar

from django.core.cache import cache
from prometheus_client import Counter

Answer = TypeVar("Answer")

_NOTHING = object()
# For `/metrics`; the counts in Valkey are those of all machines together.
ANSWERS = Counter(
    "budgetsite_remembered_answers_total", "Answers remembered, and answers computed.", ["subject", "outcome"]
)


@dataclass(frozen=True, slots=True)
class HitCount:
    """How often an answer of one subject was remembered, and how often it had to be computed; since Valkey started."""

    hits: int
    misses: int

    @property
    def rate(self) -> float | None:
        """The part of the answers that were remembered, None before the first one."""
        asked = self.hits + self.misses
        return self.hits / asked if asked else None


def remembered(subject: str, key: Iterable[object], compute: Callable[[], Answer], *, seconds: int) -> Answer:
    """Return what `compute` has answered for `key` within the last `seconds`, or computes now.

    `subject` is what the hits are counted by, a word. The parts of the key are told apart by their `repr`.
    """
    digest = hashlib.sha256(repr(tuple(key)).encode()).hexdigest()
    address = f"remembered:{subject}:{digest}"
    found = cache.get(address, _NOTHING)
    # A cache that is away answers None.
    if found is _NOTHING or found is None:
        answer = compute()
        cache.set(address, (answer,), seconds)
        _count(subject, "misses")
        return answer
    _count(subject, "hits")
    kept: Answer = found[0]
    return kept


def hit_count(subject: str) -> HitCount:
    """Return the count of all web processes together; zeros when Valkey is away."""
    counts = cache.get_many([_counter(subject, "hits"), _counter(subject, "misses")]) or {}
    return HitCount(hits=counts.get(_counter(subject, "hits"), 0), misses=counts.get(_counter(subject, "misses"), 0))


def _count(subject: str, what: str) -> None:
    ANSWERS.labels(subject, what).inc()
    cache.incr(_counter(subject, what), ignore_key_check=True)  # type: ignore[call-arg]  # django-redis's own


def _counter(subject: str, what: str) -> str:
    return f"remembered:{subject}:{what}"
