"""One reader for all who listen on a web process: an event is read once here, however many listen."""

import asyncio
import logging
from collections import Counter
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from uuid import UUID

import redis.asyncio
from django.conf import settings

from budgetsite.live.journal import Cursor, Reading, ask, channel, understand
from budgetsite.live.listener import Listener

logger = logging.getLogger(__name__)

# Who reads so slowly that so many readings wait is sent away, and comes back with the last place it knows.
_MOST_WAITING = 100
# What was told on the channel while the connection was broken is found anyway after so long.
_LOOK_ANYWAY_SECONDS = 15
_AGAIN_AFTER_SECONDS = 1
_NEXT_LOOK_SECONDS = 0.05
_ANSWER_WITHIN_SECONDS = 5
# To Valkey, however many sit down at once.
_MOST_CONNECTIONS = 8


class JournalAway(Exception):
    """Valkey can't be reached, so nobody can be told anything."""


@dataclass(slots=True, eq=False)
class Seat:
    """A listener's place in the hub: readings wait in `readings`; None is the end."""

    listener: Listener
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
        self._grown: set[UUID] = set()
        self._has_grown = asyncio.Event()
        self._tasks: list[asyncio.Task[None]] = []
        self._is_closed = False

    def count_of(self, user_id: UUID) -> int:
        return self._listening[user_id]

    def count(self) -> int:
        return self._listening.total()

    @asynccontextmanager
    async def seat(self, listener: Listener) -> AsyncIterator[tuple[Seat, Reading]]:
        """Give a seat, and what the listener has missed since its cursor. Raises `JournalAway`."""
        self._start()
        try:
            seat, missed = await self._sit_down(listener)
        except (redis.RedisError, OSError) as error:
            raise JournalAway from error
        self._listening[listener.user_id] += 1
        try:
            yield seat, missed
        finally:
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
        for task in self._tasks:
            task.cancel()

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
            self._tasks = [asyncio.create_task(self._hear()), asyncio.create_task(self._hand_out())]

    async def _sit_down(self, listener: Listener) -> tuple[Seat, Reading]:
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
        seat = Seat(listener, reading.cursor)
        account.seats.add(seat)
        if self._is_closed:
            seat.end()
        return seat, Reading([] if is_gap else entries, reading.cursor, is_gap=is_gap)

    async def _hear(self) -> None:
        """Note which journals grow."""
        while True:
            try:
                assert self._valkey is not None
                async with self._valkey.pubsub(ignore_subscribe_messages=True) as heard:
                    await heard.subscribe(channel())
                    # What was told before is not heard.
                    self._look_at(self._accounts)
                    while True:
                        message = await heard.get_message(timeout=_LOOK_ANYWAY_SECONDS)
                        self._look_at(self._accounts if message is None else [UUID(message["data"].decode())])
            except (redis.RedisError, OSError) as error:
                logger.warning("open pages hear nothing: %s", type(error).__name__)
                await asyncio.sleep(_AGAIN_AFTER_SECONDS)

    def _look_at(self, tenant_ids: Iterable[UUID]) -> None:
        self._grown.update(tenant_id for tenant_id in tenant_ids if tenant_id in self._accounts)
        self._has_grown.set()

    async def _hand_out(self) -> None:
        """Give everybody what was written into the journals that have grown."""
        while True:
            await self._has_grown.wait()
            self._has_grown.clear()
            while self._grown:
                tenant_id = self._grown.pop()
                try:
                    await self._hand_out_to(tenant_id)
                except (redis.RedisError, OSError) as error:
                    logger.warning("a journal can't be read: %s", type(error).__name__)
                    await asyncio.sleep(_AGAIN_AFTER_SECONDS)
                    self._grown.add(tenant_id)

    async def _hand_out_to(self, tenant_id: UUID) -> None:
        account = self._accounts.get(tenant_id)
        if account is None:
            return
        reading = await self._read(tenant_id, account.cursor)
        if self._accounts.get(tenant_id) is not account:
            self._look_at([tenant_id])
            return
        # Somebody new may have sat down meanwhile, who has read some of this: `told` after its own cursor.
        account.cursor = reading.cursor
        for seat in list(account.seats):
            fresh = [entry for entry in reading.entries if _is_before(seat.cursor, entry.cursor)]
            seat.cursor = reading.cursor
            if fresh or reading.is_gap:
                seat.give(Reading(fresh, reading.cursor, is_gap=reading.is_gap))

    async def _read(self, tenant_id: UUID, cursor: Cursor | None) -> Reading:
        assert self._valkey is not None
        async with self._valkey.pipeline(transaction=False) as pipeline:
            ask(pipeline, tenant_id, cursor)
            return understand(await pipeline.execute(), cursor)


def _is_before(one: Cursor, other: Cursor) -> bool:
    return one.era != other.era or one.place < other.place


hub = Hub()
