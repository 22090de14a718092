"""The site as a process of its own, for tests that kill it or take its servers away."""

import signal
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import psutil
import pytest

from budgetsite.local.folder import CHECKOUT
from budgetsite.local.processes import free_port, last_lines, spawn, stop
from budgetsite.testing.visitor import Visitor

PATIENCE_SECONDS = 30
THREADS = 4


def eventually(look: Callable[[], Any], what: str) -> Any:
    """Look until there is something, and return it."""
    until = time.monotonic() + PATIENCE_SECONDS
    while not (seen := look()):
        if time.monotonic() > until:
            pytest.fail(f"{what} did not come about within {PATIENCE_SECONDS} seconds.")
        time.sleep(0.02)
    return seen


class WebProcess:
    """gunicorn as README.md starts it, with one worker. A context manager: it answers within, whatever it answers."""

    def __init__(self, environ: Mapping[str, str], log: Path) -> None:
        self.environ = environ
        self.log = log
        self.port = free_port()
        self.process: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> Self:
        self.launch()
        try:
            eventually(lambda: self.ended or self._answers(), "An answer of the site")
            assert not self.ended, f"The site did not start:\n{self.said()}"
        except BaseException:
            self.end()
            raise
        return self

    def __exit__(
        self, _kind: type[BaseException] | None, _error: BaseException | None, _trace: TracebackType | None
    ) -> None:
        self.end()

    def launch(self) -> subprocess.Popen[bytes]:
        """Start it and don't wait."""
        self.process = spawn(
            [
                sys.executable, "-m", "gunicorn", "budgetsite.asgi:application", "--config",
                "python:budgetsite.operations.web_server", "--bind", f"127.0.0.1:{self.port}", "--workers", "1",
                "--no-control-socket",
            ],
            environ=self.environ,
            log=self.log,
            cwd=CHECKOUT,
        )  # fmt: skip
        return self.process

    def end(self) -> None:
        if self.process is not None:
            stop(self.process, signal.SIGTERM, seconds=PATIENCE_SECONDS)

    @property
    def ended(self) -> bool:
        return self.process is None or self.process.poll() is not None

    @property
    def worker(self) -> psutil.Process:
        """The process that serves requests; gunicorn starts another one when it dies."""
        assert self.process is not None
        (worker,) = psutil.Process(self.process.pid).children()
        return worker

    def visitor(self) -> Visitor:
        return Visitor(f"http://127.0.0.1:{self.port}")

    def said(self) -> str:
        return last_lines(self.log, 200)

    def _answers(self) -> bool:
        try:
            self.visitor().get("/healthz")
        except OSError:
            return False
        return True
