"""From a change to the row of its alert: a posting that crosses a threshold and one that comes back, with their events.

"At once" is as many clients as the run has, who go round the budgets, each through those of its own. By hand it is the
same rows: line, totals, ledger entry, alert and event; without asking what the account's rule says.
"""

from collections.abc import Callable, Iterable
from itertools import cycle

from budgetsite.testing.benchmarks.clients import Clients, Operations
from budgetsite.testing.benchmarks.crossings import CENTS, Crossings
from budgetsite.testing.benchmarks.measure import repeating
from budgetsite.testing.benchmarks.plain_alerts import PlainAlerts
from budgetsite.testing.benchmarks.report import Limit, Row, compared_rates, compared_times, proof, statements
from budgetsite.testing.benchmarks.run import Run
from budgetsite.testing.benchmarks.scenery import open_scene, refresh_statistics
from budgetsite.testing.benchmarks.statements import statements_of

MOST_FOR_ALERTS = Limit(at_most=2)


def measure(run: Run) -> list[Row]:
    run.say("alerts that follow a posting …")
    count = run.extent.changing
    crossings = Crossings(open_scene("alerts"), count)
    refresh_statistics()
    plain = crossings.plain()
    run.at_the_end(plain.close)
    clients_at_once = min(run.extent.clients, count)
    with Clients(clients_at_once, _operations(crossings, clients_at_once)) as clients:
        many_ours, many_plain = run.measure([clients.side("ours"), clients.side("plain")], crowded=True)
        crossed = sum(clients.done.values())

    def counted(work: Callable[[], None]) -> Callable[[], None]:
        def operation() -> None:
            nonlocal crossed
            work()
            crossed += 1

        return operation

    one_ours, one_plain = run.measure(
        [repeating(counted(_ours(crossings, [0]))), repeating(counted(_by_hand(crossings, plain, [0])))]
    )
    quiet = _of_alerts(statements_of(lambda: crossings.post(0, CENTS)))
    crossing = _of_alerts(statements_of(counted(_ours(crossings, [0]))))
    problems = crossings.problems()
    opened, resolved = crossings.told("alert.opened"), crossings.told("alert.resolved")
    return [
        compared_times("alert opened and resolved, 1 budget, 1 client", one_ours, one_plain),
        compared_rates(
            f"alerts opened and resolved, {count} budgets, {clients_at_once} clients at once", many_ours, many_plain
        ),
        statements("statements for alerts, posting that crosses nothing", quiet, MOST_FOR_ALERTS),
        statements("statements for alerts, posting that crosses and one back", crossing, Limit(at_most=4)),
        proof(
            f"alerts told of {crossed} crossings",
            found=f"{opened} opened, {resolved} resolved",
            kept=opened == resolved == crossed,
        ),
        proof("ledger verified", found=problems[0] if problems else "all right", kept=not problems),
    ]


def _operations(crossings: Crossings, clients: int) -> Callable[[int], Operations]:
    def operations_of_client(number: int) -> Operations:
        mine = range(number, len(crossings.pairs), clients)
        return {"ours": _ours(crossings, mine), "plain": _by_hand(crossings, crossings.plain(), mine)}

    return operations_of_client


def _ours(crossings: Crossings, numbers: Iterable[int]) -> Callable[[], None]:
    """Let the next of these budgets cross its threshold and come back."""
    turns = cycle(numbers)

    def cross() -> None:
        number = next(turns)
        crossings.cross(number)
        crossings.come_back(number)

    return cross


def _by_hand(crossings: Crossings, plain: PlainAlerts, numbers: Iterable[int]) -> Callable[[], None]:
    turns = cycle(numbers)

    def cross() -> None:
        number = next(turns)
        crossings.cross_by_hand(plain, number)
        crossings.come_back_by_hand(plain, number)

    return cross


def _of_alerts(found: list[str]) -> int:
    """Return how many of these statements are about alerts, rules and what is told of them."""
    return sum("alerts_" in statement for statement in found)
