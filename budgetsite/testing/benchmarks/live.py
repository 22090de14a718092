"""From a change to the page that follows it, and what it costs that a thousand pages are open.

A budget's figures change by the site's own posting; the event is relayed by a real worker, written into the account's
journal, and told by a real web process on a stream of server-sent events; what is measured ends when the listener has
read it. By hand the same posting tells its budget's id by NOTIFY, to a client that holds a connection for LISTEN: it
sees no accounts, nothing is kept for who is away, and each listener is a process of PostgreSQL's.
"""

import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from ctypes import c_double
from multiprocessing import get_context
from pathlib import Path
from statistics import median
from typing import Any

import psutil
from django.conf import settings
from django.db import connections, transaction

from budgetsite.accounts.roles import Role
from budgetsite.accounts.services import add_member
from budgetsite.accounts.sign_in import Standing
from budgetsite.accounts.tokens import issue_access_token
from budgetsite.live.api import MOST_STREAMS
from budgetsite.live.streaming import HEARTBEAT_SECONDS
from budgetsite.local.health import is_healthy
from budgetsite.local.processes import free_port, last_lines, spawn, stop
from budgetsite.tenancy.scope import tenant_scope
from budgetsite.testing.benchmarks.clients import Clients, Operations
from budgetsite.testing.benchmarks.crossings import CENTS, Crossings
from budgetsite.testing.benchmarks.measure import Spread
from budgetsite.testing.benchmarks.report import Row, proof
from budgetsite.testing.benchmarks.run import Run
from budgetsite.testing.benchmarks.scenery import CURRENCY, Scene, open_scene, refresh_statistics
from budgetsite.testing.benchmarks.site import SiteFailed, environment
from budgetsite.testing.benchmarks.stream_reader import CHANNEL, Arrivals, Notified, Streams
from budgetsite.testing.benchmarks.workers import Workers

# As `make run` has them, less those that PostgreSQL has no connections for.
MOST_CLIENTS = 16
_FEW = 64
_START_SECONDS = 60
_PATIENCE_SECONDS = 60
_LOOK_SECONDS = 0.001
_ALONE_IN_A_SECOND = 30


def measure(run: Run) -> list[Row]:
    run.say("pages that follow a change …")
    return list(_measure(run))


