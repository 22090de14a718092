"""Reading one budget with twenty lines over the API."""

from budgetsite.testing.benchmarks.measure import repeating
from budgetsite.testing.benchmarks.report import (
    MOST_STATEMENTS,
    Limit,
    Row,
    compared_times,
    for_information,
    statements,
)
from budgetsite.testing.benchmarks.run import Run
from budgetsite.testing.benchmarks.scenery import add_budget, open_scene, refresh_statistics
from budgetsite.testing.benchmarks.statements import request_in_process, statements_of

LINES = 20


def measure(run: Run) -> list[Row]:
    run.say("reading a budget …")
    scene = open_scene("page")
    budget_id = add_budget(scene, lines=LINES).pk
    refresh_statistics()
    plain = run.plain_sql(scene)
    client = run.site().sign_in(scene)
    path = f"/api/v1/event-budgets/{budget_id}"
    ours, by_hand, nothing = run.measure(
        [
            repeating(lambda: client.get(path)),
            repeating(lambda: plain.read_budget(budget_id)),
            repeating(lambda: client.get("/healthz")),
        ]
    )
    count = len(statements_of(lambda: request_in_process("GET", path, token=client.token)))
    return [
        compared_times(f"read a budget of {LINES} lines (API)", ours, by_hand),
        for_information("  of which: an answer without contents (HTTP, /healthz)", nothing),
        statements(f"statements of reading {LINES} lines", count, Limit(at_most=MOST_STATEMENTS)),
    ]
