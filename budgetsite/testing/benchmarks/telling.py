"""From a change to the webhook that tells of it, through the site's real workers to a real receiver.

A budget crosses a threshold by the site's own posting; its alert's event is relayed, people are told in their inbox, a
delivery is written down, signed and posted over HTTP. What is measured ends when the receiver has read it all. Plain
SQL has no such thing: by hand the same rows are written (line, totals, ledger entry, alert, event) and read back over
another connection, with nothing between and nobody told. The ratio says what all that stands between costs.

One budget: one change after the other, each when all is quiet again. At once: every client works through budgets of its
own without a pause, all of them together, and every budget crosses once.
"""

import math
import time
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, closing
from ctypes import c_double
from dataclasses import dataclass
from multiprocessing import get_context
from statistics import median
from typing import Any

from django.test.utils import override_settings

from budgetsite.outbox.relay import BATCH
from budgetsite.outbox.selectors import backlog
from budgetsite.tenancy.scope import tenant_scope
from budgetsite.testing.benchmarks.clients import Clients, Operations
from budgetsite.testing.benchmarks.crossings import Crossings
from budgetsite.testing.benchmarks.listener import Listener
from budgetsite.testing.benchmarks.measure import Spread, Turn
from budgetsite.testing.benchmarks.plain_outbox import PlainOutbox
from budgetsite.testing.benchmarks.report import Row, compared_rates, proof
from budgetsite.testing.benchmarks.run import Run
from budgetsite.testing.benchmarks.scenery import open_scene, refresh_statistics
from budgetsite.testing.benchmarks.workers import LOOPBACK, Workers
from budgetsite.webhooks.services.endpoint import create_endpoint

# The one that relays and the one that sends webhooks. Commits start all that is measured; the scheduler's own jobs
# would fall into some turns and not into others.
PROGRAMS = ("worker", "webhooks")
# The workers take some seconds to start.
_PATIENCE_SECONDS = 60
_LOOK_SECONDS = 0.001
_QUIET_LOOK_SECONDS = 0.02
# Each has three connections, and PostgreSQL a hundred for everybody.
MOST_CLIENTS = 16
# Crossings of one budget in a turn, one after the other, for each second that turns last.
_ALONE_IN_A_SECOND = 30


class NothingArrives(RuntimeError):
    """What was told does not reach the receiver, or the workers are never done."""


@dataclass(frozen=True, slots=True)
class Waits:
    """How long each of a turn's changes was under way, and all of them together, in seconds."""

    each: Sequence[float]
    whole: float

    @property
    def turn(self) -> Turn:
        return Turn(len(self.each), self.whole)


def measure(run: Run) -> list[Row]:
    run.say("webhooks that tell of a change …")
    return list(_measure(run))


