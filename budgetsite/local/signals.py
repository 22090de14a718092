"""Stopping: every wait of this package goes through `StopSignals.pause`, so that a signal ends it soon.

The handler only notes the signal. Raising in it could lose a process that was just being started.
"""

import signal
import time
from collections.abc import Callable
from types import FrameType

from .problems import LocalProblem, StopRequested

TICK_SECONDS = 0.05
STOPPING = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


class StopSignals:
    def __init__(self) -> None:
        self.received: int | None = None

    def install(self) -> None:
        for number in STOPPING:
            signal.signal(number, self._note)

    def _note(self, number: int, _frame: FrameType | None) -> None:
        self.received = number

    def check(self) -> None:
        if self.received is not None:
            raise StopRequested(self.received)

    def pause(self, seconds: float = TICK_SECONDS) -> None:
        """Wait, and raise `StopRequested` as soon as a stopping signal has come."""
        until = time.monotonic() + seconds
        while True:
            self.check()
            left = until - time.monotonic()
            if left <= 0:
                return
            time.sleep(min(left, TICK_SECONDS))

    def wait_until(self, ready: Callable[[], bool], *, seconds: float, otherwise: str) -> None:
        """Wait for a condition; raises `LocalProblem` with `otherwise` when it does not come in time."""
        until = time.monotonic() + seconds
        while not ready():
            if time.monotonic() > until:
                raise LocalProblem(otherwise)
            self.pause()
