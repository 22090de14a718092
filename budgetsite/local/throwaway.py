"""Servers for one run of the tests or the benchmarks, in a folder that goes away with it.

They take free ports and a folder of their own, so that tests run beside `make run` and beside other tests. Where the
machine keeps files in memory, and has enough of it, that folder lies there: tests empty a hundred tables many times.
"""

import os
import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

import psutil

from .folder import CHECKOUT, DataFolder, FolderInUse, data_folder_path
from .privileges import run_as
from .problems import LocalProblem, StopRequested
from .processes import spawn, stop
from .servers import LocalServers
from .signals import StopSignals

PREFIX = "throwaway-"
INTERRUPT_SECONDS = 20
MEMORY = Path("/dev/shm")  # noqa: S108 - a folder of its own is made in it, for its owner alone
LEAST_FREE_BYTES = 3 * 1024**3
Command = Sequence[str | Path]


def run_tests(arguments: Sequence[str], environ: Mapping[str, str], signals: StopSignals) -> int:
    """Run pytest with the arguments and return its exit code."""
    environ = {**environ, "DJANGO_SETTINGS_MODULE": "budgetsite.settings.test"}
    return with_servers([[sys.executable, "-m", "pytest", *arguments]], environ, signals, durable=False)


def run_benchmarks(arguments: Sequence[str], environ: Mapping[str, str], signals: StopSignals) -> int:
    """Run `manage.py bench` on servers as safe as those of `make run`: writing to disk counts."""
    manage: Command = [sys.executable, CHECKOUT / "manage.py"]
    commands: list[Command] = [
        [*manage, "prepare_database"],
        [*manage, "migrate", "--no-input", "--verbosity", "0"],
        [*manage, "bench", *arguments],
    ]
    return with_servers(commands, environ, signals, durable=True)


def take_picture(path: Path, environ: Mapping[str, str], signals: StopSignals) -> int:
    """Take the picture of the README from the demo, as `make run` serves it, and store it at `path`."""
    manage: list[str | Path] = [sys.executable, CHECKOUT / "manage.py"]
    environ = {**environ, "DJANGO_SETTINGS_MODULE": "budgetsite.settings.local"}
    commands: list[Command] = [
        [*manage, "migrate", "--no-input", "--verbosity", "0"],
        [*manage, "load_demo"],
        [sys.executable, "-m", "budgetsite.testing.picture", path],
    ]
    return with_servers(commands, environ, signals, durable=False)


def with_servers(
    commands: Sequence[Command], environ: Mapping[str, str], signals: StopSignals, *, durable: bool
) -> int:
    """Run the commands until one fails and return the last exit code; servers and folder are gone then."""
    in_memory = None if durable else folder_in_memory(environ)
    parent = data_folder_path(environ) if in_memory is None else in_memory
    with (
        throwaway_folder(parent) as folder,
        LocalServers(folder, signals, environ, durable=durable) as servers,
    ):
        command_environ = {**environ, **servers.environment()}
        if in_memory is not None:
            command_environ["TMPDIR"] = str(_temporary_folder(folder))
        exit_code = 0
        for command in commands:
            exit_code = run_in_foreground(command, command_environ, signals)
            if exit_code != 0:
                break
        return exit_code


def folder_in_memory(environ: Mapping[str, str], memory: Path = MEMORY) -> Path | None:
    """Return the user's folder there, unless DATA_DIR names another place or there is too little memory."""
    if environ.get("DATA_DIR") or not memory.is_dir():
        return None
    if min(shutil.disk_usage(memory).free, psutil.virtual_memory().available) < LEAST_FREE_BYTES:
        return None
    folder = memory / f"budgetsite-{os.geteuid()}"
    try:
        folder.mkdir(exist_ok=True)
        # Everybody may write in the folder above: what lies there under this name may be somebody else's.
        if folder.is_symlink() or folder.stat().st_uid != os.geteuid():
            return None
        folder.chmod(0o711)
    except OSError:
        return None
    return folder


def _temporary_folder(folder: DataFolder) -> Path:
    """Make the folder of the commands' own temporary files, which goes away with the servers; all may pass through."""
    path = folder.path / "tmp"
    folder.path.chmod(0o711)
    path.mkdir(mode=0o711)
    return path


@contextmanager
def throwaway_folder(parent: Path) -> Iterator[DataFolder]:
    """Make a folder in the data folder, after removing what killed runs left there."""
    DataFolder(parent).create(traversable=run_as().user is not None)
    for left in parent.glob(f"{PREFIX}*"):
        _remove_unless_held(DataFolder(left))
    folder = DataFolder(Path(tempfile.mkdtemp(prefix=PREFIX, dir=parent)))
    try:
        with folder.held(f"process {os.getpid()}"):
            yield folder
    finally:
        shutil.rmtree(folder.path)


def _remove_unless_held(folder: DataFolder) -> None:
    try:
        with folder.held("being removed"):
            shutil.rmtree(folder.path)
    except (FolderInUse, FileNotFoundError):
        # In use, or another run has just removed it.
        return


def run_in_foreground(command: Command, environ: Mapping[str, str], signals: StopSignals) -> int:
    """Run a command on the terminal and return its exit code, as a shell writes one.

    Ctrl-C reaches the command by itself, since it shares the terminal; it gets time to end in its own way,
    which pytest needs to close browsers and threads. Other signals are passed on as an interrupt.
    """
    try:
        process = spawn(command, environ=environ, cwd=CHECKOUT, own_session=False, stdin=None)
    except OSError as error:
        raise LocalProblem(f"{command[0]} cannot be started: {error.strerror}.") from error
    try:
        while process.poll() is None:
            signals.pause()
    except StopRequested as stopping:
        if stopping.signal_number != signal.SIGINT:
            process.send_signal(signal.SIGINT)
        try:
            process.wait(INTERRUPT_SECONDS)
        except subprocess.TimeoutExpired:
            stop(process, seconds=5, whole_session=False)
        raise
    return process.returncode if process.returncode >= 0 else 128 - process.returncode
