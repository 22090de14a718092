"""`make run`: servers, database, web, worker and schedule, in one foreground process."""

import os
import re
import signal
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path

from .discovery import RunningServers, describe, described, forget
from .folder import CHECKOUT, DataFolder, FolderInUse
from .health import is_healthy
from .problems import LocalProblem, StopRequested
from .processes import identity_of, last_lines, port_is_free, spawn, stop, stop_stranger
from .servers import LocalServers
from .signals import StopSignals
from .supervisor import Program, Supervised, Supervisor

HEALTH_SECONDS = 60
LEFTOVER_SECONDS = 30
DEFAULT_PORT = 8000


@dataclass(frozen=True)
class Preparation:
    """A command that must succeed before the site is served; if `shown`, what it prints is shown."""

    doing: str
    arguments: Sequence[str | Path]
    shown: bool = False


@dataclass(frozen=True)
class Site:
    """The commands that make the site out of the servers."""

    preparations: Sequence[Preparation] = ()
    programs: Mapping[str, Sequence[str | Path]] = field(default_factory=dict)
    cwd: Path = CHECKOUT


def budgetsite(port: int, folder: DataFolder, *, demo: bool) -> Site:
    manage = (sys.executable, CHECKOUT / "manage.py")
    preparations = [
        Preparation("preparing the database roles", (*manage, "prepare_database")),
        Preparation("bringing the tables up to date", (*manage, "migrate", "--no-input", "--verbosity", "1")),
    ]
    if demo:
        preparations.append(Preparation("loading the demo", (*manage, "load_demo"), shown=True))
    # The advice against a superuser is for servers; in a container on one's own machine it is noise.
    warnings = ("-W", "ignore:You're running the worker with superuser privileges")
    celery = (sys.executable, *warnings, "-m", "celery", "--quiet", "--app", "budgetsite")

    def worker(name: str, queues: str, *pool: str) -> tuple[str | Path, ...]:
        return (
            *celery, "worker", "--hostname", f"{name}@%h", "--queues", queues, "--concurrency", "2", *pool,
            "--loglevel", "WARNING",
        )  # fmt: skip

    web = (
        sys.executable, "-m", "gunicorn", "budgetsite.asgi:application",
        "--config", "python:budgetsite.operations.web_server", "--bind", f"127.0.0.1:{port}",
        "--access-logfile", folder.log("access"), "--log-level", "warning", "--no-control-socket",
    )  # fmt: skip
    return Site(
        preparations=preparations,
        programs={
            "web": web,
            "worker": worker("worker", "celery,outbox,nightly"),
            # They mostly wait for others: for that one process each is enough, and neither waits for the other.
            "webhooks": worker("webhooks", "webhooks", "--pool", "threads"),
            "mail": worker("mail", "mail", "--pool", "threads"),
            "beat": (
                *celery, "beat", "--loglevel", "WARNING",
                "--schedule", folder.path / "celerybeat-schedule", "--pidfile=",
            ),
        },
    )  # fmt: skip


def say(line: str) -> None:
    print(line, flush=True)


def run_site(folder: DataFolder, environ: Mapping[str, str], signals: StopSignals, site: Site | None = None) -> int:
    """Serve until a signal asks to stop: that is success, 0. What stays down raises `LocalProblem`."""
    port = _port(environ)
    address = f"http://127.0.0.1:{port}/"
    with _holding(folder, address):
        _stop_leftovers(folder)
        if not port_is_free(port):
            raise LocalProblem(f"Port {port} is taken by another program. Choose another: make run PORT={port + 1}")
        try:
            with _servers(folder, environ, signals, address) as (servers, running):
                _serve(
                    folder,
                    environ,
                    signals,
                    site or budgetsite(port, folder, demo=with_demo(environ)),
                    servers,
                    running,
                )
        except StopRequested:
            say("Stopped.")
    return 0


def run_servers(folder: DataFolder, environ: Mapping[str, str], signals: StopSignals) -> int:
    """Run PostgreSQL and Valkey alone, for work on the site with `manage.py runserver`."""
    with _holding(folder, "without the site"):
        _stop_leftovers(folder)
        try:
            with _servers(folder, environ, signals, "") as (servers, running):
                say(f"Running; `manage.py` finds them by itself (data folder {folder.path}). Ctrl-C stops them.")
                _watch(folder, signals, servers.started_here, running)
        except StopRequested:
            say("Stopped.")
    return 0


def _port(environ: Mapping[str, str]) -> int:
    text = environ.get("PORT") or str(DEFAULT_PORT)
    if not re.fullmatch(r"[0-9]{1,5}", text) or not 1 <= int(text) <= 65535:
        raise LocalProblem(f"PORT is {text!r}, but a port is a number from 1 to 65535: make run PORT={DEFAULT_PORT}")
    return int(text)


def with_demo(environ: Mapping[str, str]) -> bool:
    """Whether DEMO asks for the demo. An empty one is what make hands on when nobody has said anything."""
    return (environ.get("DEMO", "").strip() or "1").lower() not in {"0", "no", "false", "off"}