def _measure(run: Run) -> Iterator[Row]:
    count = run.extent.changing
    clients = min(run.extent.clients, MOST_CLIENTS, count)
    ours = Crossings(open_scene("webhooks"), count)
    # In an account of its own, whose events the workers never find waiting.
    by_hand = Crossings(open_scene("readback"), count)
    refresh_statistics()
    with ExitStack() as stack:
        listener = stack.enter_context(Listener({budget_id: n for n, (budget_id, _) in enumerate(ours.pairs)}))
        _add_webhook(ours, listener.url)
        marks = _Marks(count)
        one, many = (
            stack.enter_context(Clients(number, _operations(ours, by_hand, marks, range(budgets), number)))
            for number, budgets in ((1, 1), (clients, count))
        )
        workers = stack.enter_context(Workers(*PROGRAMS))
        told = _Told(listener, workers, marks)
        read = _ReadBack(by_hand, marks)
        # Whatever is done for the first time, and the start of the workers.
        told.alone(one, times=1)
        read.alone(one, times=1)
        times = max(1, int(_ALONE_IN_A_SECOND * run.extent.seconds))
        alone = [(told.alone(one, times), read.alone(one, times)) for _ in range(run.extent.rounds)]
        # These are long enough to be told from noise.
        few = range(max(2, run.extent.rounds // 3))
        at_once = [(told.turn(many, range(count)), read.turn(many, range(count))) for _ in few]
        problems = [*ours.problems(), *by_hand.problems()]
    yield from _latencies("change → webhook received, 1 budget", alone)
    yield from _latencies(f"change → webhook received, {count} budgets at once", at_once)
    yield compared_rates(
        f"changes told by webhook, {count} budgets at once",
        [waits.turn for waits, _ in at_once],
        [waits.turn for _, waits in at_once],
    )
    crossed = ours.told("alert.opened")
    yield proof(f"webhooks received of {crossed} alerts", found=str(listener.count), kept=listener.count == crossed)
    yield proof("ledger verified", found=problems[0] if problems else "all right", kept=not problems)


class _Marks:
    """When each budget's change began and when it was read back, on the clock that all processes share."""

    def __init__(self, count: int) -> None:
        forking = get_context("fork")
        self.began: Any = forking.Array(c_double, count, lock=False)
        self.ended: Any = forking.Array(c_double, count, lock=False)

    def waits(self, numbers: range, ended: Sequence[float]) -> Waits:
        each = [ended[number] - self.began[number] for number in numbers]
        return Waits(each, max(ended[number] for number in numbers) - min(self.began[number] for number in numbers))


class _Turns(ABC):
    """Turns in which clients change budgets, and their way back, which is not measured."""

    @abstractmethod
    def turn(self, clients: Clients, numbers: range) -> Waits:
        """Let each of these budgets cross once."""

    def alone(self, client: Clients, times: int) -> Waits:
        """Let one budget cross several times, one after the other."""
        each = [wait for _ in range(times) for wait in self.turn(client, range(1)).each]
        return Waits(each, sum(each))


class _Told(_Turns):
    """What ends at the receiver of webhooks."""

    def __init__(self, listener: Listener, workers: Workers, marks: _Marks) -> None:
        self._listener = listener
        self._workers = workers
        self._marks = marks

    def turn(self, clients: Clients, numbers: range) -> Waits:
        expected = [times + (number in numbers) for number, times in enumerate(self._listener.times)]
        clients.side("ours")(0)
        self._wait(lambda: list(self._listener.times) == expected, "webhooks", _LOOK_SECONDS)
        waits = self._marks.waits(numbers, self._listener.arrived)
        clients.side("ours, back")(0)
        self._wait(lambda: backlog() == 0, "an empty outbox", _QUIET_LOOK_SECONDS)
        return waits

    def _wait(self, is_so: Callable[[], bool], what: str, look_seconds: float) -> None:
        until = time.monotonic() + _PATIENCE_SECONDS
        while not is_so():
            if time.monotonic() > until:
                raise NothingArrives(f"Waited in vain for {what}. {self._workers.last_lines()}")
            self._workers.check()
            time.sleep(look_seconds)


class _ReadBack(_Turns):
    """What ends with the rows read over another connection."""

    def __init__(self, crossings: Crossings, marks: _Marks) -> None:
        self._tenant_id = crossings.scene.tenant_id
        self._marks = marks

    def turn(self, clients: Clients, numbers: range) -> Waits:
        clients.side("plain")(0)
        waits = self._marks.waits(numbers, self._marks.ended)
        clients.side("plain, back")(0)
        with closing(PlainOutbox(self._tenant_id)) as outbox:
            outbox.relay_all(BATCH)
        return waits


def _operations(
    ours: Crossings, by_hand: Crossings, marks: _Marks, numbers: range, clients: int
) -> Callable[[int], Operations]:
    """Let the clients share these budgets; each takes its own forth, or back, once in a turn."""

    def operations_of_client(client: int) -> Operations:
        mine = numbers[client::clients]
        writer, reader = by_hand.plain(), by_hand.plain()

        def tell() -> None:
            for number in mine:
                marks.began[number] = time.monotonic()
                ours.cross(number)

        def read_back() -> None:
            for number in mine:
                marks.began[number] = time.monotonic()
                by_hand.cross_by_hand(writer, number)
                reader.read_back(by_hand.pairs[number][0])
                marks.ended[number] = time.monotonic()

        def come_back() -> None:
            for number in mine:
                ours.come_back(number)

        def come_back_by_hand() -> None:
            for number in mine:
                by_hand.come_back_by_hand(writer, number)

        return {"ours": tell, "ours, back": come_back, "plain": read_back, "plain, back": come_back_by_hand}

    return operations_of_client


def _latencies(what: str, rounds: Sequence[tuple[Waits, Waits]]) -> Iterator[Row]:
    for name, figure in (("median", median), ("95 %", _percentile_95)):
        ratio = Spread.of([figure(ours.each) / figure(plain.each) for ours, plain in rounds])
        yield Row(
            what=f"{what}, {name}",
            ours=_ms(figure([wait for ours, _ in rounds for wait in ours.each])),
            plain_sql=_ms(figure([wait for _, plain in rounds for wait in plain.each])),
            ratio=f"{ratio.median:.1f} × the time",
            spread=f"{ratio.lower:.1f}–{ratio.upper:.1f}",
        )


def _percentile_95(values: Sequence[float]) -> float:
    return sorted(values)[math.ceil(len(values) * 0.95) - 1]


def _ms(seconds: float) -> str:
    return f"{seconds * 1000:.1f} ms"


def _add_webhook(crossings: Crossings, url: str) -> None:
    scene = crossings.scene
    with override_settings(WEBHOOK_ALLOWED_NETWORKS=[LOOPBACK]), tenant_scope(scene.tenant_id, user_id=scene.user.pk):
        create_endpoint(acting_user=scene.user, url=url, kinds=["alert.opened"])
