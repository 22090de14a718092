"""What is kept of tasks, with a real worker on the real broker, and of jobs that two schedulers send."""

import logging
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any
from uuid import UUID, uuid4

import pytest
from billiard.exceptions import TimeLimitExceeded
from celery import shared_task, signals
from celery.contrib.testing.worker import start_worker
from celery.schedules import crontab
from django.conf import settings
from django.db import connections
from django.utils import timezone
from prometheus_client import REGISTRY

from budgetsite.celery import app
from budgetsite.operations.broker import workers
from budgetsite.operations.log_lines import current_task
from budgetsite.operations.models import JobRun, TaskFailure
from budgetsite.operations.piecework import Piecework
from budgetsite.operations.request_id import current_request_id, enter_request, leave_request
from budgetsite.operations.runs import claim_run, gap_of, record_failure
from budgetsite.operations.tasks import FAILURES_KEPT_FOR, tidy_operations
from budgetsite.settings.schedule import time_between_runs
from budgetsite.tenancy.tasks import SteppedTask
from budgetsite.testing.concurrency import run_at_once
from budgetsite.testing.people import make_account
from budgetsite.testing.web_process import eventually

NOW = datetime(2026, 7, 15, 3, 15, tzinfo=UTC)
seen: list[Any] = []


@shared_task
def look_up() -> None:
    seen.append((current_request_id(), current_task.get()))


@shared_task
def start_another(queue: str) -> None:
    look_up.apply_async(queue=queue)


@shared_task
def break_down(text: str) -> None:
    raise ValueError(f"{text} is not a budget")


@shared_task(base=SteppedTask)
def run_beside() -> None:
    seen.append("beside")


@shared_task(base=SteppedTask)
def piece_by_piece(pieces: list[tuple[str, bool]]) -> None:
    with Piecework(logging.getLogger("tests"), "account %s failed") as work:
        for account, fails in pieces:
            with work.piece(account, tenant_id=UUID(account)):
                if fails:
                    raise ValueError(account)
                seen.append(account)


@shared_task(base=SteppedTask)
def ask_database() -> None:
    with connections["service"].cursor() as cursor:
        cursor.execute("SELECT pg_backend_pid()")
        seen.append(cursor.fetchone()[0])


@shared_task(base=SteppedTask)
def hang_up() -> None:
    connections.close_all()
    seen.append("hung up")


@pytest.fixture
def queue(committed_db: None) -> Iterator[str]:
    """A queue of this test's own, with a worker on it."""
    name = f"test-{uuid4().hex}"
    seen.clear()
    with start_worker(app, perform_ping_check=False, queues=[name]):
        yield name
        # The worker's thread ends, and what it keeps for its next task would stay open.
        hang_up.apply_async(queue=name)
        eventually(lambda: seen[-1:] == ["hung up"], "the end of the connections")


def ended(task: Any, outcome: str) -> float:
    labels = {"task": task.name, "outcome": outcome}
    return REGISTRY.get_sample_value("budgetsite_tasks_total", labels) or 0.0


def await_end(task: Any, outcome: str, start: Callable[[], Any]) -> None:
    before = ended(task, outcome)
    start()
    eventually(lambda: ended(task, outcome) == before + 1, f"{task.name} {outcome}")


def test_a_task_goes_on_under_the_id_of_the_request_that_started_it(queue):
    token = enter_request("the-request-0001")
    try:
        await_end(look_up, "succeeded", lambda: start_another.apply_async(kwargs={"queue": queue}, queue=queue))
    finally:
        leave_request(token)

    [(request_id, task)] = seen
    assert (request_id, task[0]) == ("the-request-0001", look_up.name)
    # Nothing of it is left to the next task: what nobody asked for has its own id.
    await_end(look_up, "succeeded", lambda: look_up.apply_async(queue=queue, task_id="a-task-of-its-own"))
    assert seen[1] == ("a-task-of-its-own", (look_up.name, "a-task-of-its-own"))


def test_a_worker_says_how_much_it_does_at_once_whatever_it_does_it_with(queue):
    assert 1 in {worker.at_once for worker in workers()}


def test_of_a_failure_the_type_is_kept_and_nothing_that_it_says(queue, caplog):
    account = make_account()
    arguments = {"text": "Ana Ferreira", "tenant_id": str(account.pk)}

    await_end(break_down, "failed", lambda: break_down.apply_async(kwargs=arguments, queue=queue, task_id="broken"))

    kept = TaskFailure.objects.using("service").get()
    assert (kept.task, kept.task_id, kept.request_id) == (break_down.name, "broken", "broken")
    assert (kept.tenant_id, kept.error_type) == (account.pk, "ValueError")
    [line] = [
        record for record in caplog.records if record.name == "budgetsite.tasks" and record.levelno == logging.ERROR
    ]
    assert line.getMessage() == f"task {break_down.name} failed"
    assert not any("Ana" in record.getMessage() for record in caplog.records)


def test_of_work_in_pieces_each_account_that_it_failed_for_is_kept_and_the_others_are_done(queue):
    account, other = make_account(), make_account("Rival Events")
    pieces = [(str(account.pk), True), (str(other.pk), False), (str(account.pk), True), (str(other.pk), False)]

    await_end(piece_by_piece, "failed", lambda: piece_by_piece.apply_async(kwargs={"pieces": pieces}, queue=queue))

    assert seen == [str(other.pk)] * 2
    kept = TaskFailure.objects.using("service").values_list("task", "tenant_id", "error_type")
    assert list(kept) == [(piece_by_piece.name, account.pk, "ValueError")]


