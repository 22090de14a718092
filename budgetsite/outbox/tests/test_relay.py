"""Events reach their consumers: each once in what is stored, in the order of their subject, whoever dies or fails."""

import logging
import os
import signal
import subprocess
import sys
from datetime import timedelta
from threading import Event as Signal
from threading import Thread
from uuid import uuid4

import psycopg
import pytest
from django.db import connection, connections, transaction
from django.utils import timezone

from budgetsite.local.folder import CHECKOUT
from budgetsite.outbox import consumers as registry
from budgetsite.outbox import relay
from budgetsite.outbox.consumers import Consumer, register_consumer
from budgetsite.outbox.models import OutboxEvent
from budgetsite.outbox.pruning import prune_relayed
from budgetsite.outbox.relay import relay_batch, relay_pending
from budgetsite.outbox.selectors import OutboxState, backlog, lag_seconds, outbox_state
from budgetsite.outbox.services import record_event
from budgetsite.outbox.tasks import RELAY
from budgetsite.tenancy.scope import require_tenant_id, tenant_scope
from budgetsite.testing.other_process import environment
from budgetsite.testing.web_process import eventually
from events.models import Venue

# In this order, A behind B.
B, A, C = sorted(uuid4() for _ in range(3))


@pytest.fixture
def alone(committed_db, monkeypatch):
    """No consumer but those that the test registers."""
    monkeypatch.setattr(registry, "_consumers", {})


@pytest.fixture
def heard(alone):
    """A consumer that remembers what was committed: (tenant, subject, kind) in its order."""
    told = []

    def receive(events):
        told_now = [(require_tenant_id(), event.subject_id, event.kind) for event in events]
        transaction.on_commit(lambda: told.extend(told_now))

    register_consumer(Consumer("ears", receive))
    return told


def record(*told):
    """Record (subject, kind) one after the other, in one transaction of the current account."""
    with transaction.atomic():
        for subject, kind in told:
            record_event(kind=kind, subject_type="event_budget", subject_id=subject)


def waiting():
    with connections["owner"].cursor() as cursor:
        cursor.execute(
            "SELECT subject_id, kind, attempts, failure FROM outbox_outboxevent WHERE relayed_at IS NULL"
            " ORDER BY position"
        )
        return cursor.fetchall()


def let_retry():
    with connections["owner"].cursor() as cursor:
        cursor.execute("UPDATE outbox_outboxevent SET retry_at = now() WHERE retry_at IS NOT NULL")


def test_each_event_is_handed_on_once_in_the_order_of_its_subject(heard, account, other_account):
    record((A, "budget.submitted"), (B, "budget.submitted"), (A, "budget.approved"))
    with tenant_scope(other_account.pk):
        record((C, "budget.submitted"))

    assert relay_pending(seconds=5).relayed == 4

    assert [told for told in heard if told[1] == A] == [
        (account.pk, A, "budget.submitted"),
        (account.pk, A, "budget.approved"),
    ]
    assert [told for told in heard if told[1] == B] == [(account.pk, B, "budget.submitted")]
    assert [told for told in heard if told[0] == other_account.pk] == [(other_account.pk, C, "budget.submitted")]
    assert waiting() == []
    assert relay_pending(seconds=5).relayed == 0
    assert len(heard) == 4


def test_more_than_a_batch_of_one_subject_stays_in_order(heard, account, monkeypatch):
    monkeypatch.setattr(relay, "BATCH", 3)
    kinds = [f"budget.step_{number:02}" for number in range(8)]
    record(*[(A, kind) for kind in kinds])

    assert relay_pending(seconds=5).relayed == 8
    assert [kind for _, _, kind in heard] == kinds


