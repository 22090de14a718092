"""One reader for all who listen on a web process: an event is read once here, however many listen."""

import asyncio
import json
import logging
import time
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from uuid import UUID

import redis.asyncio
from django.conf import settings

from budgetsite.live.journal import (
    MOST_ENTRIES_AT_ONCE,
    MOST_ENTRIES_FOR_ALL,
    PEOPLE,
    Cursor,
    Entry,
    Reading,
    ask,
    channel,
    understand,
)
from budgetsite.live.listener import Listener
from budgetsite.live.metrics import listeners, streams

logger = logging.getLogger(__name__)

# Who reads so slowly that so many readings wait is sent away, and comes back with the last place it knows.
_MOST_WAITING = 100
# What was told on the channel while the connection was broken is found anyway after so long.
_LOOK_ANYWAY_SECONDS = 15
_AGAIN_AFTER_SECONDS = 1
_NEXT_LOOK_SECONDS = 0.05
_CANCEL_AGAIN_SECONDS = 0.05
_ANSWER_WITHIN_SECONDS = 5
# To Valkey, however many sit down at once.
_MOST_CONNECTIONS = 8
# Between being let in and sitting down; the clocks of two machines differ by less, too.
_JUDGED_WITHIN_SECONDS = 120


class JournalAway(Exception):
    """Valkey can't be reached, so nobody can be told anything."""


@dataclass(slots=True, eq=False)
class Seat:
    """A listener's place in the hub: readings wait in `readings`; None is the end."""

    listener: Listener
    # A moment of `time.monotonic` at which the listener was not judged yet.
    asked_at: float
    cursor: Cursor
    readings: "asyncio.Queue[Reading | None]" = field(default_factory=lambda: asyncio.Queue(_MOST_WAITING))

    def give(self, reading: Reading) -> None:
        try:
            self.readings.put_nowait(reading)
        except asyncio.QueueFull:
            self.end()

    def end(self) -> None:
        while self.readings.full():
            self.readings.get_nowait()
        self.readings.put_nowait(None)


@dataclass(slots=True)
class _Account:
    """An account that somebody listens to: everything up to `cursor` was given to all its seats."""

    cursor: Cursor
    seats: set[Seat] = field(default_factory=set)


