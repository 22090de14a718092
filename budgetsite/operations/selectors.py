"""What the page “Operations” shows: scheduled jobs with their last runs, and what failed lately."""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any
from uuid import UUID

from celery.schedules import crontab
from django.conf import settings
from django.db.models import Count, Max

from budgetsite.accounts.models import Account
from budgetsite.operations.models import JobRun, Outcome, TaskFailure
from budgetsite.operations.runs import ROLE

# A busy worker comes to a job somewhat after its time.
GRACE = timedelta(minutes=5)
SHOWN_FOR = timedelta(days=7)
FAILURES_SHOWN = 50


class JobState(StrEnum):
    WAITING = "not run yet"
    RUNNING = "running"
    SUCCEEDED = "succeeded"
    FAILED = "failed"
    LATE = "late"


@dataclass(frozen=True, slots=True)
class ScheduledJob:
    """A job of beat's; `name` says what it does, `every` how often. `due_at` is when it should have started again.

    `failed_for` has the accounts for which its last run failed, with the kinds of error. It is done for all others.
    """

    name: str
    task: str
    every: str
    run: JobRun | None
    due_at: datetime | None
    state: JobState
    failed_for: Sequence[tuple[str, str]] = ()


@dataclass(frozen=True, slots=True)
class Failures:
    """A task that failed in the same way `count` times; `request_id` and `failed_at` are the last one's."""

    task: str
    error_type: str
    account: str
    count: int
    failed_at: datetime
    request_id: str


def scheduled_jobs(*, now: datetime, tenant_id: UUID | None = None) -> list[ScheduledJob]:
    """Return all jobs, what needs a look first, then by name, with what failed for one account, or for all where none
    is named. A constant number of statements.
    """
    runs = JobRun.objects.using(ROLE).in_bulk()
    failed = _failed_in(runs.values(), now=now, tenant_id=tenant_id)
    entries: Iterable[tuple[str, dict[str, Any]]] = settings.CELERY_BEAT_SCHEDULE.items()
    jobs = [_job(name, entry, runs.get(entry["task"]), failed, now) for name, entry in entries]
    return sorted(jobs, key=lambda job: (job.state not in (JobState.FAILED, JobState.LATE), job.name))


def _job(
    name: str, entry: dict[str, Any], run: JobRun | None, failed: Mapping[str, list[tuple[str, str]]], now: datetime
) -> ScheduledJob:
    every = entry["schedule"]
    due_at = _next(every, run.scheduled_at) if run is not None else None
    failed_for = failed.get(run.task_id, ()) if run is not None else ()
    state = _state(run, due_at, now)
    if failed_for and state in (JobState.SUCCEEDED, JobState.RUNNING):
        state = JobState.FAILED
    return ScheduledJob(name, entry["task"], in_words(every), run, due_at, state, failed_for)


def _failed_in(runs: Iterable[JobRun], *, now: datetime, tenant_id: UUID | None) -> dict[str, list[tuple[str, str]]]:
    """Return run → accounts and errors. All tasks that a run starts carry its id as that of their request."""
    rows = TaskFailure.objects.using(ROLE).filter(
        failed_at__gt=now - SHOWN_FOR, request_id__in=[run.task_id for run in runs], tenant_id__isnull=False
    )
    if tenant_id is not None:
        rows = rows.filter(tenant_id=tenant_id)
    alike = list(rows.order_by().values_list("request_id", "tenant_id", "error_type").distinct())
    accounts = Account.objects.using(ROLE).filter(pk__in={account for _, account, _ in alike})
    names: dict[UUID | None, str] = dict(accounts.values_list("pk", "name"))
    failed: dict[str, list[tuple[str, str]]] = defaultdict(list)
    for run, account, error_type in alike:
        failed[run].append((names.get(account) or str(account), error_type))
    return {run: sorted(of_run) for run, of_run in failed.items()}


def _state(run: JobRun | None, due_at: datetime | None, now: datetime) -> JobState:
    if run is None or due_at is None:
        return JobState.WAITING
    if due_at + GRACE < now:
        return JobState.LATE
    return {
        Outcome.RUNNING: JobState.RUNNING,
        Outcome.SUCCEEDED: JobState.SUCCEEDED,
        Outcome.FAILED: JobState.FAILED,
    }[Outcome(run.outcome)]


def _next(every: timedelta | crontab, after: datetime) -> datetime:
    if isinstance(every, timedelta):
        return after + every
    start, delta, _now = every.remaining_delta(after)
    due: datetime = start + delta
    return due


def in_words(every: timedelta | crontab) -> str:
    """Return a schedule as people say it: `every 15 minutes`, `every day at 03:15 UTC`."""
    if isinstance(every, timedelta):
        return _interval_in_words(round(every.total_seconds()))
    # The type's stubs know none of these.
    cron: Any = every
    if len(cron.hour) == len(cron.minute) == 1 and len(cron.day_of_week) == 7:
        return f"every day at {min(cron.hour):02}:{min(cron.minute):02} UTC"
    if len(cron.minute) == 1 and len(cron.hour) == 24:
        return f"every hour at {min(cron.minute)} past"
    return f"at {every}"


def _interval_in_words(seconds: int) -> str:
    units = (("day", 86400), ("hour", 3600), ("minute", 60), ("second", 1))
    unit, length = next((unit, length) for unit, length in units if seconds >= length and seconds % length == 0)
    count = seconds // length
    return f"every {unit}" if count == 1 else f"every {count} {unit}s"


def failures(*, now: datetime, tenant_id: UUID | None = None) -> list[Failures]:
    """Return what failed within `SHOWN_FOR`, the last first: of one account, or of all where none is named."""
    rows = TaskFailure.objects.using(ROLE).filter(failed_at__gt=now - SHOWN_FOR)
    if tenant_id is not None:
        rows = rows.filter(tenant_id=tenant_id)
    alike = list(
        rows.values("task", "error_type", "tenant_id")
        .annotate(count=Count("pk"), last=Max("pk"))
        .order_by("-last")[:FAILURES_SHOWN]
    )
    last = TaskFailure.objects.using(ROLE).in_bulk([each["last"] for each in alike])
    accounts = Account.objects.using(ROLE).in_bulk({each["tenant_id"] for each in alike if each["tenant_id"]})
    return [
        Failures(
            task=each["task"],
            error_type=each["error_type"],
            account=accounts[each["tenant_id"]].name if each["tenant_id"] in accounts else "",
            count=each["count"],
            failed_at=last[each["last"]].failed_at,
            request_id=last[each["last"]].request_id,
        )
        for each in alike
    ]