def _measure(run: Run) -> Iterator[Row]:
    count = run.extent.changing
    clients = min(run.extent.clients, MOST_CLIENTS, count)
    crossings = Crossings(open_scene("live"), count)
    refresh_statistics()
    numbers = {budget_id: number for number, (budget_id, _) in enumerate(crossings.pairs)}
    began: Any = get_context("fork").Array(c_double, count, lock=False)
    with ExitStack() as stack:
        one, many = (
            stack.enter_context(Clients(number, _operations(crossings, began, range(budgets), number)))
            for number, budgets in ((1, 1), (clients, count))
        )
        port, web = stack.enter_context(_web_process())
        tokens = _tokens(crossings.scene, count)
        few = min(_FEW, count // 2)
        with Streams(port, tokens[:few], numbers):
            # What the first streams need, each thread's connection to the database too, and all after them have.
            before = web.memory_info().rss, _connections()
        with Streams(port, tokens, numbers):
            seconds = min(HEARTBEAT_SECONDS, max(1.0, run.extent.seconds * 70))
            memory, busy = web.memory_info().rss - before[0], _processor_share(web, seconds)
            held = _connections() - before[1]
        yield Row(f"memory of one idle listener of {count}", ours=f"{memory / (count - few) / 1024:.1f} KB")
        yield Row(f"processor while {count} listen and nothing happens", ours=f"{busy * 100:.1f} %")
        yield proof(f"database connections held by {count} listeners", found=str(held), kept=held <= 0)

        workers = stack.enter_context(Workers("worker"))
        streams = stack.enter_context(Streams(port, tokens[:1], numbers))
        plain = crossings.plain()
        stack.callback(plain.close)
        notified = stack.enter_context(Notified(plain, numbers))
        sides = (("ours", streams), ("plain", notified))

        def waits(changing: Clients, budgets: range) -> list[list[float]]:
            return [_waits(changing, name, budgets, began, arrivals, workers) for name, arrivals in sides]

        waits(one, range(1))
        times = max(1, int(_ALONE_IN_A_SECOND * run.extent.seconds))
        alone = [_joined([waits(one, range(1)) for _ in range(times)]) for _ in range(run.extent.rounds)]
        at_once = [waits(many, range(count)) for _ in range(max(2, run.extent.rounds // 3))]
        received = sum(streams.times)
    yield from _latencies("change → page told, 1 budget", alone)
    yield from _latencies(f"change → page told, {count} budgets at once", at_once)
    changed = crossings.told("budget.changed")
    yield proof(f"changes told of {changed}", found=str(received), kept=received == changed)
    problems = crossings.problems()
    yield proof("ledger verified", found=problems[0] if problems else "all right", kept=not problems)


@contextmanager
def _web_process() -> Iterator[tuple[int, psutil.Process]]:
    """Start gunicorn with one worker as the README has it; give its port and the worker's process."""
    with tempfile.TemporaryDirectory(prefix="bench-") as folder:
        port, log = free_port(), Path(folder) / "gunicorn.log"
        process = spawn(
            [
                sys.executable, "-m", "gunicorn", "budgetsite.asgi:application", "--config",
                "python:budgetsite.operations.web_server", "--bind", f"127.0.0.1:{port}", "--workers", "1",
                "--log-level", "warning", "--no-control-socket",
            ],
            environ=environment(),
            log=log,
            cwd=settings.BASE_DIR,
        )  # fmt: skip
        try:
            until = time.monotonic() + _START_SECONDS
            while not is_healthy(port):
                if process.poll() is not None or time.monotonic() > until:
                    raise SiteFailed(f"The site did not start. Its log ends with:\n{last_lines(log, 30)}")
                time.sleep(0.05)
            (worker,) = psutil.Process(process.pid).children()
            yield port, worker
        finally:
            stop(process, seconds=15)


def _tokens(scene: Scene, count: int) -> list[str]:
    """Return a token for each of `count` streams: of the scene's manager, and of as many others as they need."""
    tokens = [issue_access_token(Standing(scene.user, scene.account, Role.MANAGER))]
    number = 0
    while len(tokens) < count:
        number += 1
        with tenant_scope(scene.tenant_id), transaction.atomic():
            email = f"{scene.account.slug}-{number}@example.org"
            member = add_member(account=scene.account, email=email, role=Role.STAFF)
        tokens += [issue_access_token(Standing(member.user, scene.account, Role.STAFF))] * MOST_STREAMS
    return tokens[:count]


def _operations(crossings: Crossings, began: Any, numbers: range, clients: int) -> Callable[[int], Operations]:
    """Let the clients share these budgets; each changes its own once in a turn."""

    def operations_of_client(client: int) -> Operations:
        mine, plain = numbers[client::clients], crossings.plain()

        def change() -> None:
            for number in mine:
                began[number] = time.monotonic()
                crossings.post(number, CENTS)

        def change_by_hand() -> None:
            for number in mine:
                began[number] = time.monotonic()
                budget_id, line_id = crossings.pairs[number]
                with plain.connection.transaction():
                    plain.post(budget_id, line_id, CENTS, CURRENCY)
                    plain.connection.execute("SELECT pg_notify(%s, %s)", [CHANNEL, str(budget_id)])

        return {"ours": change, "plain": change_by_hand}

    return operations_of_client


def _waits(
    clients: Clients, side: str, numbers: range, began: Any, arrivals: Arrivals, workers: Workers
) -> list[float]:
    """Let these budgets change, and return how long each change was under way, in seconds."""
    expected = [times + (number in numbers) for number, times in enumerate(arrivals.times)]
    clients.side(side)(0)
    until = time.monotonic() + _PATIENCE_SECONDS
    while list(arrivals.times) != expected:
        if time.monotonic() > until:
            raise SiteFailed(f"Some changes reach no listener. {workers.last_lines()}")
        workers.check()
        time.sleep(_LOOK_SECONDS)
    return [arrivals.arrived[number] - began[number] for number in numbers]


def _processor_share(process: psutil.Process, seconds: float) -> float:
    process.cpu_percent()
    time.sleep(seconds)
    return float(process.cpu_percent()) / 100


def _connections() -> int:
    """Return how many connections requests have just now, whoever's they are."""
    with connections["owner"].cursor() as cursor:
        cursor.execute(
            "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND usename = %s",
            [connections["default"].settings_dict["USER"]],
        )
        row: tuple[int] = cursor.fetchone()
        return row[0]


def _latencies(what: str, rounds: Sequence[Sequence[list[float]]]) -> Iterator[Row]:
    for name, figure in (("median", median), ("95 %", _percentile_95)):
        ratio = Spread.of([figure(ours) / figure(plain) for ours, plain in rounds])
        ours_all, plain_all = _joined(rounds)
        yield Row(
            what=f"{what}, {name}",
            ours=f"{figure(ours_all) * 1000:.1f} ms",
            plain_sql=f"{figure(plain_all) * 1000:.1f} ms",
            ratio=f"{ratio.median:.1f} × the time",
            spread=f"{ratio.lower:.1f}–{ratio.upper:.1f}",
        )


def _joined(turns: Sequence[Sequence[list[float]]]) -> list[list[float]]:
    """Return what each side had in all turns."""
    return [[wait for waits in side for wait in waits] for side in zip(*turns, strict=True)]


def _percentile_95(values: Sequence[float]) -> float:
    return sorted(values)[int(len(values) * 0.95)]
