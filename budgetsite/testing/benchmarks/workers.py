"""The site's real workers, as `make run` starts them."""

import signal
import subprocess
import tempfile
from contextlib import ExitStack
from pathlib import Path
from types import TracebackType

from django.conf import settings

from budgetsite.local.folder import DataFolder
from budgetsite.local.processes import last_lines, spawn, stop
from budgetsite.local.site import budgetsite
from budgetsite.testing.benchmarks.site import SiteFailed, environment

LOOPBACK = "127.0.0.0/8"
_STOP_SECONDS = 20
# The port is the web server's, which is not started.
_NO_PORT = 0


class Workers:
    """A context manager: within it the programs of these names run, and may send webhooks to this machine."""

    def __init__(self, *names: str) -> None:
        self._names = names

    def __enter__(self) -> "Workers":
        with ExitStack() as stack:
            path = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="bench-")))
            folder = DataFolder(path)
            folder.create()
            environ = {**environment(), "WEBHOOK_ALLOWED_NETWORKS": LOOPBACK}
            programs = budgetsite(_NO_PORT, folder, demo=False).programs
            self._logs = {name: folder.log(name) for name in self._names}
            self._processes: dict[str, subprocess.Popen[bytes]] = {}
            for name, log in self._logs.items():
                process = spawn(list(programs[name]), environ=environ, log=log, cwd=settings.BASE_DIR)
                stack.callback(stop, process, signal.SIGTERM, seconds=_STOP_SECONDS)
                self._processes[name] = process
            stack.callback(self._begin_to_end)
            self._stack = stack.pop_all()
        return self

    def __exit__(
        self, _kind: type[BaseException] | None, _error: BaseException | None, _trace: TracebackType | None
    ) -> None:
        self._stack.close()

    def check(self) -> None:
        """Raises `SiteFailed` when one of them has ended."""
        for name, process in self._processes.items():
            if process.poll() is not None:
                raise SiteFailed(f"The {name} has ended. {self.last_lines()}")

    def last_lines(self) -> str:
        """Return how the logs end."""
        return "\n".join(f"The log of the {name} ends with:\n{last_lines(log, 15)}" for name, log in self._logs.items())

    def _begin_to_end(self) -> None:
        """Tell all of them before one is waited for: each takes its time."""
        for process in self._processes.values():
            process.terminate()