class Hub:
    """Lives in one event loop. Nothing in it waits between looking at an account and changing it."""

    def __init__(self) -> None:
        self._valkey: redis.asyncio.Redis | None = None
        self._accounts: dict[UUID, _Account] = {}
        self._listening: Counter[UUID] = Counter()
        self._access = _Access()
        self._grown: set[UUID] = set()
        self._has_grown = asyncio.Event()
        self._tasks: list[asyncio.Task[None]] = []
        self._is_closed = False

    def count_of(self, user_id: UUID) -> int:
        return self._listening[user_id]

    def count(self) -> int:
        return self._listening.total()

    @asynccontextmanager
    async def seat(self, listener: Listener, *, asked_at: float) -> AsyncIterator[tuple[Seat, Reading]]:
        """Give a seat, and what the listener has missed since its cursor. Raises `JournalAway`.

        `asked_at` (of `time.monotonic`) is before the listener was judged: whoever's access has changed since is sent
        away again.
        """
        self._start()
        try:
            seat, missed = await self._sit_down(listener, asked_at)
        except (redis.RedisError, OSError) as error:
            raise JournalAway from error
        self._listening[listener.user_id] += 1
        listeners().inc()
        streams().inc()
        try:
            yield seat, missed
        finally:
            listeners().dec()
            self._listening[listener.user_id] -= 1
            if not self._listening[listener.user_id]:
                del self._listening[listener.user_id]
            account = self._accounts[listener.tenant_id]
            account.seats.discard(seat)
            if not account.seats:
                del self._accounts[listener.tenant_id]

    def close(self) -> None:
        """Send everybody away: the process ends."""
        self._is_closed = True
        for account in self._accounts.values():
            for seat in account.seats:
                seat.end()
        self._end_tasks()

    def _end_tasks(self) -> None:
        """Cancel until they have ended: the client of Valkey swallows a cancellation now and then."""
        running = [task for task in self._tasks if not task.done()]
        for task in running:
            task.cancel()
        if running:
            asyncio.get_running_loop().call_later(_CANCEL_AGAIN_SECONDS, self._end_tasks)

    def _start(self) -> None:
        if self._valkey is None:
            pool = redis.asyncio.BlockingConnectionPool.from_url(
                settings.REDIS_URL,
                socket_connect_timeout=_ANSWER_WITHIN_SECONDS,
                socket_timeout=_ANSWER_WITHIN_SECONDS,
                health_check_interval=_LOOK_ANYWAY_SECONDS,
                max_connections=_MOST_CONNECTIONS,
                timeout=_ANSWER_WITHIN_SECONDS,
            )
            self._valkey = redis.asyncio.Redis.from_pool(pool)
            self._tasks = [
                asyncio.create_task(self._keep_on(self._hear)),
                asyncio.create_task(self._keep_on(self._hand_out)),
            ]

    async def _keep_on(self, work: Callable[[], Awaitable[None]]) -> None:
        """Begin anew whatever happens: with either of its two tasks gone, nobody would hear anything any more."""
        while True:
            try:
                await work()
            except (redis.RedisError, OSError) as error:
                logger.warning("open pages hear nothing: %s", type(error).__name__)
            except Exception:
                logger.exception("what happens can't be told")
            await asyncio.sleep(_AGAIN_AFTER_SECONDS)
            self._look_at_all()

    async def _sit_down(self, listener: Listener, asked_at: float) -> tuple[Seat, Reading]:
        """Read on until the listener is as far as its account, and sit down in the same moment."""
        reading = await self._read(listener.tenant_id, listener.cursor)
        entries, is_gap = list(reading.entries), reading.is_gap
        while (account := self._accounts.get(listener.tenant_id)) and _is_before(reading.cursor, account.cursor):
            if account.cursor.era != reading.cursor.era:
                # Valkey has lost its journals, and the account does not know yet.
                self._look_at([listener.tenant_id])
                await asyncio.sleep(_NEXT_LOOK_SECONDS)
            reading = await self._read(listener.tenant_id, reading.cursor)
            entries, is_gap = [*entries, *reading.entries], is_gap or reading.is_gap
        if account is None:
            account = self._accounts[listener.tenant_id] = _Account(reading.cursor)
            # What was written since that was read was told while nobody listened.
            self._look_at([listener.tenant_id])
        seat = Seat(listener, asked_at, reading.cursor)
        account.seats.add(seat)
        if self._is_closed or not self._access.is_as_judged(listener.user_id, asked_at):
            seat.end()
        return seat, Reading([] if is_gap else entries, reading.cursor, is_gap=is_gap)

    async def _hear(self) -> None:
        """Note which journals grow."""
        assert self._valkey is not None
        async with self._valkey.pubsub(ignore_subscribe_messages=True) as heard:
            await heard.subscribe(channel())
            # What was told before is not heard.
            self._look_at_all()
            while True:
                message = await heard.get_message(timeout=_LOOK_ANYWAY_SECONDS)
                if message is None:
                    self._look_at_all()
                else:
                    self._look_at([UUID(message["data"].decode())])

    def _look_at(self, tenant_ids: Iterable[UUID]) -> None:
        self._grown.update(tenant_id for tenant_id in tenant_ids if tenant_id in self._accounts or tenant_id == PEOPLE)
        self._has_grown.set()

    def _look_at_all(self) -> None:
        self._look_at([PEOPLE, *self._accounts])

    async def _hand_out(self) -> None:
        """Give everybody what was written into the journals that have grown."""
        while True:
            await self._has_grown.wait()
            self._has_grown.clear()
            while self._grown:
                if PEOPLE in self._grown:
                    self._grown.remove(PEOPLE)
                    await self._send_away()
                else:
                    await self._hand_out_to(self._grown.pop())

    async def _send_away(self) -> None:
        """End the seats of people whose access has changed; of all, where some of that may have been missed."""
        since = self._access.cursor
        if since is None:
            now = (await self._read(PEOPLE, None)).cursor
            since = Cursor(now.era, (int((time.time() - _JUDGED_WITHIN_SECONDS) * 1000), 0))
        reading = await self._read(PEOPLE, since)
        self._access.cursor = reading.cursor
        people = [_person_in(entry) for entry in reading.entries]
        self._access.changed(person for person in people if person is not None)
        if reading.is_gap or None in people:
            self._access.of_all_changed()
        if reading.is_gap or reading.entries:
            for account in self._accounts.values():
                for seat in account.seats:
                    if not self._access.is_as_judged(seat.listener.user_id, seat.asked_at):
                        seat.end()

    async def _hand_out_to(self, tenant_id: UUID) -> None:
        account = self._accounts.get(tenant_id)
        if account is None:
            return
        reading = await self._read(tenant_id, account.cursor, most=MOST_ENTRIES_FOR_ALL)
        if self._accounts.get(tenant_id) is not account:
            self._look_at([tenant_id])
            return
        account.cursor = reading.cursor
        for seat in account.seats:
            # Somebody new may have sat down meanwhile, who has read some of this, or further.
            if _is_before(seat.cursor, reading.cursor):
                fresh = [entry for entry in reading.entries if _is_before(seat.cursor, entry.cursor)]
                seat.cursor = reading.cursor
                seat.give(Reading(fresh, reading.cursor, is_gap=reading.is_gap))

    async def _read(self, tenant_id: UUID, cursor: Cursor | None, *, most: int = MOST_ENTRIES_AT_ONCE) -> Reading:
        assert self._valkey is not None
        async with self._valkey.pipeline(transaction=False) as pipeline:
            ask(pipeline, tenant_id, cursor, most=most)
            return understand(await pipeline.execute(), cursor, most=most)


@dataclass(slots=True)
class _Access:
    """Whose access has changed lately, at which moments of `time.monotonic`."""

    cursor: Cursor | None = None
    _of_people: dict[UUID, float] = field(default_factory=dict)
    _of_all: float = 0.0

    def changed(self, people: Iterable[UUID]) -> None:
        now = time.monotonic()
        kept = {person: at for person, at in self._of_people.items() if at > now - _JUDGED_WITHIN_SECONDS}
        self._of_people = kept | dict.fromkeys(people, now)

    def of_all_changed(self) -> None:
        self._of_all = time.monotonic()

    def is_as_judged(self, person: UUID, asked_at: float) -> bool:
        return asked_at > max(self._of_people.get(person, 0.0), self._of_all)


def _person_in(entry: Entry) -> UUID | None:
    """Return whom an entry in the journal of people is about; None for what another release may have meant by it."""
    try:
        return UUID(json.loads(entry.content)["person"])
    except (KeyError, TypeError, ValueError, AttributeError):
        return None


def _is_before(one: Cursor, other: Cursor) -> bool:
    return one.era != other.era or one.place < other.place


hub = Hub()
