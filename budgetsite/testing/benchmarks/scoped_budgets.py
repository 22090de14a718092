"""Budgets above events: recording usage, asking before spending, the status; alone, at once, and with many rows."""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, date, datetime
from decimal import Decimal
from uuid import UUID

from django.db import connection, connections, transaction

from budgets.models import ScopedBudget
from budgets.selectors.constraint_check import check_constraints
from budgets.selectors.scoped_status import standing_of
from budgets.services.ledger_proof import rebuild_totals, verify_ledger
from budgets.services.scoped_budget import create_scoped_budget
from budgets.services.usage import record_usage
from budgetsite.tenancy.scope import tenant_scope
from budgetsite.testing.benchmarks.clients import Clients, Operations
from budgetsite.testing.benchmarks.measure import repeating
from budgetsite.testing.benchmarks.plain_scoped import PlainScoped
from budgetsite.testing.benchmarks.report import (
    Limit,
    Row,
    compared_rates,
    compared_times,
    growth,
    proof,
    statements,
)
from budgetsite.testing.benchmarks.run import Run
from budgetsite.testing.benchmarks.scenery import CURRENCY, TOTAL, Scene, open_scene
from budgetsite.testing.benchmarks.statements import statements_of

AMOUNT = Decimal("0.000125")
LEVELS = ("organization", "team", "user", "project")
FLAT = Limit(at_most=1.3)
MOST_STATEMENTS = Limit(at_most=4)
FEW_CLIENTS = 8
LINGERING = 0.01
_FILL_AT_ONCE = 500

_FILL = """
    INSERT INTO budgets_ledgerentry (id, tenant_id, scoped_budget_id, kind, committed_delta, actual_delta, currency,
        occurred_at, source, source_id, actor_id, description)
    SELECT gen_random_uuid(), %(tenant)s, %(budget)s, 'actual', 0, %(amount)s, %(currency)s,
        now() - (n %% 300) * interval '1 day', 'api', '', %(user)s, ''
    FROM generate_series(1, %(count)s) n
"""


