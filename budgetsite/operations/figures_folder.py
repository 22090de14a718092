"""Where the processes of one machine keep their counters: each writes files of its own, and any can add them all up.

The folder is `PROMETHEUS_MULTIPROC_DIR`, which the library reads when it is first imported. Without it each process
counts for itself.
"""

import fcntl
import os
from collections import defaultdict
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

# Part of a typed library that has no types itself, hence the marks below.
from prometheus_client.mmap_dict import MmapedDict

VARIABLE = "PROMETHEUS_MULTIPROC_DIR"
# Counters and parts of histograms can be added up; what a process has open just now ends with it.
_KINDS = ("counter", "histogram")
_OPEN = "gauge_livesum"
# No process has this number: its files hold what those counted that have ended.
_ENDED = 0


def figures_folder() -> Path | None:
    path = os.environ.get(VARIABLE)
    return Path(path) if path else None


def open_folder() -> None:
    """Make the folder ready where a web server or worker starts: on a machine where none runs, counting starts at 0."""
    folder = figures_folder()
    if folder is None:
        return
    folder.mkdir(parents=True, exist_ok=True)
    with _locked(folder, fcntl.LOCK_EX):
        files = _files_by_process(folder)
        if any(_is_alive(process) for process in files):
            _add_up_ended(folder, files)
        else:
            for path in (path for paths in files.values() for path in paths):
                path.unlink()


def add_up_ended() -> None:
    """Bring what ended processes have counted into one file of each kind: sums never fall, and files stay few."""
    folder = figures_folder()
    if folder is not None and folder.is_dir():
        with _locked(folder, fcntl.LOCK_EX):
            _add_up_ended(folder, _files_by_process(folder))


@contextmanager
def folder_to_read() -> Iterator[str | None]:
    """Keep the files as they are within; without a folder, None."""
    folder = figures_folder()
    if folder is None:
        yield None
        return
    folder.mkdir(parents=True, exist_ok=True)
    with _locked(folder, fcntl.LOCK_SH):
        yield str(folder)


@contextmanager
def _locked(folder: Path, how: int) -> Iterator[None]:
    with (folder / "lock").open("a") as lock:
        # Closing the file lets go of it.
        fcntl.flock(lock, how)
        yield


def _files_by_process(folder: Path) -> dict[int, list[Path]]:
    found = defaultdict(list)
    for path in folder.glob("*.db"):
        kind, _, process = path.stem.rpartition("_")
        if kind in (*_KINDS, _OPEN) and process.isdigit():
            found[int(process)].append(path)
    return found


def _is_alive(process: int) -> bool:
    if process == _ENDED:
        return False
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True


def _add_up_ended(folder: Path, files: dict[int, list[Path]]) -> None:
    ended = [path for process, paths in files.items() if process != _ENDED and not _is_alive(process) for path in paths]
    for path in ended:
        if path.name.startswith(f"{_OPEN}_"):
            path.unlink()
    for kind in _KINDS:
        paths = [path for path in ended if path.name.startswith(f"{kind}_")]
        if paths:
            _add_up(folder / f"{kind}_{_ENDED}.db", paths)


def _add_up(kept: Path, ended: list[Path]) -> None:
    sums: defaultdict[str, float] = defaultdict(float)
    for path in [kept, *ended] if kept.exists() else ended:
        for key, value, _time, _position in MmapedDict.read_all_values_from_file(str(path)):  # type: ignore[no-untyped-call]
            sums[key] += value
    new = kept.with_suffix(".new")
    new.unlink(missing_ok=True)
    file = MmapedDict(str(new))  # type: ignore[no-untyped-call]
    try:
        for key, value in sums.items():
            file.write_value(key, value, 0.0)  # type: ignore[no-untyped-call]
    finally:
        file.close()  # type: ignore[no-untyped-call]
    new.replace(kept)
    for path in ended:
        path.unlink()
