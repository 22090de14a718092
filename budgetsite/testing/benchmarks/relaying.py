"""The outbox relayed by one and by two workers, against plain SQL that claims and marks the same rows.

Two workers can't gain more than the machine has left: on two processors, which PostgreSQL shares, that is what plain
SQL itself gains by a second client, and how busy the processors are meanwhile. Both stand beside the demand.
"""

from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass, field
from statistics import median
from unittest.mock import patch
from uuid import UUID

import psutil
from django.db import connections

from budgetsite.outbox import relay
from budgetsite.outbox.relay import BATCH, relay_pending
from budgetsite.outbox.selectors import backlog
from budgetsite.testing.benchmarks.clients import Clients, Operations
from budgetsite.testing.benchmarks.measure import Side, Turn, interleaved, share_of_rate, typical_rate
from budgetsite.testing.benchmarks.plain_outbox import PlainOutbox
from budgetsite.testing.benchmarks.report import Limit, Row, compared_rates, proof
from budgetsite.testing.benchmarks.run import Run
from budgetsite.testing.benchmarks.scenery import open_scene

# Long enough to tell a ratio from noise: so many batches in a turn, for each second that turns last.
_BATCHES_A_SECOND = 150
EVENTS_OF_A_SUBJECT = 4
TWO_WORKERS = Limit(at_least=1.6)
# Of what plain SQL does too. What consumers store for an event is beyond that, and beside it in the report.
OF_PLAIN = Limit(at_least=0.4)
_FILL = """
    INSERT INTO outbox_outboxevent (id, tenant_id, kind, subject_type, subject_id, payload)
    SELECT gen_random_uuid(), %(tenant)s, 'budget.submitted', 'event_budget', subject.id,
        '{"version": 2, "revision": 1, "status": "review", "stage": 1, "awaiting_role": "manager"}'
    FROM generate_series(1, %(of_each)s), (
        SELECT gen_random_uuid() AS id FROM generate_series(1, %(subjects)s)
    ) subject
"""
# What takes the events: all consumers that the site has; nobody; and by hand, nobody either.
_WAYS = ("ours", "to nobody", "plain")


def measure(run: Run) -> list[Row]:
    run.say("relaying the outbox …")
    return list(_measure(run))


def _measure(run: Run) -> Iterator[Row]:
    tenant_id = open_scene("outbox").tenant_id
    count = max(2, int(_BATCHES_A_SECOND * run.extent.seconds)) * BATCH
    busy = _Busy()

    def operations_of_worker(number: int) -> Operations:
        plain = PlainOutbox(tenant_id)
        return {
            "ours": lambda: relay_pending(seconds=60),
            "to nobody": _relay_to_nobody,
            "plain": lambda: plain.relay_all(BATCH),
        }

    with ExitStack() as stack:
        crews = {workers: stack.enter_context(Clients(workers, operations_of_worker)) for workers in (1, 2)}
        sides = {
            (workers, way): _relaying(busy.beside((workers, way), clients.side(way)), tenant_id, count)
            for workers, clients in crews.items()
            for way in _WAYS
        }
        measured = interleaved(list(sides.values()), rounds=run.extent.rounds, seconds=run.extent.seconds)
    turns = dict(zip(sides, measured, strict=True))
    for workers, named in ((1, "one worker"), (2, "two workers")):
        plain = turns[workers, "plain"]
        floor = OF_PLAIN if workers == 1 else None
        yield compared_rates(f"events relayed by {named}", turns[workers, "ours"], plain)
        yield compared_rates(f"events relayed by {named}, to nobody", turns[workers, "to nobody"], plain, floor)
    yield _gain("two workers against one", turns[1, "ours"], turns[2, "ours"], TWO_WORKERS)
    yield _gain("two workers against one, to nobody", turns[1, "to nobody"], turns[2, "to nobody"])
    yield _gain("two clients against one, plain SQL", turns[1, "plain"], turns[2, "plain"])
    for way, named in (("ours", "workers"), ("plain", "clients, plain SQL")):
        yield Row(
            what=f"processors busy of {psutil.cpu_count()}, one and two {named}",
            ours=f"{busy.typical(1, way):.1f} and {busy.typical(2, way):.1f}",
        )
        cpu = [
            clients.cpu_seconds[way] / (count * len(busy.seen[workers, way])) * 1_000_000
            for workers, clients in crews.items()
        ]
        yield Row(what=f"Python's part of an event, one and two {named}", ours=f"{cpu[0]:.0f} and {cpu[1]:.0f} µs")
    left = backlog()
    yield proof("events left in the outbox", found=str(left), kept=left == 0)


@dataclass(slots=True)
class _Busy:
    """How many processors were busy in the turns of each side, with whatever else the machine was doing."""

    seen: dict[tuple[int, str], list[float]] = field(default_factory=dict)

    def beside(self, name: tuple[int, str], side: Side) -> Side:
        seen = self.seen.setdefault(name, [])

        def turn(seconds: float) -> Turn:
            psutil.cpu_percent()
            done = side(seconds)
            seen.append(psutil.cpu_percent() / 100 * (psutil.cpu_count() or 1))
            return done

        return turn

    def typical(self, workers: int, way: str) -> float:
        return median(self.seen[workers, way])


def _relay_to_nobody() -> None:
    with patch.object(relay, "consumers", list):
        relay_pending(seconds=60)


def _relaying(side: Side, tenant_id: UUID, count: int) -> Side:
    """Return a side that relays `count` events, which are written before its turn begins."""

    def turn(seconds: float) -> Turn:
        with connections["service"].cursor() as cursor:
            subjects = count // EVENTS_OF_A_SUBJECT
            cursor.execute(_FILL, {"tenant": tenant_id, "subjects": subjects, "of_each": EVENTS_OF_A_SUBJECT})
        # Every worker goes on until nothing is left.
        return Turn(count, side(0).seconds)

    return turn


def _gain(what: str, one: list[Turn], two: list[Turn], limit: Limit | None = None) -> Row:
    gain = share_of_rate(two, one)
    return Row(
        what=what,
        ours=f"{typical_rate(two):.0f} to {typical_rate(one):.0f}/s",
        ratio=f"{gain.median:.2f} × its rate",
        spread=f"{gain.lower:.2f}–{gain.upper:.2f}",
        limit=str(limit or ""),
        kept=None if limit is None else limit.holds(gain.median),
    )
