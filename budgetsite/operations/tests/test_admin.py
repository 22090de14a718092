"""The page “Operations”: what platform staff see, and what an account's own managers do."""

import re
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid4

import pytest
import redis
from celery.schedules import crontab
from django.test import Client
from django.utils import timezone

from budgetsite.accounts.models import Account, User
from budgetsite.accounts.roles import Role
from budgetsite.operations.admin import took
from budgetsite.operations.readiness import readings
from budgetsite.operations.runs import claim_run, end_run, record_failure
from budgetsite.operations.selectors import JobState, in_words, scheduled_jobs
from budgetsite.testing.people import make_account, make_member, sign_in

PAGE, WORKERS = "/admin/operations/", "/admin/operations/workers"
WAITLISTS, LEDGERS = "registrations.tasks.mind_waitlists", "budgets.tasks.verify_ledgers"


@pytest.fixture
def accounts(committed_db: None) -> tuple[Account, Account]:
    readings.forget()
    return make_account(), make_account("Rival Events")


@pytest.fixture
def platform(accounts: tuple[Account, Account]) -> Client:
    return sign_in(User.objects.create_superuser("root@example.org", "correct horse battery"), accounts[0])


@pytest.fixture
def queue(settings: Any) -> Iterator[str]:
    """A queue with three tasks in it, one of them urgent."""
    name = f"test-{uuid4().hex}"
    settings.CELERY_TASK_ROUTES = {"nobody's": {"queue": name}}
    with redis.Redis.from_url(settings.CELERY_BROKER_URL) as client:
        client.rpush(name, "one", "two")
        client.rpush(f"{name}\x06\x163", "urgent")
        yield name
        client.delete(name, f"{name}\x06\x163")


def words(client: Client, address: str = PAGE) -> str:
    answer = client.get(address)
    assert answer.status_code == 200
    main = answer.content.decode().partition('<div class="panels">')[2]
    return re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", main))


def fail(account: Account | None, error_type: str, times: int = 1) -> None:
    for number in range(times):
        record_failure(
            task="budgets.tasks.draw_thumbnail",
            task_id=str(number),
            request_id=f"request-{number}",
            tenant_id=account.pk if account else None,
            error_type=error_type,
        )


def test_platform_staff_see_queues_jobs_and_what_failed_for_whom(accounts, platform, queue):
    fail(accounts[1], "builtins.TimeoutError", times=3)
    now = timezone.now()
    claim_run(job=WAITLISTS, task_id="a", scheduled_at=now, now=now)
    end_run(job=WAITLISTS, task_id="a", seconds=2.54, error_type="OperationalError")

    page = words(platform)

    assert f"Queue {queue} 3" in page
    assert "Database Ready" in page
    assert "budgets.tasks.draw_thumbnail 3 times builtins.TimeoutError, Rival Events, last" in page
    assert "request request-2" in page
    assert re.search(
        r"waitlists(&#x27;|') offers leave Failed Every minute, last started .*, took 2.5 s, Operational", page
    )
    assert "Prove every account&#x27;s ledger Not run yet Every day at 03:15 UTC" in page


def test_managers_see_the_jobs_and_their_own_failures_alone(accounts, queue):
    mine, other = accounts
    fail(other, "RivalError")
    fail(None, "NobodysError")
    fail(mine, "OwnError")
    client = sign_in(make_member(mine, Role.MANAGER).user, mine)

    page = words(client)

    assert "OwnError" in page
    assert "Prove every account" in page
    assert not any(word in page for word in ("Rival", "NobodysError", queue, "Database", "Who works"))
    assert client.get(WORKERS).status_code == 403


def test_a_job_that_failed_for_one_account_says_so_and_that_it_is_done_for_the_others(accounts, platform):
    """Of the last run alone: the one before has failed for the first account."""
    mine, other = accounts
    now = timezone.now()
    failed = {"task": "registrations.tasks.mind_one_waitlist", "error_type": "LockNotAvailable"}
    record_failure(task_id="x", request_id="before", tenant_id=mine.pk, **failed)
    claim_run(job=WAITLISTS, task_id="last", scheduled_at=now, now=now)
    end_run(job=WAITLISTS, task_id="last", seconds=0.2)
    for number in range(3):
        record_failure(task_id=str(number), request_id="last", tenant_id=other.pk, **failed)

    told = r"offers leave Failed Every minute, [^C]*took 200 ms, failed for {}"
    assert re.search(told.format(r"Rival Events \(LockNotAvailable\), done for all others"), words(platform))
    # Their own managers learn of it, those of others don't.
    theirs = words(sign_in(make_member(other, Role.MANAGER).user, other))
    assert re.search(told.format("this account: LockNotAvailable"), theirs)
    ours = words(sign_in(make_member(mine, Role.MANAGER).user, mine))
    assert re.search(r"offers leave Succeeded Every minute", ours)
    assert "Rival" not in ours


def test_others_are_turned_away(accounts):
    for role in (Role.STAFF, Role.ORGANIZER, Role.CLIENT):
        client = sign_in(make_member(accounts[0], role).user, accounts[0])
        assert [client.get(page).status_code for page in (PAGE, WORKERS)] == [403, 403], role
    assert Client().get(PAGE).status_code == 302


def test_the_page_says_so_when_the_broker_is_away(platform, settings):
    settings.CELERY_BROKER_URL = "redis://127.0.0.1:1/0"

    assert "Broker Not ready" in words(platform)
    for page in (PAGE, WORKERS):
        assert "The broker can&#x27;t be reached" in words(platform, page)


def test_a_job_that_has_not_started_again_is_late(committed_db):
    start = datetime(2026, 7, 15, 3, 15, tzinfo=UTC)
    for job in (WAITLISTS, LEDGERS):
        claim_run(job=job, task_id="a", scheduled_at=start, now=start)
        end_run(job=job, task_id="a", seconds=1)

    def states(later: timedelta) -> tuple[JobState, JobState]:
        found = {job.task: job.state for job in scheduled_jobs(now=start + later)}
        return found[WAITLISTS], found[LEDGERS]

    assert states(timedelta(minutes=5)) == (JobState.SUCCEEDED, JobState.SUCCEEDED)
    assert states(timedelta(minutes=7)) == (JobState.LATE, JobState.SUCCEEDED)
    assert states(timedelta(days=1, minutes=6)) == (JobState.LATE, JobState.LATE)


def test_schedules_and_durations_in_words(committed_db):
    schedules = [timedelta(seconds=5), timedelta(minutes=1), timedelta(minutes=90), timedelta(days=1)]
    assert [in_words(every) for every in schedules] == [
        "every 5 seconds",
        "every minute",
        "every 90 minutes",
        "every day",
    ]
    assert in_words(crontab(hour=3, minute=15)) == "every day at 03:15 UTC"
    assert in_words(crontab(minute=5)) == "every hour at 5 past"
    # Nobody reads how Celery writes it.
    assert not any("crontab" in job.every for job in scheduled_jobs(now=timezone.now()))
    seconds = (0.0404, 2.54, 90, 600, 7200, 432_000)
    assert [took(each) for each in seconds] == ["40 ms", "2.5 s", "90 s", "10 min", "2 h", "5 days"]
