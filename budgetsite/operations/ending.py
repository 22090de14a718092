"""What has to be let go of as soon as a web process is told to end, because it would keep the process waiting."""

from collections.abc import Callable

_endings: list[Callable[[], None]] = []


def register_ending(end: Callable[[], None]) -> None:
    """Call `end` in the web process's event loop when it begins to end."""
    _endings.append(end)


def begin_to_end() -> None:
    for end in _endings:
        end()
