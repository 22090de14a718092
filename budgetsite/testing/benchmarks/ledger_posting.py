"""Postings to one budget, by one client and by many at once; afterwards nothing may be missing."""

from collections.abc import Callable
from decimal import Decimal
from uuid import UUID

from django.db import transaction

from budgets.models import EntryKind, EntrySource, EventBudget, LedgerEntry
from budgets.services import ledger
from budgets.services.ledger_audit import audit_ledger
from budgetsite.tenancy.scope import tenant_scope
from budgetsite.testing.benchmarks.clients import Clients, Operations
from budgetsite.testing.benchmarks.measure import repeating
from budgetsite.testing.benchmarks.plain_sql import PlainSql
from budgetsite.testing.benchmarks.report import (
    MOST_STATEMENTS,
    Limit,
    Row,
    compared_rates,
    compared_times,
    proof,
    statements,
)
from budgetsite.testing.benchmarks.run import Run
from budgetsite.testing.benchmarks.scenery import CURRENCY, Scene, add_budget, line_ids, open_scene
from budgetsite.testing.benchmarks.statements import statements_of

AMOUNT = Decimal("0.01")
LINES = 20
SHARE_OF_PLAIN_RATE = Limit(at_least=0.2)


def measure(run: Run) -> list[Row]:
    run.say("posting to the ledger …")
    scene = open_scene("posting")
    budget_id = add_budget(scene, lines=LINES).pk
    lines = line_ids(scene, budget_id)
    ours = posting(scene, budget_id, lines[0])
    plain = run.plain_sql(scene)

    with Clients(run.extent.clients, _operations(scene, budget_id, lines)) as clients:
        many_ours, many_plain = run.measure([clients.side("ours"), clients.side("plain")], crowded=True)
        posted = sum(clients.done.values())

    count = len(statements_of(ours))
    posted += 2

    def counted(post: Callable[[], None]) -> Callable[[], None]:
        def operation() -> None:
            nonlocal posted
            post()
            posted += 1

        return operation

    one_ours, one_plain = run.measure(
        [
            repeating(counted(ours)),
            repeating(counted(lambda: plain.post(budget_id, lines[0], AMOUNT, CURRENCY))),
        ]
    )
    return [
        compared_times("post to the ledger, 1 client", one_ours, one_plain),
        compared_rates(
            f"post to one budget, {run.extent.clients} clients at once", many_ours, many_plain, SHARE_OF_PLAIN_RATE
        ),
        statements("statements of a posting", count, Limit(at_most=MOST_STATEMENTS)),
        *proofs(scene, budget_id, posted),
    ]


def posting(scene: Scene, budget_id: UUID, line_id: UUID) -> Callable[[], None]:
    def post() -> None:
        with tenant_scope(scene.tenant_id, user_id=scene.user.pk), transaction.atomic():
            ledger.post(
                budget_id=budget_id,
                line_item_id=line_id,
                kind=EntryKind.ACTUAL,
                actual_delta=AMOUNT,
                currency=CURRENCY,
                source=EntrySource.MANUAL,
            )

    return post


def _operations(scene: Scene, budget_id: UUID, lines: list[UUID]) -> Callable[[int], Operations]:
    def operations_of_client(number: int) -> Operations:
        line_id = lines[number % len(lines)]
        plain = PlainSql(scene.tenant_id, scene.user.pk)
        return {
            "ours": posting(scene, budget_id, line_id),
            "plain": lambda: plain.post(budget_id, line_id, AMOUNT, CURRENCY),
        }

    return operations_of_client


def proofs(scene: Scene, budget_id: UUID, posted: int) -> list[Row]:
    """Compare what the clients say they posted with the books, and the books with themselves."""
    with tenant_scope(scene.tenant_id), transaction.atomic():
        entries = LedgerEntry.objects.filter(budget_id=budget_id).count()
        spent = EventBudget.objects.values_list("total_actual_amount", flat=True).get(pk=budget_id)
        audit = audit_ledger()
    complete = entries == posted and spent == posted * AMOUNT
    return [
        proof(f"postings found of {posted} made", found=str(entries), kept=complete),
        proof(
            f"ledger verified: {audit.budgets} budget, {audit.lines} lines, {audit.entries} entries",
            found=audit.verdict if audit.discrepancies else "all right",
            kept=not audit.discrepancies,
        ),
    ]
