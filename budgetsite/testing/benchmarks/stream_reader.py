"""Listeners in a process of their own: of the site's streams, and of PostgreSQL's channels for plain SQL."""

import asyncio
import json
import multiprocessing
import time
from collections.abc import Mapping, Sequence
from ctypes import c_double
from types import TracebackType
from typing import Any, Self
from uuid import UUID

import psycopg

from budgetsite.testing.benchmarks.plain_sql import PlainSql

CHANNEL = "bench_live"
_PATH = "/api/v1/stream?kinds=budget.changed"
# Together they would wait in the system's queue of connections.
_AT_ONCE = 50


class Arrivals:
    """A process that notes when each budget's change last arrived (`time.monotonic`, all share it), and how often."""

    def __init__(self, numbers: Mapping[UUID, int]) -> None:
        self._numbers = {str(budget_id): number for budget_id, number in numbers.items()}
        self._forking = multiprocessing.get_context("fork")
        self.arrived: Any = self._forking.Array(c_double, len(numbers), lock=False)
        self.times: Any = self._forking.Array("L", len(numbers), lock=False)
        self._is_ready = self._forking.Event()

    def __enter__(self) -> Self:
        self._process = self._forking.Process(target=self.listen, daemon=True)
        self._process.start()
        if not self._is_ready.wait(60):
            raise RuntimeError("The listeners are not let in.")
        return self

    def __exit__(
        self, _kind: type[BaseException] | None, _error: BaseException | None, _trace: TracebackType | None
    ) -> None:
        self._process.terminate()
        self._process.join()

    def listen(self) -> None:
        raise NotImplementedError

    def _arrive(self, budget_id: str) -> None:
        number = self._numbers[budget_id]
        self.arrived[number] = time.monotonic()
        self.times[number] += 1


class Streams(Arrivals):
    """One stream of the site for each token. What arrives is noted from the first; the others only hold theirs."""

    def __init__(self, port: int, tokens: Sequence[str], numbers: Mapping[UUID, int]) -> None:
        super().__init__(numbers)
        self._port = port
        self._tokens = tokens

    def listen(self) -> None:
        asyncio.run(self._listen())

    async def _listen(self) -> None:
        connecting = asyncio.Semaphore(_AT_ONCE)

        async def begin(token: str) -> asyncio.StreamReader:
            async with connecting:
                reader, writer = await asyncio.open_connection("127.0.0.1", self._port)
                held.append(writer)
                writer.write(
                    f"GET {_PATH} HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer {token}\r\n\r\n".encode()
                )
                # The first place is told once the listener has its seat.
                await reader.readuntil(b"\nid: ")
                return reader

        held: list[asyncio.StreamWriter] = []
        first, *_ = await asyncio.gather(*(begin(token) for token in self._tokens))
        self._is_ready.set()
        while line := await first.readline():
            if line.startswith(b"data: "):
                self._arrive(json.loads(line[6:])["data"]["subject_id"])


class Notified(Arrivals):
    """What a client would have without the site: LISTEN, on a connection of its own."""

    def __init__(self, plain: PlainSql, numbers: Mapping[UUID, int]) -> None:
        super().__init__(numbers)
        self._address = f"{plain.connection.info.dsn} password={plain.connection.info.password}"

    def listen(self) -> None:
        with psycopg.connect(self._address, autocommit=True) as connection:
            connection.execute(f"LISTEN {CHANNEL}")
            self._is_ready.set()
            for notice in connection.notifies():
                self._arrive(notice.payload)
