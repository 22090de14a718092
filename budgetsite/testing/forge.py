"""Processes of the site for tests that kill them: a program brings the site to where work begins, and forks for each.

So a worker costs hundredths of a second instead of seconds of computing. `python -m budgetsite.testing.forge` reads one
JSON object per line, what to call and with which arguments, and answers with the new process's number.
"""

import json
import os
import signal
import subprocess
import sys
import traceback
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from budgetsite.local.folder import CHECKOUT


class Forge:
    """A context manager. Each process leads a group of its own, which whatever it starts belongs to."""

    def __init__(self, environ: Mapping[str, str]) -> None:
        self._environ = environ
        self._started: list[int] = []

    def __enter__(self) -> Self:
        self._program = subprocess.Popen(
            [sys.executable, "-m", "budgetsite.testing.forge"],
            env={**self._environ},
            cwd=CHECKOUT,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        return self

    def __exit__(
        self, _kind: type[BaseException] | None, _error: BaseException | None, _trace: TracebackType | None
    ) -> None:
        for pid in self._started:
            self.kill(pid)
        self._program.communicate()

    def start(self, what: str, log: Path, **arguments: Any) -> int:
        """Call `module:function` in a process of its own and return its number."""
        assert self._program.stdin is not None
        assert self._program.stdout is not None
        order = {"what": what, "log": str(log), "arguments": arguments}
        self._program.stdin.write(json.dumps(order) + "\n")
        self._program.stdin.flush()
        answer = self._program.stdout.readline()
        assert answer, "The program that starts processes has ended."
        self._started.append(int(answer))
        return int(answer)

    def kill(self, pid: int) -> None:
        """Kill a process of ours and all that it has started, at once."""
        with suppress(ProcessLookupError):
            os.killpg(pid, signal.SIGKILL)


def celery(arguments: list[str]) -> None:
    """Be what `celery -A budgetsite …` is."""
    from budgetsite.celery import app

    app.start(argv=arguments)


def main() -> None:
    import django
    from django.utils.module_loading import import_string

    from budgetsite.celery import app

    django.setup()
    app.loader.import_default_modules()
    # Nobody waits for those that are killed.
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)
    for line in sys.stdin:
        order = json.loads(line)
        call = import_string(order["what"].replace(":", "."))
        pid = os.fork()
        if pid == 0:
            try:
                _become(order["log"])
                call(**order["arguments"])
            except Exception:
                traceback.print_exc()
                os._exit(1)
            os._exit(0)
        # The group is there before anybody is told of it.
        with suppress(PermissionError, ProcessLookupError):
            os.setpgid(pid, pid)
        print(pid, flush=True)


def _become(log: str) -> None:
    """Stand alone: a group, a log, and signals as a program finds them."""
    with suppress(PermissionError):
        os.setpgid(0, 0)
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    null = os.open(os.devnull, os.O_RDONLY)
    output = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
    for opened, standard in ((null, 0), (output, 1), (output, 2)):
        os.dup2(opened, standard)
    os.close(null)
    os.close(output)


if __name__ == "__main__":
    main()
