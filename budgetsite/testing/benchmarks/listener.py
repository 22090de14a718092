"""A receiver of webhooks in a process of its own, which notes when each budget's alert arrives."""

import asyncio
import json
import multiprocessing
import time
from collections.abc import Mapping
from ctypes import c_double
from multiprocessing.connection import Connection
from types import TracebackType
from typing import Any
from uuid import UUID

_ANSWER = b"HTTP/1.1 204 No Content\r\nConnection: close\r\n\r\n"


class Listener:
    """A context manager: answers everything at once, and keeps for each of `numbers` when it last came and how often.

    Times are of the clock that all processes of the machine share (`time.monotonic`).
    """

    def __init__(self, numbers: Mapping[UUID, int]) -> None:
        self._numbers = numbers
        forking = multiprocessing.get_context("fork")
        self.arrived: Any = forking.Array(c_double, len(numbers), lock=False)
        self.times: Any = forking.Array("L", len(numbers), lock=False)
        self._forking = forking

    def __enter__(self) -> "Listener":
        ours, theirs = self._forking.Pipe()
        self._process = self._forking.Process(target=self._serve, args=(theirs,), daemon=True)
        self._process.start()
        theirs.close()
        with ours:
            self.url = f"http://127.0.0.1:{ours.recv()}/"
        return self

    def __exit__(
        self, _kind: type[BaseException] | None, _error: BaseException | None, _trace: TracebackType | None
    ) -> None:
        self._process.terminate()
        self._process.join()

    @property
    def count(self) -> int:
        """How many messages have come."""
        return sum(self.times)

    def _serve(self, port: Connection) -> None:
        asyncio.run(self._listen(port))

    async def _listen(self, port: Connection) -> None:
        server = await asyncio.start_server(self._answer, "127.0.0.1", 0, backlog=1000)
        port.send(server.sockets[0].getsockname()[1])
        await server.serve_forever()

    async def _answer(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = await reader.readuntil(b"\r\n\r\n")
        length = next(
            int(line.partition(b":")[2]) for line in head.split(b"\r\n") if line.lower().startswith(b"content-length:")
        )
        message = json.loads(await reader.readexactly(length))
        number = self._numbers[UUID(message["data"]["budget_id"])]
        self.arrived[number] = time.monotonic()
        self.times[number] += 1
        writer.write(_ANSWER)
        await writer.drain()
        writer.close()
