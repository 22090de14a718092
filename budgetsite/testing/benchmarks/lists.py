"""The list of fifty budgets over the API."""

from budgetsite.testing.benchmarks.measure import repeating
from budgetsite.testing.benchmarks.report import MOST_STATEMENTS, Limit, Row, compared_times, statements
from budgetsite.testing.benchmarks.run import Run
from budgetsite.testing.benchmarks.scenery import add_many_budgets, open_scene, refresh_statistics
from budgetsite.testing.benchmarks.statements import request_in_process, statements_of

LENGTH = 50


def measure(run: Run) -> list[Row]:
    run.say("listing budgets …")
    scene = open_scene("list")
    add_many_budgets(scene, LENGTH)
    refresh_statistics()
    plain = run.plain_sql(scene)
    client = run.site().sign_in(scene)
    path = f"/api/v1/event-budgets?limit={LENGTH}"
    ours, by_hand = run.measure([repeating(lambda: client.get(path)), repeating(lambda: plain.list_budgets(LENGTH))])
    count = len(statements_of(lambda: request_in_process("GET", path, token=client.token)))
    return [
        compared_times(f"list {LENGTH} budgets (API)", ours, by_hand),
        statements(f"statements of a list of {LENGTH}", count, Limit(at_most=MOST_STATEMENTS)),
    ]
