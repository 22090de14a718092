"""Changing what is planned on one of twenty lines over the API, with history, totals and alerts."""

from collections.abc import Callable
from decimal import Decimal
from itertools import cycle
from typing import Any
from uuid import UUID

from budgetsite.testing.benchmarks.measure import repeating
from budgetsite.testing.benchmarks.plain_sql import PlainSql
from budgetsite.testing.benchmarks.report import Row, compared_times, statements
from budgetsite.testing.benchmarks.run import Run
from budgetsite.testing.benchmarks.scenery import add_budget, line_ids, open_scene, refresh_statistics
from budgetsite.testing.benchmarks.site import Client
from budgetsite.testing.benchmarks.statements import request_in_process, statements_of

LINES = 20
# Each one differs from the one before: an edit that changes nothing would be answered without writing.
AMOUNTS = (Decimal("110.00"), Decimal("120.00"))


def measure(run: Run) -> list[Row]:
    run.say("editing a line …")
    scene = open_scene("edit")
    budget_id = add_budget(scene, lines=LINES).pk
    refresh_statistics()
    # A line each, of one budget: neither side's version goes stale by the other's edit.
    our_line, plain_line, counted_line = line_ids(scene, budget_id)[:3]
    client = run.site().sign_in(scene)
    ours, by_hand = run.measure(
        [
            repeating(_editing(client, budget_id, our_line)),
            repeating(_editing_by_hand(run.plain_sql(scene), budget_id, plain_line)),
        ]
    )
    path = _path(budget_id, counted_line)
    bodies = _bodies(client, path)
    count = len(statements_of(lambda: request_in_process("PATCH", path, token=client.token, body=bodies)))
    return [
        compared_times(f"edit one of {LINES} lines (API)", ours, by_hand),
        statements("statements of an edit", count),
    ]


def _editing(client: Client, budget_id: UUID, line_id: UUID) -> Callable[[], None]:
    path = _path(budget_id, line_id)
    version = client.call("GET", path)["version"]
    amounts = cycle(AMOUNTS)

    def edit() -> None:
        nonlocal version
        version = client.call("PATCH", path, {"version": version, "budgeted_amount": str(next(amounts))})["version"]

    return edit


def _editing_by_hand(plain: PlainSql, budget_id: UUID, line_id: UUID) -> Callable[[], None]:
    version = 1
    amounts = cycle(AMOUNTS)

    def edit() -> None:
        nonlocal version
        version = plain.edit_line(budget_id, line_id, next(amounts), version)

    return edit


def _bodies(client: Client, path: str) -> Callable[[], dict[str, Any]]:
    amounts = cycle(AMOUNTS)

    def body() -> dict[str, Any]:
        return {"version": client.call("GET", path)["version"], "budgeted_amount": str(next(amounts))}

    return body


def _path(budget_id: UUID, line_id: UUID) -> str:
    return f"/api/v1/event-budgets/{budget_id}/line-items/{line_id}"