def test_a_task_whose_process_was_ended_is_a_failure_too(committed_db):
    # As the worker's parent tells of it, where the task itself never was.
    gone = {"exception": TimeLimitExceeded(30), "args": (), "kwargs": {}, "traceback": None, "einfo": None}
    before = ended(look_up, "lost")

    signals.task_failure.send(sender=look_up, task_id="gone", **gone)

    kept = TaskFailure.objects.using("service").values_list("task", "task_id", "error_type").get()
    assert kept == (look_up.name, "gone", "billiard.exceptions.TimeLimitExceeded")
    assert ended(look_up, "lost") - before == 1


def test_the_parent_of_a_workers_processes_keeps_no_connection_open(committed_db):
    gone = {"exception": TimeLimitExceeded(30), "args": (), "kwargs": {}, "traceback": None, "einfo": None}

    signals.task_failure.send(sender=look_up, task_id="gone", **gone)

    assert connections["service"].connection is None


def test_a_worker_stays_connected_between_tasks_and_connects_anew_where_that_has_ended(queue):
    for asked in (1, 2):
        ask_database.apply_async(queue=queue)
        eventually(lambda asked=asked: len(seen) == asked, "an answer")
    assert seen[0] == seen[1]

    with connections["service"].cursor() as cursor:
        cursor.execute("SELECT pg_terminate_backend(%s, 5000)", [seen[0]])
    ask_database.apply_async(queue=queue)
    eventually(lambda: len(seen) == 3, "an answer over a new connection")
    assert seen[2] != seen[0]


def test_the_last_run_of_a_scheduled_job_is_kept_and_a_second_scheduler_starts_none(queue):
    def as_beat(task: Any, task_id: str) -> Any:
        return task.apply_async(queue=queue, task_id=task_id, headers={"celery_beat_task": True})

    await_end(look_up, "succeeded", lambda: as_beat(look_up, "first"))
    run = JobRun.objects.using("service").get()
    assert (run.job, run.task_id, run.outcome, run.error_type) == (look_up.name, "first", "succeeded", "")
    assert run.duration_seconds is not None
    assert run.succeeded_at is not None

    await_end(look_up, "superseded", lambda: as_beat(look_up, "second"))
    assert (len(seen), JobRun.objects.using("service").get().task_id) == (1, "first")
    # What its dead worker left is delivered again, and is the same run.
    await_end(look_up, "succeeded", lambda: as_beat(look_up, "first"))
    assert len(seen) == 2
    # What may run beside itself does.
    await_end(run_beside, "succeeded", lambda: as_beat(run_beside, "one"))
    await_end(run_beside, "succeeded", lambda: as_beat(run_beside, "two"))
    assert seen[2:] == ["beside", "beside"]


def test_of_workers_with_the_same_run_at_once_one_gets_it(committed_db):
    def claim(task_id: str) -> bool:
        return claim_run(job="job", task_id=task_id, scheduled_at=NOW, now=NOW)

    claims = [partial(claim, f"task-{number}") for number in range(8)]

    assert sorted(run_at_once(claims, tenant_id=make_account().pk)) == [False] * 7 + [True]


@pytest.mark.parametrize(("later", "starts"), [(timedelta(seconds=40), False), (timedelta(minutes=1), True)])
def test_the_next_time_a_job_starts_again(committed_db, later, starts):
    assert claim_run(job="job", task_id="first", scheduled_at=NOW, now=NOW)

    assert claim_run(job="job", task_id="second", scheduled_at=NOW + later, now=NOW + later) == starts


def test_how_close_two_runs_are_one_depends_on_the_interval():
    assert gap_of("budgets.tasks.remind_of_waiting_approvals") == timedelta(minutes=48)
    assert gap_of("budgets.tasks.verify_ledgers") == timedelta(seconds=50)


def test_every_scheduled_job_is_a_task_that_runs_once_or_may_run_beside_itself():
    app.loader.import_default_modules()
    for name, entry in settings.CELERY_BEAT_SCHEDULE.items():
        task = app.tasks[entry["task"]]
        assert getattr(task, "runs_once", False) or isinstance(task, SteppedTask), name
        # A day that is counted from the scheduler's start may never end.
        assert isinstance(entry["schedule"], crontab) or entry["schedule"] <= timedelta(hours=1), name
        # A worker that was away does a job once, not once for each time that it missed.
        seconds = entry["options"]["expires"]
        assert seconds == time_between_runs(entry["schedule"]).total_seconds(), name
        assert 5 <= seconds <= 86_400, name


def test_old_failures_are_forgotten(committed_db):
    for failed in ("old", "new"):
        record_failure(task=failed, task_id="x", request_id="x", tenant_id=None, error_type="ValueError")
    old = timezone.now() - FAILURES_KEPT_FOR - timedelta(minutes=1)
    TaskFailure.objects.using("service").filter(task="old").update(failed_at=old)

    assert (tidy_operations(), tidy_operations()) == (1, 0)

    assert [row.task for row in TaskFailure.objects.using("service").all()] == ["new"]


def test_requests_come_nowhere_near_what_failed(committed_db):
    with connections["default"].cursor() as cursor:
        for table in ("operations_jobrun", "operations_taskfailure"):
            cursor.execute("SELECT has_table_privilege(%s, 'SELECT')", [table])
            assert cursor.fetchone() == (False,)
