"""The outbox relayed by one and by two workers, against plain SQL that claims and marks the same rows."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from uuid import UUID

from django.db import connections

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
OF_PLAIN = Limit(at_least=0.3)
_FILL = """
    INSERT INTO outbox_outboxevent (id, tenant_id, kind, subject_type, subject_id, payload)
    SELECT gen_random_uuid(), %(tenant)s, 'budget.submitted', 'event_budget', subject.id,
        '{"version": 2, "revision": 1, "status": "review", "stage": 1, "awaiting_role": "manager"}'
    FROM generate_series(1, %(of_each)s), (
        SELECT gen_random_uuid() AS id FROM generate_series(1, %(subjects)s)
    ) subject
"""


def measure(run: Run) -> list[Row]:
    run.say("relaying the outbox …")
    return list(_measure(run))


def _measure(run: Run) -> Iterator[Row]:
    tenant_id = open_scene("outbox").tenant_id
    count = max(2, int(_BATCHES_A_SECOND * run.extent.seconds)) * BATCH

    def operations_of_worker(number: int) -> Operations:
        plain = PlainOutbox(tenant_id)
        return {"ours": lambda: relay_pending(seconds=60), "plain": lambda: plain.relay_all(BATCH)}

    with ExitStack() as stack:
        one, two = (stack.enter_context(Clients(workers, operations_of_worker)) for workers in (1, 2))
        sides = [_relaying(clients, name, tenant_id, count) for clients in (one, two) for name in ("ours", "plain")]
        ours, plain, ours_of_two, plain_of_two = interleaved(
            sides, rounds=run.extent.rounds, seconds=run.extent.seconds
        )
    yield compared_rates("events relayed by one worker", ours, plain, OF_PLAIN)
    yield compared_rates("events relayed by two workers", ours_of_two, plain_of_two)
    gain = share_of_rate(ours_of_two, ours)
    yield Row(
        what="two workers against one",
        ours=f"{typical_rate(ours_of_two):.0f} to {typical_rate(ours):.0f}/s",
        ratio=f"{gain.median:.2f} × its rate",
        spread=f"{gain.lower:.2f}–{gain.upper:.2f}",
        limit=str(TWO_WORKERS),
        kept=TWO_WORKERS.holds(gain.median),
    )
    left = backlog()
    yield proof("events left in the outbox", found=str(left), kept=left == 0)


def _relaying(clients: Clients, name: str, tenant_id: UUID, count: int) -> Side:
    """Return a side that relays `count` events, which are written before its turn begins."""
    relay: Callable[[float], Turn] = clients.side(name)

    def turn(seconds: float) -> Turn:
        with connections["service"].cursor() as cursor:
            subjects = count // EVENTS_OF_A_SUBJECT
            cursor.execute(_FILL, {"tenant": tenant_id, "subjects": subjects, "of_each": EVENTS_OF_A_SUBJECT})
        # Every worker goes on until nothing is left.
        return Turn(count, relay(0).seconds)

    return turn