@contextmanager
def _holding(folder: DataFolder, address: str) -> Iterator[None]:
    folder.create()
    try:
        with folder.held(address):
            yield
    except FolderInUse as in_use:
        where = f"at {in_use.holder}" if in_use.holder.startswith("http") else in_use.holder
        raise LocalProblem(
            f"Already running {where} (data folder {folder.path}). Stop that one with Ctrl-C first, or run a "
            "second one beside it: make run PORT=8001 DATA_DIR=/another/folder"
        ) from in_use


def _stop_leftovers(folder: DataFolder) -> None:
    """Stop the processes of an earlier run that was killed; the lock says that nobody else looks after them.

    PostgreSQL stops its own leftover when it starts, by the process id in its data folder.
    """
    earlier = described(folder)
    if earlier is None:
        return
    for name, identity in earlier.processes.items():
        number = signal.SIGINT if name == "PostgreSQL" else signal.SIGTERM
        if not stop_stranger(identity, number, seconds=LEFTOVER_SECONDS):
            raise LocalProblem(
                f"{name} of an earlier run (process {identity.pid}) does not stop. End it with `kill -KILL "
                f"{identity.pid}` and try again."
            )
    forget(folder)


@contextmanager
def _servers(
    folder: DataFolder, environ: Mapping[str, str], signals: StopSignals, address: str
) -> Iterator[tuple[LocalServers, RunningServers]]:
    """Run the servers and keep their description in the data folder as long as they run."""
    servers = LocalServers(folder, signals, environ)
    for server in servers.started_here:
        say(f"Starting {server.name} …")
    with servers, ExitStack() as stack:
        running = RunningServers(supervisor=identity_of(os.getpid()), environment=servers.environment(), site=address)
        stack.callback(forget, folder)
        _describe(folder, running, servers.started_here)
        yield servers, running


def _describe(folder: DataFolder, running: RunningServers, watched: Sequence[Supervised]) -> None:
    processes = {
        each.name: identity_of(each.process.pid)
        for each in watched
        if each.process is not None and each.process.poll() is None
    }
    describe(folder, replace(running, processes=processes))


def _serve(
    folder: DataFolder,
    environ: Mapping[str, str],
    signals: StopSignals,
    site: Site,
    servers: LocalServers,
    running: RunningServers,
) -> None:
    environ = {**environ, **running.environment, "DATA_DIR": str(folder.path), "PYTHONUNBUFFERED": "1"}
    environ.setdefault("DJANGO_SETTINGS_MODULE", "budgetsite.settings.local")
    environ.setdefault("PROMETHEUS_MULTIPROC_DIR", str(folder.path / "figures"))
    environ.setdefault("SITE_ADDRESS", running.site)
    to_show = [_prepare(each, folder, environ, signals, site.cwd) for each in site.preparations]
    with ExitStack() as stack:
        programs = [
            Program(name, arguments, folder=folder, environ=environ, cwd=site.cwd)
            for name, arguments in site.programs.items()
        ]
        watched: list[Supervised] = [*servers.started_here, *programs]
        supervisor = Supervisor(watched, signals, say=say, changed=lambda: _describe(folder, running, watched))
        say(f"Starting {', '.join(site.programs)} …")
        # Started in this order and stopped in this one as well: nobody asks while nobody answers.
        for program in reversed(programs):
            stack.callback(program.stop)
        for program in programs:
            program.start()
        _describe(folder, running, watched)
        _await_health(programs, running.site, signals)
        for text in to_show:
            if text:
                say(text)
        say(f"\nBudgetsite is ready at {running.site} (logs in {folder.logs}). Ctrl-C stops it.")
        supervisor.watch()


def _watch(folder: DataFolder, signals: StopSignals, watched: Sequence[Supervised], running: RunningServers) -> None:
    Supervisor(watched, signals, say=say, changed=lambda: _describe(folder, running, watched)).watch()


def _prepare(step: Preparation, folder: DataFolder, environ: Mapping[str, str], signals: StopSignals, cwd: Path) -> str:
    """Run one preparation and return what it printed, if that is to be shown."""
    say(f"{step.doing.capitalize()} …")
    log = folder.log("prepare")
    start = log.stat().st_size
    process = spawn(step.arguments, environ=environ, log=log, cwd=cwd)
    try:
        while process.poll() is None:
            signals.pause()
    finally:
        stop(process, seconds=10)
    if process.returncode != 0:
        raise LocalProblem(f"Stopped while {step.doing}. {log} ends with:\n{last_lines(log, 40)}")
    if not step.shown:
        return ""
    with log.open("rb") as file:
        file.seek(start)
        return file.read().decode("utf-8", "replace").rstrip()


def _await_health(programs: Sequence[Program], address: str, signals: StopSignals) -> None:
    """Wait until the site answers; raises `LocalProblem` with the end of the log of what ended instead."""
    port = int(address.rstrip("/").rpartition(":")[2])

    def answered_or_ended() -> bool:
        return any(_ended(each) for each in programs) or is_healthy(port)

    logs = ", ".join(str(each.log) for each in programs)
    signals.wait_until(
        answered_or_ended,
        seconds=HEALTH_SECONDS,
        otherwise=f"{address}healthz did not answer 200 within {HEALTH_SECONDS} seconds. See {logs}.",
    )
    for each in programs:
        if _ended(each):
            raise LocalProblem(f"{each.name} ended while starting. {each.log} ends with:\n{last_lines(each.log, 30)}")


def _ended(program: Program) -> bool:
    return program.process is None or program.process.poll() is not None
