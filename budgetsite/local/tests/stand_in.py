"""A site of small stand-in programs on the real local servers, started by `running.py`.

Modes: `site` serves; `fragile` has a worker that ends at once; `unprepared` a preparation that fails;
`throwaway CODE` runs a command that ends with CODE on throw-away servers; `waiting` one that does not end.
"""

import os
import sys
from collections.abc import Mapping

from budgetsite.local.__main__ import reporting
from budgetsite.local.folder import DataFolder, data_folder_path
from budgetsite.local.signals import StopSignals
from budgetsite.local.site import Preparation, Site, run_site
from budgetsite.local.tests import stand_in_program
from budgetsite.local.throwaway import with_servers


def program(*arguments: str) -> list[str]:
    return [sys.executable, "-S", stand_in_program.__file__, *arguments]


def site_of(mode: str, environ: Mapping[str, str]) -> Site:
    prepare = program("prepare", "1" if mode == "unprepared" else "0")
    fragile = {"web": program("work"), "worker": program("end")}
    return Site(
        preparations=[Preparation("loading the stand-in", prepare, shown=True)],
        programs=fragile
        if mode == "fragile"
        else {"web": program("web", environ.get("PORT", "")), "worker": program("work")},
    )


def main(mode: str, *arguments: str) -> int:
    signals = StopSignals()
    signals.install()
    if mode in {"throwaway", "waiting"}:
        command = program("prepare", *arguments) if mode == "throwaway" else program("work")
        return reporting(lambda: with_servers([command], os.environ, signals, durable=False))
    folder = DataFolder(data_folder_path(os.environ))
    return reporting(lambda: run_site(folder, os.environ, signals, site_of(mode, os.environ)))


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
