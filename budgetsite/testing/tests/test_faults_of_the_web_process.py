"""The web process is killed in the middle of a change: nothing of it stays, and the site serves on."""

import signal
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from decimal import Decimal
from uuid import UUID

import pytest
from django.db import connections, transaction
from django.db.models import QuerySet
from psycopg import sql

from alerts.models import BudgetAlert
from budgets.models import BudgetLineItem, EventBudget
from budgets.services.ledger_audit import audit_ledger
from budgetsite.testing.budgets import make_budget
from budgetsite.testing.other_process import environment
from budgetsite.testing.people import PASSWORD
from budgetsite.testing.visitor import Reply, Visitor
from budgetsite.testing.web_process import WebProcess, eventually

ROWS = 60
PLAN = "category,name,budgeted_amount,actual_amount\n" + "".join(f"Venue,Room {n},1,1\n" for n in range(ROWS))


@dataclass(frozen=True)
class Scene:
    """A budget of 1,000 with an open alert: 900 of the hall's 800 are spent."""

    account_id: UUID
    budget_id: UUID
    line_id: UUID

    @property
    def line_address(self) -> str:
        return f"/api/v1/event-budgets/{self.budget_id}/line-items/{self.line_id}"

    def lines(self) -> "QuerySet[BudgetLineItem]":
        return BudgetLineItem.objects.filter(pk=self.line_id)

    def alerts(self) -> "QuerySet[BudgetAlert]":
        return BudgetAlert.objects.filter(budget_id=self.budget_id)


@dataclass(frozen=True)
class Change:
    """A request; the rows that hold it up, late in its transaction; a table it has written to by then; its success."""

    request: Callable[[Visitor, Scene], Reply]
    held_up_by: Callable[[Scene], "QuerySet[BudgetLineItem] | QuerySet[BudgetAlert]"]
    written: str
    status: int
    spent: Decimal


def post_an_actual(visitor: Visitor, scene: Scene) -> Reply:
    return visitor.send("PATCH", scene.line_address, {"version": 1, "actual_amount": "950.00"})


def edit_plan_and_actual(visitor: Visitor, scene: Scene) -> Reply:
    values = {"version": 1, "name": "Great hall", "budgeted_amount": "700.00", "actual_amount": "1200.00"}
    return visitor.send("PATCH", scene.line_address, values)


def import_a_plan(visitor: Visitor, scene: Scene) -> Reply:
    fields = {"budget_id": str(scene.budget_id), "version": "1"}
    return visitor.upload(
        "/api/v1/event-budgets/import", fields, filename="plan.csv", content=PLAN.encode(), Idempotency_Key="once"
    )


CHANGES = {
    "a posting": Change(post_an_actual, Scene.lines, "budgets_eventbudget", 200, Decimal(950)),
    "an edit of a line": Change(edit_plan_and_actual, Scene.alerts, "budgets_ledgerentry", 200, Decimal(1200)),
    "an import": Change(import_a_plan, Scene.alerts, "budgets_budgetlineitem", 201, Decimal(900 + ROWS)),
}


@pytest.fixture(scope="module")
def web(django_db_setup, tmp_path_factory) -> Iterator[WebProcess]:
    with WebProcess(environment(), tmp_path_factory.mktemp("web") / "gunicorn.log") as web:
        yield web


@pytest.fixture
def scene(committed_db, account, owner) -> Scene:
    hall = {"category": "Venue", "name": "Hall", "budgeted_amount": "800", "actual_amount": "900"}
    budget = make_budget(account, owner, total="1000", lines=[hall])
    with transaction.atomic():
        line = BudgetLineItem.objects.get()
        assert BudgetAlert.objects.filter(budget=budget, resolved=False).exists()
    return Scene(account.pk, budget.pk, line.pk)


@pytest.fixture
def visitor(web, scene, owner) -> Visitor:
    visitor = web.visitor()
    assert visitor.take_token(owner.email, PASSWORD).status == 200
    return visitor


@contextmanager
def held(rows: QuerySet) -> Iterator[int]:
    """Lock the rows, as another writer would; gives the PostgreSQL process that holds them."""
    with transaction.atomic(), connections["default"].cursor() as cursor:
        assert list(rows.select_for_update())
        cursor.execute("SELECT pg_backend_pid()")
        yield cursor.fetchone()[0]


def waiting_for(holder: int) -> int:
    """Wait until a request waits for the holder's rows; return the PostgreSQL process that serves it."""

    def look() -> list[tuple[int]]:
        with connections["owner"].cursor() as cursor:
            waiting = "SELECT pid FROM pg_locks WHERE NOT granted AND %s = ANY (pg_blocking_pids(pid))"
            cursor.execute(waiting, [holder])
            return cursor.fetchall()

    ((process,),) = eventually(look, "A request that waits for the locked rows")
    return process


def tables_written_by(process: int) -> set[str]:
    with connections["owner"].cursor() as cursor:
        cursor.execute(
            "SELECT relation::regclass::text FROM pg_locks"
            " WHERE pid = %s AND locktype = 'relation' AND mode = 'RowExclusiveLock'",
            [process],
        )
        return {row[0] for row in cursor.fetchall()}


def has_ended(process: int) -> bool:
    with connections["owner"].cursor() as cursor:
        cursor.execute("SELECT FROM pg_stat_activity WHERE pid = %s", [process])
        return cursor.fetchone() is None


def everything() -> dict[str, tuple[int, str | None]]:
    """Return what the database holds: each table's number of rows and a digest of them, whoever's they are."""
    with connections["service"].cursor() as cursor:
        cursor.execute("SELECT tablename FROM pg_tables WHERE schemaname = 'public'")
        stored = {}
        for (table,) in cursor.fetchall():
            query = sql.SQL(
                "SELECT count(*), md5(coalesce(string_agg(t::text, chr(10) ORDER BY t::text), '')) FROM {} t"
            )
            cursor.execute(query.format(sql.Identifier(table)).as_string(None))
            stored[table] = cursor.fetchone()
        return stored


@transaction.atomic
def spent(scene: Scene) -> Decimal:
    assert audit_ledger().discrepancies == []
    return EventBudget.objects.get(pk=scene.budget_id).total_actual_amount


@pytest.fixture
def send() -> Iterator[Callable[..., Future[Reply]]]:
    with ThreadPoolExecutor(1) as pool:
        yield pool.submit


@pytest.mark.parametrize("change", CHANGES.values(), ids=CHANGES)
def test_a_killed_process_leaves_nothing_half_done_and_the_next_one_serves(web, scene, visitor, send, change):
    before = everything()
    killed = web.worker
    with held(change.held_up_by(scene)) as holder:
        reply = send(change.request, visitor, scene)
        process = waiting_for(holder)
        assert change.written in tables_written_by(process)
        killed.send_signal(signal.SIGKILL)
        with pytest.raises(ConnectionError):
            reply.result()
    eventually(lambda: has_ended(process), "The end of the killed request's transaction")

    assert everything() == before
    assert spent(scene) == Decimal(900)
    # The very same request, with the version that was read before, is as good as ever.
    assert change.request(visitor, scene).status == change.status
    assert spent(scene) == change.spent
    assert web.worker.pid != killed.pid


@pytest.mark.parametrize("change", CHANGES.values(), ids=CHANGES)
def test_without_the_kill_the_same_change_goes_through(web, scene, visitor, send, change):
    with held(change.held_up_by(scene)) as holder:
        reply = send(change.request, visitor, scene)
        waiting_for(holder)

    assert reply.result().status == change.status
    assert spent(scene) == change.spent