def test_a_consumer_that_fails_holds_up_its_subject_alone_and_nothing_is_stored_twice(
    heard, account, caplog, monkeypatch
):
    caplog.set_level(logging.CRITICAL)
    ill = [True]

    def receive(events):
        for event in events:
            Venue.objects.create(name=event.kind)
            if event.subject_id == A and ill[0]:
                raise ZeroDivisionError

    register_consumer(Consumer("a venue for each", receive))
    record((A, "a.first"), (B, "b.first"), (A, "a.second"), (B, "b.second"))

    # Wherever the walk from subject to subject begins: at the ill one, too.
    monkeypatch.setattr(relay, "uuid4", lambda: A)
    assert relay_pending(seconds=5).relayed == 2
    assert [kind for _, _, kind in heard] == ["b.first", "b.second"]
    failed = [(A, "a.first", 1, "a venue for each: ZeroDivisionError"), (A, "a.second", 0, "")]
    assert waiting() == failed
    # Not before its time.
    assert relay_pending(seconds=5).relayed == 0
    state = outbox_state()
    assert (state.waiting, state.failing, state.lag_seconds) == (2, 1, 0.0)

    let_retry()
    assert relay_pending(seconds=5).relayed == 0
    assert waiting()[0][2] == 2

    ill[0] = False
    let_retry()
    assert relay_pending(seconds=5).relayed == 2
    assert [kind for _, _, kind in heard] == ["b.first", "b.second", "a.first", "a.second"]
    with transaction.atomic():
        names = sorted(Venue.objects.values_list("name", flat=True))
    assert names == ["a.first", "a.second", "b.first", "b.second"]


def test_the_wait_after_a_failure_grows_up_to_ten_minutes(alone, account, caplog):
    caplog.set_level(logging.CRITICAL)

    def fail(events):
        raise ZeroDivisionError

    register_consumer(Consumer("ill", fail))
    record((A, "a.first"))
    waits = []
    for _ in range(12):
        assert relay_batch(account.pk).relayed == 0
        with connections["owner"].cursor() as cursor:
            cursor.execute("SELECT extract(epoch FROM retry_at - clock_timestamp())::float8 FROM outbox_outboxevent")
            waits.append(cursor.fetchone()[0])
        let_retry()
    # A second, doubled each time, a fifth more or less.
    for number, wait in enumerate(waits):
        expected = min(2**number, 600)
        assert 0.75 * expected - 0.1 <= wait <= 1.2 * expected


def test_only_the_relays_own_transactions_do_not_wait_for_the_disk(alone, account):
    """What consumers stored may be lost by a crash together with the marks; what was sent never is."""
    during = []

    def look():
        with connection.cursor() as cursor:
            cursor.execute("SHOW synchronous_commit")
            return cursor.fetchone()[0]

    register_consumer(Consumer("eyes", lambda events: during.append(look())))
    record((A, "a.first"))
    with connection.cursor() as cursor:
        # Servers of tests wait for no disk at all.
        cursor.execute("SET synchronous_commit TO on")
    try:
        assert relay_pending(seconds=5).relayed == 1
        assert (during, look()) == (["off"], "on")
    finally:
        with connection.cursor() as cursor:
            cursor.execute("RESET synchronous_commit")


def test_while_one_worker_has_a_subject_others_leave_it_alone_and_do_the_rest(heard, account):
    """The second event of a subject is never told while the first is still in somebody's hands."""
    record((A, "a.first"), (A, "a.second"), (B, "b.first"))
    with psycopg.connect(environment()["DATABASE_SERVICE_URL"]) as other:
        other.execute("SELECT FROM outbox_outboxevent WHERE kind = 'a.first' FOR NO KEY UPDATE")

        assert relay_pending(seconds=5).relayed == 1
        assert [kind for _, _, kind in heard] == ["b.first"]
        other.rollback()

    assert relay_pending(seconds=5).relayed == 2
    assert [kind for _, _, kind in heard] == ["b.first", "a.first", "a.second"]


