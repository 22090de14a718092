"""`python -m budgetsite.local run|servers|test|bench|picture`."""

import argparse
import os
import sys
from collections.abc import Callable, Sequence

from .folder import CHECKOUT, DataFolder, data_folder_path
from .problems import LocalProblem, StopRequested
from .signals import StopSignals
from .site import run_servers, run_site
from .throwaway import run_benchmarks, run_tests, take_picture

PICTURE = CHECKOUT / ".readme" / "budget.png"


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m budgetsite.local", description="The site on one machine.")
    parser.add_argument("command", choices=["run", "servers", "test", "bench", "picture"])
    parser.add_argument("arguments", nargs="*", help="passed on to pytest or to `manage.py bench`, after --")
    options = parser.parse_args(arguments)
    signals = StopSignals()
    signals.install()
    commands: dict[str, Callable[[], int]] = {
        "run": lambda: run_site(DataFolder(data_folder_path(os.environ)), os.environ, signals),
        "servers": lambda: run_servers(DataFolder(data_folder_path(os.environ)), os.environ, signals),
        "test": lambda: run_tests(options.arguments, os.environ, signals),
        "picture": lambda: take_picture(PICTURE, os.environ, signals),
        "bench": lambda: run_benchmarks(options.arguments, os.environ, signals),
    }
    return reporting(commands[options.command])


def reporting(command: Callable[[], int]) -> int:
    """Run a command and return its exit code; a problem is told without a stack trace and is 1."""
    try:
        return command()
    except LocalProblem as problem:
        print(problem, file=sys.stderr)
        return 1
    except StopRequested as stopping:
        return 128 + stopping.signal_number


if __name__ == "__main__":
    sys.exit(main())
