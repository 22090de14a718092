"""Whether this process can serve: each thing it needs is asked for, at the same time, and none for long.

An app adds a check of its own in `<app>/metrics.py`: `register_check("outbox", outbox_keeps_up)`. A check returns
nothing, or raises `NotReady` with a sentence for the operator: no secrets, no names, no address.
"""

import threading
import time
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from concurrent.futures import wait as wait_for
from dataclasses import dataclass, field
from functools import cache

from django.db import connections
from django.db.migrations.loader import MigrationLoader

from budgetsite.operations.broker import ping_broker

CHECK_SECONDS = 2.0
REMEMBERED_SECONDS = 1.5


class NotReady(RuntimeError):
    """Says what is missing."""


Check = Callable[[], None]


@dataclass(frozen=True, slots=True)
class Readiness:
    """What each check said; an empty text is all right."""

    said: dict[str, str] = field(default_factory=dict)

    @property
    def is_ready(self) -> bool:
        return not any(self.said.values())


def database_answers() -> None:
    """As the role of requests, on a connection of its own."""
    with connections["default"].cursor() as cursor:
        cursor.execute("SELECT 1")


def migrations_are_applied() -> None:
    with connections["default"].cursor() as cursor:
        cursor.execute("SELECT app, name FROM django_migrations")
        missing = _migrations_of_this_release() - set(cursor.fetchall())
    if missing:
        count = "1 migration is" if len(missing) == 1 else f"{len(missing)} migrations are"
        raise NotReady(f"{count} not applied: run manage.py migrate.")


@cache
def _migrations_of_this_release() -> frozenset[tuple[str, str]]:
    return frozenset(MigrationLoader(None, ignore_no_migrations=True).disk_migrations)


def broker_answers() -> None:
    ping_broker()


_checks: dict[str, Check] = {
    "database": database_answers,
    "migrations": migrations_are_applied,
    "broker": broker_answers,
}


def register_check(name: str, check: Check) -> None:
    _checks[name] = check


class Readings:
    """The last results, and the threads that find new ones: no more than one for each check, however long it hangs."""

    def __init__(self) -> None:
        self._one_at_a_time = threading.Lock()
        self._pool: ThreadPoolExecutor | None = None
        self._running: dict[str, Future[str]] = {}
        self._last, self._until = Readiness(), 0.0

    def now(self) -> Readiness:
        with self._one_at_a_time:
            if time.monotonic() >= self._until:
                self._last = self._read()
                self._until = time.monotonic() + REMEMBERED_SECONDS
            return self._last

    def forget(self) -> None:
        self._until = 0.0

    def _read(self) -> Readiness:
        if self._pool is None:
            self._pool = ThreadPoolExecutor(max_workers=32, thread_name_prefix="readiness")
        for name, check in _checks.items():
            if name not in self._running or self._running[name].done():
                self._running[name] = self._pool.submit(_say, check)
        asked = {name: self._running[name] for name in _checks}
        wait_for(asked.values(), timeout=CHECK_SECONDS)
        late = f"No answer within {CHECK_SECONDS:g} s."
        return Readiness({name: each.result() if each.done() else late for name, each in asked.items()})


def _say(check: Check) -> str:
    try:
        check()
    except NotReady as problem:
        return str(problem)
    except Exception as error:
        # What a library says may hold an address or a name; its type is enough to begin with.
        return f"Can't be reached: {type(error).__name__}."
    finally:
        # This thread's alone.
        connections.close_all()
    return ""


readings = Readings()
