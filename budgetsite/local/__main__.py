"""`python -m budgetsite.local run|servers|test|bench`."""

import argparse
import os
import sys
from collections.abc import Sequence

from .folder import DataFolder, data_folder_path
from .problems import LocalProblem, StopRequested
from .signals import StopSignals
from .site import run_servers, run_site
from .throwaway import run_benchmarks, run_tests


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(
        prog="python -m budgetsite.local", description="The site on one machine."
    )
    parser.add_argument("command", choices=["run", "servers", "test", "bench"])
    parser.add_argument("arguments", nargs="*", help="passed on to pytest or to `manage.py bench`, after --")
    options = parser.parse_args(arguments)
    signals = StopSignals()
    signals.install()
    try:
        match options.command:
            case "test":
                return run_tests(options.arguments, os.environ, signals)
            case "bench":
                return run_benchmarks(options.arguments, os.environ, signals)
            case "servers":
                return run_servers(DataFolder(data_folder_path(os.environ)), os.environ, signals)
            case _:
                return run_site(DataFolder(data_folder_path(os.environ)), os.environ, signals)
    except LocalProblem as problem:
        print(problem, file=sys.stderr)
        return 1
    except StopRequested as stopping:
        return 128 + stopping.signal_number


if __name__ == "__main__":
    sys.exit(main())
