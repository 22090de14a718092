"""How a command beside `make run` finds the servers that `make run` started.

The running servers describe themselves in `servers.json` in the data folder: the environment to use, the
address of the site and the processes. `settings.local` reads it when DATABASE_URL is unset.
"""

import json
import os
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from .folder import DataFolder, Secrets, data_folder_path, write_private
from .problems import LocalServersNotRunning
from .processes import ProcessIdentity

# Port 1 is the multiplexer of 1988: nothing listens there, so that a connection is refused at once.
PLACEHOLDERS = {
    "DATABASE_URL": "postgres://not_running@127.0.0.1:1/budgetsite",
    "DATABASE_APP_URL": "postgres://not_running@127.0.0.1:1/budgetsite",
    "DATABASE_SERVICE_URL": "postgres://not_running@127.0.0.1:1/budgetsite",
    "REDIS_URL": "redis://127.0.0.1:1/0",
}


@dataclass(frozen=True)
class RunningServers:
    """What `servers.json` says. `processes` are the supervisor's, by name; `supervisor` is its own."""

    supervisor: ProcessIdentity
    environment: dict[str, str]
    site: str = ""
    processes: dict[str, ProcessIdentity] = field(default_factory=dict)

    @property
    def alive(self) -> bool:
        return self.supervisor.alive


def describe(folder: DataFolder, servers: RunningServers) -> None:
    write_private(folder.servers_file, json.dumps(asdict(servers), indent=2))


def forget(folder: DataFolder) -> None:
    folder.servers_file.unlink(missing_ok=True)


def described(folder: DataFolder) -> RunningServers | None:
    """Return what the last servers wrote, alive or not; None without a readable description."""
    try:
        stored: dict[str, Any] = json.loads(folder.servers_file.read_text(encoding="utf-8"))
        return RunningServers(
            supervisor=ProcessIdentity(**stored["supervisor"]),
            environment=stored["environment"],
            site=stored["site"],
            processes={name: ProcessIdentity(**each) for name, each in stored["processes"].items()},
        )
    except (FileNotFoundError, NotADirectoryError):
        return None
    except (ValueError, KeyError, TypeError):
        # It is derived data and written whole: somebody edited it, and the next start mends it.
        return None


def running_servers(data_dir: Path) -> RunningServers:
    """Return the servers of the data folder; raises `LocalServersNotRunning`."""
    servers = described(DataFolder(data_dir))
    if servers is None or not servers.alive:
        raise LocalServersNotRunning(data_dir)
    return servers


def local_environment(data_dir: Path | None = None, given: Mapping[str, str] = os.environ) -> dict[str, str]:
    """Return what `given` lacks of the three database logins, REDIS_URL, SECRET_KEY and FIELD_ENCRYPTION_KEYS.

    A DATABASE_URL that is given stands for all three logins, since they belong to one database. While no
    servers run the addresses lead nowhere, so that commands that need no database work all the same;
    `explain_unreachable_database` turns the refusal that the others meet into what to do about it. Keys are made up
    then; but those for a database that is given are kept in the folder, since what they encrypt stays.
    """
    folder = DataFolder(data_folder_path(given) if data_dir is None else data_dir)
    try:
        running: Mapping[str, str] = running_servers(folder.path).environment
    except LocalServersNotRunning:
        running = {}
    found = {**_keys(folder, kept=bool(running or given.get("DATABASE_URL"))), **(running or PLACEHOLDERS)}
    if given.get("DATABASE_URL"):
        found = {name: value for name, value in found.items() if not name.startswith("DATABASE_")}
    return {name: value for name, value in found.items() if not given.get(name)}


def _keys(folder: DataFolder, *, kept: bool) -> dict[str, str]:
    if kept:
        folder.create()
        known = folder.secrets()
    else:
        known = folder.known_secrets() or Secrets()
    return {"SECRET_KEY": known.secret_key, "FIELD_ENCRYPTION_KEYS": known.field_encryption_keys}


def explain_unreachable_database(given: Mapping[str, str], data_dir: Path) -> LocalServersNotRunning | None:
    """Return the problem behind a refused connection, or None when it lies elsewhere.

    It lies elsewhere when DATABASE_URL names a server or when the local servers run.
    """
    if given.get("DATABASE_URL"):
        return None
    try:
        running_servers(data_dir)
    except LocalServersNotRunning as problem:
        return problem
    return None
