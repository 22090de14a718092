"""Starting and ending the processes that belong to this one."""

import ctypes
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psutil

PR_SET_PDEATHSIG = 1


@dataclass(frozen=True)
class ProcessIdentity:
    """A process id with its start: ids are used again, the pair is not."""

    pid: int
    started: float

    def process(self) -> psutil.Process | None:
        """Return the process while it lives; one that ended and awaits its parent does not count."""
        try:
            process = psutil.Process(self.pid)
            if abs(process.create_time() - self.started) < 1 and process.status() != psutil.STATUS_ZOMBIE:
                return process
        except psutil.NoSuchProcess:
            return None
        return None

    @property
    def alive(self) -> bool:
        return self.process() is not None


def identity_of(pid: int) -> ProcessIdentity:
    return ProcessIdentity(pid, psutil.Process(pid).create_time())


def _die_with_parent(parent: int, number: signal.Signals) -> Callable[[], None]:
    """Return what a child runs before its program: the kernel is to signal it when this process dies.

    The C library is loaded here, before the fork, because loading one between fork and exec may deadlock.
    """
    if not sys.platform.startswith("linux"):
        return lambda: None
    prctl = ctypes.CDLL(None, use_errno=True).prctl

    def in_child() -> None:
        prctl(PR_SET_PDEATHSIG, int(number), 0, 0, 0)
        if os.getppid() != parent:  # the parent died before the request took effect
            os._exit(1)

    return in_child


def spawn(
    arguments: Sequence[str | Path],
    *,
    environ: Mapping[str, str],
    log: Path | None = None,
    cwd: Path | None = None,
    stdin: int | None = subprocess.DEVNULL,
    own_session: bool = True,
    parent_death_signal: signal.Signals = signal.SIGTERM,
    user: int | None = None,
    group: int | None = None,
) -> subprocess.Popen[bytes]:
    """Start a child whose files are private; without `log` it writes where this process writes.

    With a session of its own a child does not get the terminal's Ctrl-C: this process stops it in the right
    order.
    """
    identity: dict[str, Any] = {} if user is None else {"user": user, "group": group, "extra_groups": ()}
    output = None if log is None else os.open(log, os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        return subprocess.Popen(  # noqa: S603 - the arguments are the package's own
            arguments,
            env=dict(environ),
            cwd=cwd,
            stdin=stdin,
            stdout=output,
            stderr=None if output is None else subprocess.STDOUT,
            start_new_session=own_session,
            umask=0o077 if own_session else -1,
            preexec_fn=_die_with_parent(os.getpid(), parent_death_signal),  # noqa: PLW1509 - there are no threads
            **identity,
        )
    finally:
        if output is not None:
            os.close(output)


def stop(
    process: subprocess.Popen[bytes],
    number: signal.Signals = signal.SIGTERM,
    *,
    seconds: float,
    whole_session: bool = True,
) -> None:
    """Ask a child to end, and kill it when it has not ended in time, with all that is left of its session."""
    if process.poll() is None:
        process.send_signal(number)
        try:
            process.wait(seconds)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
    if whole_session:
        try:
            os.killpg(process.pid, signal.SIGKILL)
        except (ProcessLookupError, PermissionError):
            # Nothing was left; macOS answers EPERM for a group of which only ended processes remain.
            return


def stop_stranger(identity: ProcessIdentity, number: signal.Signals, *, seconds: float) -> bool:
    """End a process left by an earlier run; return False when it still lives after `seconds`."""
    process = identity.process()
    if process is None:
        return True
    process.send_signal(number)
    until = time.monotonic() + seconds
    while identity.alive:
        if time.monotonic() > until:
            return False
        time.sleep(0.05)
    return True


def free_port() -> int:
    """Return a port of the loopback address that is free at this moment."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def port_is_free(port: int) -> bool:
    """Whether a server could listen there now; as for servers, past connections do not count."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
    return True


def last_lines(log: Path, count: int = 12) -> str:
    """Return the end of a log, indented, for a message about a program that failed."""
    with log.open("rb") as file:
        file.seek(max(0, log.stat().st_size - 20_000))
        lines = file.read().decode("utf-8", "replace").splitlines()
    return "\n".join(f"  {line}" for line in lines[-count:])
