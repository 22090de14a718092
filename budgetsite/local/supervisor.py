"""Watching processes: one that dies is started again; when that does not help, everything stops."""

import subprocess
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Protocol

from .folder import DataFolder
from .problems import LocalProblem
from .processes import last_lines, spawn, stop
from .signals import StopSignals

RESTARTS = 3
FIRST_DELAY_SECONDS = 1.0
STEADY_SECONDS = 60.0
LONGEST_ECHO_BYTES = 64_000


class Supervised(Protocol):
    """What the supervisor watches: a server of `postgres.py` or `valkey.py`, or a `Program`."""

    name: str
    process: subprocess.Popen[bytes] | None

    def start(self) -> None: ...

    def stop(self) -> None: ...


class Program:
    """A process of the site, writing to a log of its own."""

    def __init__(
        self,
        name: str,
        arguments: Sequence[str | Path],
        *,
        folder: DataFolder,
        environ: Mapping[str, str],
        cwd: Path,
        stop_seconds: float = 15,
    ):
        self.name = name
        self.arguments = arguments
        self.environ = environ
        self.cwd = cwd
        self.stop_seconds = stop_seconds
        self.log = folder.log(name)
        self.process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        self.process = spawn(self.arguments, environ=self.environ, log=self.log, cwd=self.cwd)

    def stop(self) -> None:
        if self.process is not None:
            stop(self.process, seconds=self.stop_seconds)


class LogEcho:
    """Shows what a program has written since the last look: errors are seen where the site was started."""

    def __init__(self, program: Program, say: Callable[[str], None]):
        self.program = program
        self.say = say
        self.position = program.log.stat().st_size

    def show_new(self) -> None:
        size = self.program.log.stat().st_size
        if size <= self.position:
            self.position = size
            return
        with self.program.log.open("rb") as file:
            file.seek(self.position)
            text = file.read(LONGEST_ECHO_BYTES)
        whole = text.rfind(b"\n") + 1 or (len(text) if len(text) == LONGEST_ECHO_BYTES else 0)
        self.position += whole
        for line in text[:whole].decode("utf-8", "replace").splitlines():
            self.say(f"{self.program.name:6} | {line}")


class Supervisor:
    """Watches what was started; `changed` is called after every restart, with new process ids."""

    def __init__(
        self,
        watched: Sequence[Supervised],
        signals: StopSignals,
        *,
        say: Callable[[str], None],
        changed: Callable[[], None],
        first_delay_seconds: float = FIRST_DELAY_SECONDS,
    ):
        self.watched = watched
        self.signals = signals
        self.say = say
        self.changed = changed
        self.first_delay_seconds = first_delay_seconds
        self.echoes = [LogEcho(each, say) for each in watched if isinstance(each, Program)]
        self.restarts: dict[str, int] = {}
        self.started_at = {each.name: time.monotonic() for each in watched}

    def watch(self) -> None:
        """Watch until `StopRequested`, or until a program stays down, which raises `LocalProblem`."""
        while True:
            self.signals.pause(0.2)
            for echo in self.echoes:
                echo.show_new()
            for each in self.watched:
                if each.process is not None and each.process.poll() is not None:
                    self._revive(each, _how_it_ended(each.process.returncode))

    def _revive(self, each: Supervised, ended: str) -> None:
        """Start it again after a delay that doubles; a minute of steady running forgives earlier failures."""
        each.stop()
        if time.monotonic() - self.started_at[each.name] > STEADY_SECONDS:
            self.restarts[each.name] = 0
        count = self.restarts.get(each.name, 0) + 1
        if count > RESTARTS:
            raise LocalProblem(f"{each.name} {ended} and does not stay up; everything stops.{_log_of(each)}")
        self.restarts[each.name] = count
        delay = self.first_delay_seconds * 2 ** (count - 1)
        self.say(f"{each.name} {ended}; starting it again in {delay:g} s ({count} of {RESTARTS}).")
        self.signals.pause(delay)
        try:
            each.start()
        except LocalProblem as problem:
            # The next round sees a process that is not running and counts the failure.
            self.say(str(problem))
        self.started_at[each.name] = time.monotonic()
        self.changed()


def _how_it_ended(return_code: int) -> str:
    return f"was killed by signal {-return_code}" if return_code < 0 else f"ended with code {return_code}"


def _log_of(each: Supervised) -> str:
    return f" {each.log} ends with:\n{last_lines(each.log)}" if isinstance(each, Program) else ""