def test_two_workers_at_once_tell_everything_once_and_in_order(alone, account, monkeypatch):
    monkeypatch.setattr(relay, "BATCH", 7)
    heard = []
    # Heard at once: whoever has committed may be overtaken before it says so.
    register_consumer(Consumer("ears", lambda events: heard.extend((event.subject_id, event.kind) for event in events)))
    subjects = [uuid4() for _ in range(20)]
    for number in range(10):
        record(*[(subject, f"step.{number}") for subject in subjects])
    counts = []

    def work():
        try:
            counts.append(relay_pending(seconds=20).relayed)
        finally:
            connections.close_all()

    threads = [Thread(target=work) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert sum(counts) == len(heard) == 200
    for subject in subjects:
        assert [kind for told, kind in heard if told == subject] == [f"step.{number}" for number in range(10)]


def test_a_worker_does_not_visit_accounts_that_another_has_done_meanwhile(heard, account, other_account, monkeypatch):
    record((A, "a.first"))
    with tenant_scope(other_account.pk):
        record((B, "b.first"))
    visited = []

    def visit(tenant_id):
        visited.append(tenant_id)
        batch = relay_batch(tenant_id)
        relay_batch({account.pk: other_account.pk, other_account.pk: account.pk}[tenant_id])
        return batch

    monkeypatch.setattr(relay, "relay_batch", visit)
    monkeypatch.setattr(relay, "ACCOUNTS_AT_ONCE", 1)
    assert relay_pending(seconds=5).relayed == 1
    assert len(visited) == 1
    assert sorted(kind for _, _, kind in heard) == ["a.first", "b.first"]


def test_the_changes_of_one_row_are_told_as_they_were_committed(heard, account):
    """Who changes a row waits for its lock before the event is written, so positions follow commits."""
    with transaction.atomic():
        venue = Venue.objects.create(name="Hall")
    locked, go_on = Signal(), Signal()

    def change_first():
        try:
            with tenant_scope(account.pk), transaction.atomic():
                Venue.objects.select_for_update(no_key=True).get(pk=venue.pk)
                locked.set()
                go_on.wait(10)
                record_event(kind="venue.first", subject_type="venue", subject_id=venue.pk)
        finally:
            connections.close_all()

    def change_second():
        try:
            with tenant_scope(account.pk), transaction.atomic():
                Venue.objects.select_for_update(no_key=True).get(pk=venue.pk)
                record_event(kind="venue.second", subject_type="venue", subject_id=venue.pk)
        finally:
            connections.close_all()

    first, second = Thread(target=change_first), Thread(target=change_second)
    first.start()
    assert locked.wait(10)
    second.start()
    with connections["owner"].cursor() as cursor:
        blocked = (
            "SELECT 1 FROM pg_stat_activity"
            " WHERE datname = current_database() AND cardinality(pg_blocking_pids(pid)) > 0"
        )
        eventually(lambda: cursor.execute(blocked) or cursor.fetchone(), "A change that waits")
    assert relay_pending(seconds=5).relayed == 0
    go_on.set()
    first.join()
    second.join()

    assert relay_pending(seconds=5).relayed == 2
    assert [kind for _, _, kind in heard] == ["venue.first", "venue.second"]


DYING_WORKER = """
import django; django.setup()
from budgetsite.outbox.consumers import Consumer, register_consumer
from budgetsite.outbox.relay import relay_pending
from events.models import Venue
import sys, time

def receive(events):
    Venue.objects.bulk_create([Venue(name=event.kind) for event in events])
    print("stored", flush=True)
    time.sleep(600)

register_consumer(Consumer("a venue for each", receive))
relay_pending(seconds=5)
"""


def test_a_worker_killed_while_it_stores_leaves_everything_to_the_next(heard, account):
    register_consumer(
        Consumer(
            "a venue for each",
            lambda events: Venue.objects.bulk_create([Venue(name=event.kind) for event in events]) and None,
        )
    )
    record((A, "a.first"), (A, "a.second"))
    worker = subprocess.Popen(
        [sys.executable, "-c", DYING_WORKER], env=environment(), cwd=CHECKOUT, stdout=subprocess.PIPE, text=True
    )
    assert worker.stdout.readline() == "stored\n"
    assert relay_pending(seconds=5).relayed == 0

    os.kill(worker.pid, signal.SIGKILL)
    assert worker.wait(10) == -signal.SIGKILL
    worker.stdout.close()

    eventually(lambda: relay_pending(seconds=5).relayed == 2, "Taking over what the dead one had")
    assert [kind for _, _, kind in heard] == ["a.first", "a.second"]
    with transaction.atomic():
        assert sorted(Venue.objects.values_list("name", flat=True)) == ["a.first", "a.second"]


def test_what_happened_is_not_changed_by_relaying_it(heard, account):
    record((A, "budget.submitted"))
    relay_pending(seconds=5)
    with transaction.atomic():
        event = OutboxEvent.objects.get()
        assert (event.kind, event.subject_id, event.payload, event.attempts) == ("budget.submitted", A, {}, 0)
        assert event.created_at <= event.relayed_at


def test_backlog_and_lag_tell_what_waits_and_how_long(heard, account, other_account):
    assert outbox_state() == OutboxState(0, 0, 0.0)
    record((A, "a.first"))
    with tenant_scope(other_account.pk):
        record((B, "b.first"), (B, "b.second"))
    with connections["owner"].cursor() as cursor:
        cursor.execute(
            "UPDATE outbox_outboxevent SET created_at = now() - interval '90 seconds' WHERE kind = 'b.first'"
        )

    assert backlog() == 3
    assert 90 <= lag_seconds() < 120
    relay_pending(seconds=5)
    assert (backlog(), lag_seconds()) == (0, 0.0)


def test_what_was_relayed_long_ago_is_removed_and_what_waits_stays(heard, account):
    record((A, "a.first"), (B, "b.first"))
    relay_pending(seconds=5)
    record((A, "a.second"))
    with connections["owner"].cursor() as cursor:
        cursor.execute(
            "UPDATE outbox_outboxevent SET created_at = now() - interval '40 days',"
            " relayed_at = CASE WHEN kind = 'a.first' THEN now() - interval '31 days' ELSE relayed_at END"
        )

    assert prune_relayed(before=timezone.now() - timedelta(days=30)) == 1
    with transaction.atomic():
        assert sorted(OutboxEvent.objects.values_list("kind", flat=True)) == ["a.second", "b.first"]


@pytest.fixture
def started(monkeypatch):
    """How often the relay was started."""
    starts = []
    monkeypatch.setattr(RELAY.absence, "until", 0.0)
    RELAY.has_begun()
    monkeypatch.setattr("budgetsite.outbox.tasks.relay_events.apply_async", lambda **options: starts.append(options))
    yield starts
    RELAY.has_begun()


def test_ten_commits_of_many_events_start_one_task(account, committed_db, started):
    for _ in range(10):
        record(*[(uuid4(), "budget.submitted") for _ in range(20)])
    assert started == [{"retry": False}]
    # Once it has begun, what is committed after may be past its look.
    RELAY.has_begun()
    record((A, "budget.submitted"))
    assert len(started) == 2


def test_what_is_rolled_back_starts_nothing(account, committed_db, started):
    with transaction.atomic():
        record_event(kind="budget.submitted", subject_type="event_budget", subject_id=A)
        transaction.set_rollback(True)
    assert started == []


def test_without_valkey_a_commit_holds_and_waits_once_in_five_seconds(account, committed_db, started, settings, caplog):
    settings.REDIS_URL = "redis://127.0.0.1:1/0"
    record((A, "budget.submitted"))
    record((B, "budget.submitted"))
    assert started == []
    assert [record.getMessage() for record in caplog.records] == [
        "budgetsite.outbox.tasks.relay_events is not started before its time: ConnectionError"
    ]
    assert len(waiting()) == 2


def test_an_account_marks_nothing_of_another(account, committed_db, other_account):
    with tenant_scope(other_account.pk):
        record((B, "b.first"))
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("UPDATE outbox_outboxevent SET relayed_at = now()")
        assert cursor.rowcount == 0
