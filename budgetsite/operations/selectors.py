"""What the page “Operations” shows: scheduled jobs with their last runs, and what failed lately."""

from collections.abc import Iterable
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
    """A job of beat's; `name` says what it does, `every` how often. `due_at` is when it should have started again."""

    name: str
    task: str
    every: str
    run: JobRun | None
    due_at: datetime | None
    state: JobState


@dataclass(frozen=True, slots=True)
class Failures:
    """A task that failed in the same way `count` times; `request_id` and `failed_at` are the last one's."""

    task: str
    error_type: str
    account: str
    count: int
    failed_at: datetime
    request_id: str


def scheduled_jobs(*, now: datetime) -> list[ScheduledJob]:
    """Return all jobs, what needs a look first, then by name. One statement."""
    runs = JobRun.objects.using(ROLE).in_bulk()
    entries: Iterable[tuple[str, dict[str, Any]]] = settings.CELERY_BEAT_SCHEDULE.items()
    jobs = [_job(name, entry, runs.get(entry["task"]), now) for name, entry in entries]
    return sorted(jobs, key=lambda job: (job.state not in (JobState.FAILED, JobState.LATE), job.name))


def _job(name: str, entry: dict[str, Any], run: JobRun | None, now: datetime) -> ScheduledJob:
    every = entry["schedule"]
    due_at = _next(every, run.scheduled_at) if run is not None else None
    return ScheduledJob(name, entry["task"], in_words(every), run, due_at, _state(run, due_at, now))


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
