"""Many clients at once: processes, because threads of one Python would be measured waiting for each other.

The same processes do both sides' work, each with a connection of either kind, so that the sides differ in nothing else.
"""

import multiprocessing
import signal
import time
import traceback
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from multiprocessing.connection import Connection
from types import TracebackType
from typing import Any

from django.db import connections

from budgetsite.testing.benchmarks.measure import Side, Turn

Operations = Mapping[str, Callable[[], object]]
# Time for every client to read the order before it begins, in seconds.
_HEAD_START = 0.05
_ANSWER_SECONDS = 120


class ClientFailed(RuntimeError):
    """An operation raised in a client; the text is its traceback."""


@dataclass(frozen=True, slots=True)
class _Answer:
    """How often a client did as it was told, and when the last one ended by the clock that all share."""

    operations: int
    end: float
    cpu_seconds: float


class Clients:
    """`count` processes. `make_operations` is called in each, with its number, and returns what it can be told to do.

    Forked, because they inherit the loaded site. A context manager; the clients end with it, and with its process.
    """

    def __init__(self, count: int, make_operations: Callable[[int], Operations]) -> None:
        self.count = count
        self._make_operations = make_operations
        self._pipes: list[Connection] = []
        self._processes: list[Any] = []
        self.done: dict[str, int] = {}
        # What the clients' own work took of the processors, in seconds; without PostgreSQL's.
        self.cpu_seconds: dict[str, float] = {}

    def __enter__(self) -> "Clients":
        # A connection that parent and child share would mix up their answers.
        connections.close_all()
        forking = multiprocessing.get_context("fork")
        for number in range(self.count):
            ours, theirs = forking.Pipe()
            process = forking.Process(
                target=_serve, args=(number, theirs, self._make_operations, [*self._pipes, ours]), daemon=True
            )
            process.start()
            theirs.close()
            self._pipes.append(ours)
            self._processes.append(process)
        return self

    def __exit__(
        self, _kind: type[BaseException] | None, _error: BaseException | None, _trace: TracebackType | None
    ) -> None:
        for pipe in self._pipes:
            pipe.close()
        for process in self._processes:
            process.join(10)
            if process.is_alive():
                process.kill()
                process.join()

    def side(self, name: str) -> Side:
        """Return the side on which every client repeats the operation `name`."""

        def turn(seconds: float) -> Turn:
            start = time.monotonic() + _HEAD_START
            for pipe in self._pipes:
                pipe.send((name, start, seconds))
            answers = [self._answer(pipe) for pipe in self._pipes]
            operations = sum(answer.operations for answer in answers)
            self.done[name] = self.done.get(name, 0) + operations
            self.cpu_seconds[name] = self.cpu_seconds.get(name, 0) + sum(answer.cpu_seconds for answer in answers)
            # Until the last one is through: a client that was kept waiting counts in full.
            return Turn(operations, max(answer.end for answer in answers) - start)

        return turn

    def _answer(self, pipe: Connection) -> "_Answer":
        if not pipe.poll(_ANSWER_SECONDS):
            raise ClientFailed(f"A client has not answered within {_ANSWER_SECONDS} seconds.")
        try:
            answer = pipe.recv()
        except EOFError as error:
            raise ClientFailed("A client has ended without an answer.") from error
        if isinstance(answer, str):
            raise ClientFailed(answer)
        assert isinstance(answer, _Answer)
        return answer


def _serve(
    number: int, orders: Connection, make_operations: Callable[[int], Operations], inherited: list[Connection]
) -> None:
    """Do as ordered until the parent closes its end of the pipe, or is no more."""
    # Ctrl-C reaches the whole terminal; the parent decides what becomes of it.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    for connection in inherited:
        connection.close()
    with suppress(EOFError, BrokenPipeError, ConnectionResetError):
        operations = make_operations(number)
        while True:
            name, start, seconds = orders.recv()
            try:
                answer: _Answer | str = _work(operations[name], start, seconds)
            except Exception:
                # For the parent to raise.
                answer = traceback.format_exc()
            orders.send(answer)


def _work(operation: Callable[[], object], start: float, seconds: float) -> _Answer:
    """Repeat until the turn is over."""
    time.sleep(max(0.0, start - time.monotonic()))
    operations, now, cpu = 0, start, time.process_time()
    while operations == 0 or now - start < seconds:
        operation()
        operations += 1
        now = time.monotonic()
    return _Answer(operations, now, time.process_time() - cpu)