class _Tree:
    """An account with a chain of four budgets by the year; `rows` usages are spread over its leaves."""

    def __init__(self, run: Run, *, rows: int = 0) -> None:
        self.scene: Scene = open_scene("scoped")
        self.chain: list[ScopedBudget] = []
        for level in LEVELS:
            self.chain.append(self.add(level, parent=self.chain[-1] if self.chain else None))
        self.top, self.leaf = self.chain[0].pk, self.chain[-1].pk
        self.alone = self.add("organization").pk
        if rows:
            self._fill(rows)
        self.plain = PlainScoped(self.scene.tenant_id, self.scene.user.pk)
        run.at_the_end(self.plain.close)

    def add(self, level: str, *, parent: ScopedBudget | None = None, enforcement: str = "stop") -> ScopedBudget:
        with self._transaction():
            return create_scoped_budget(
                account=self.scene.account,
                acting_user=self.scene.user,
                name=f"The {level}",
                scope_type=level,
                scope_id=level,
                amount=TOTAL,
                currency=CURRENCY,
                period="annual",
                start_date=date(datetime.now(UTC).year, 1, 1),
                timezone="UTC",
                parent_id=None if parent is None else parent.pk,
                enforcement=enforcement,
            ).budget

    def under_one_top(self, count: int, *, enforcement: str) -> list[UUID]:
        """Return so many leaves, each a stranger to the others, under one budget that stops, or does not."""
        top = self.add("organization", enforcement=enforcement)
        return [self.add("team", parent=top).pk for _ in range(count)]

    def recording(self, budget_id: UUID, *, lingering: float = 0) -> Callable[[], None]:
        """Record usage in a transaction that goes on for so many seconds afterwards."""

        def record() -> None:
            with self._transaction():
                record_usage(
                    budget_id=budget_id,
                    amount=AMOUNT,
                    currency=CURRENCY,
                    source="api",
                    acting_user=self.scene.user,
                    now=datetime.now(UTC),
                )
                if lingering:
                    time.sleep(lingering)

        return record

    def checking(self) -> Callable[[], None]:
        def check() -> None:
            with self._transaction():
                check_constraints(budget_id=self.leaf, estimated_cost=AMOUNT, now=datetime.now(UTC))

        return check

    def reading(self) -> Callable[[], None]:
        def read() -> None:
            with self._transaction():
                standing_of(self.top, now=datetime.now(UTC))

        return read

    def problems(self) -> list[str]:
        with self._transaction():
            return [str(problem) for problem in verify_ledger()]

    def _fill(self, rows: int) -> None:
        leaves = [self.leaf, *(self.add("project", parent=self.chain[-2]).pk for _ in range(9))]
        for number in range(0, rows, _FILL_AT_ONCE):
            # A transaction for each: the budget's row is written with every entry, and its old versions pile up.
            with self._transaction(), connection.cursor() as cursor:
                cursor.execute(
                    _FILL,
                    {
                        "tenant": self.scene.tenant_id,
                        "budget": leaves[number // _FILL_AT_ONCE % len(leaves)],
                        "amount": AMOUNT,
                        "currency": CURRENCY,
                        "user": self.scene.user.pk,
                        "count": min(_FILL_AT_ONCE, rows - number),
                    },
                )
        with self._transaction():
            rebuild_totals()

    @contextmanager
    def _transaction(self) -> Iterator[None]:
        with tenant_scope(self.scene.tenant_id, user_id=self.scene.user.pk), transaction.atomic():
            yield


def measure(run: Run) -> list[Row]:
    run.say("budgets above events …")
    tree = _Tree(run)
    return [*_alone(run, tree), *_at_once(run, tree), *_under_one_top(run), *_with_many_rows(run)]


def _alone(run: Run, tree: _Tree) -> list[Row]:
    plain = tree.plain
    pairs = {
        "record usage at depth 1": (tree.recording(tree.alone), lambda: plain.record(tree.alone, AMOUNT, CURRENCY)),
        "record usage at depth 4": (tree.recording(tree.leaf), lambda: plain.record(tree.leaf, AMOUNT, CURRENCY)),
        "check at depth 4": (tree.checking(), lambda: plain.check(tree.leaf, AMOUNT)),
        "status": (tree.reading(), lambda: plain.status(tree.top)),
    }
    rows = []
    for what, (ours, by_hand) in pairs.items():
        one_ours, one_plain = run.measure([repeating(ours), repeating(by_hand)])
        rows.append(compared_times(f"{what}, 1 client", one_ours, one_plain))
    return [
        *rows,
        statements("statements of recording usage at depth 4", len(statements_of(tree.recording(tree.leaf)))),
        statements("statements of a check at depth 4", len(statements_of(tree.checking())), MOST_STATEMENTS),
        statements("statements of a status", len(statements_of(tree.reading())), MOST_STATEMENTS),
    ]


def _at_once(run: Run, tree: _Tree) -> list[Row]:
    """Everybody at the same chain."""

    def operations_of_client(_number: int) -> Operations:
        plain = PlainScoped(tree.scene.tenant_id, tree.scene.user.pk)
        return {
            "record": tree.recording(tree.leaf),
            "record by hand": lambda: plain.record(tree.leaf, AMOUNT, CURRENCY),
            "check": tree.checking(),
            "check by hand": lambda: plain.check(tree.leaf, AMOUNT),
            "read": tree.reading(),
            "read by hand": lambda: plain.status(tree.top),
        }

    rows = []
    for count in (FEW_CLIENTS, run.extent.clients):
        with Clients(count, operations_of_client) as clients:
            for name, what in (
                ("record", "record usage at depth 4"),
                ("check", "check at depth 4"),
                ("read", "status"),
            ):
                ours, plain = run.measure([clients.side(name), clients.side(f"{name} by hand")], crowded=True)
                rows.append(compared_rates(f"{what}, {count} clients at once", ours, plain))
    problems = tree.problems()
    return [*rows, proof("ledger verified", found=problems[0] if problems else "all right", kept=not problems)]


def _under_one_top(run: Run) -> list[Row]:
    """Strangers, each with a budget of their own, all under one: it stops what does not fit, or it does not.

    On two processors the arithmetic alone keeps everybody busy, whoever waits for whom. What a row held by one does to
    the others shows in transactions that go on after counting, as those of a request do: over a network, with a
    decision's history, an answer to make.
    """
    tree = _Tree(run)
    count = run.extent.clients
    leaves = {name: tree.under_one_top(count, enforcement=name) for name in ("warn", "stop")}

    def operations_of_client(number: int) -> Operations:
        return {
            f"{name} {lingering}": tree.recording(leaves[name][number], lingering=lingering)
            for name in leaves
            for lingering in (0, LINGERING)
        }

    rows = []
    with Clients(count, operations_of_client) as clients:
        for lingering, what, limit in (
            (0, "", None),
            (LINGERING, f", each for {LINGERING * 1000:.0f} ms more", Limit(at_least=3)),
        ):
            soft, hard = run.measure(
                [clients.side(f"warn {lingering}"), clients.side(f"stop {lingering}")], crowded=True
            )
            rows.append(compared_rates(f"{count} clients under a soft budget, of a hard one{what}", soft, hard, limit))
    problems = tree.problems()
    return [*rows, proof("ledger verified", found=problems[0] if problems else "all right", kept=not problems)]


def _with_many_rows(run: Run) -> list[Row]:
    small_count, large_count = 1_000, run.extent.usage
    run.say(f"budgets with {small_count} and {large_count} usages …")
    small, large = _Tree(run, rows=small_count), _Tree(run, rows=large_count)
    with connections["owner"].cursor() as cursor:
        cursor.execute("VACUUM ANALYZE budgets_ledgerentry, budgets_budgetwindow, budgets_scopedbudget")
    rows = []
    for what, work, by_hand in (
        ("status", _Tree.reading, lambda tree: lambda: tree.plain.status(tree.top)),
        ("check at depth 4", _Tree.checking, lambda tree: lambda: tree.plain.check(tree.leaf, AMOUNT)),
        ("record usage at depth 4", lambda tree: tree.recording(tree.leaf), _recording_by_hand),
    ):
        turns = run.measure(
            [repeating(work(small)), repeating(work(large)), repeating(by_hand(small)), repeating(by_hand(large))]
        )
        rows.append(
            growth(
                f"{what}, {small_count} → {large_count} usages",
                small=turns[0],
                large=turns[1],
                plain_small=turns[2],
                plain_large=turns[3],
                limit=FLAT,
            )
        )
    return rows


def _recording_by_hand(tree: _Tree) -> Callable[[], None]:
    return lambda: tree.plain.record(tree.leaf, AMOUNT, CURRENCY)
