"""Keeping what became of tasks, and keeping a job that two schedulers sent from running twice."""

from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from celery.schedules import crontab
from django.conf import settings
from django.db import connections
from django.utils import timezone

from budgetsite.operations.models import JobRun, Outcome, TaskFailure
from budgetsite.operations.pruning import remove_in_batches

ROLE = "service"
# A crontab comes round after a minute at the earliest.
CRONTAB_GAP = timedelta(seconds=50)
PART_OF_INTERVAL = 0.8

# One statement: of two workers with the same job at once, one gets the row. A message that is delivered again, because
# its worker died, is the same run.
_CLAIM = """
    INSERT INTO operations_jobrun AS run (job, task_id, scheduled_at, started_at, outcome, error_type)
    VALUES (%(job)s, %(task_id)s, %(scheduled_at)s, %(now)s, 'running', '')
    ON CONFLICT (job) DO UPDATE SET
        task_id = excluded.task_id, scheduled_at = excluded.scheduled_at, started_at = excluded.started_at,
        outcome = 'running', error_type = ''
    WHERE run.task_id = excluded.task_id OR run.scheduled_at + %(gap)s <= excluded.scheduled_at
    RETURNING true
"""


def claim_run(*, job: str, task_id: str, scheduled_at: datetime, now: datetime) -> bool:
    """Note that a scheduled job starts, and return True; False when another scheduler has sent the same run."""
    arguments: dict[str, Any] = {
        "job": job,
        "task_id": task_id,
        "scheduled_at": scheduled_at,
        "now": now,
        "gap": gap_of(job),
    }
    with connections[ROLE].cursor() as cursor:
        cursor.execute(_CLAIM, arguments)
        return cursor.fetchone() is not None


def gap_of(job: str) -> timedelta:
    """Return how close two runs of a job are one and the same: most of its interval."""
    entries: Iterable[dict[str, Any]] = settings.CELERY_BEAT_SCHEDULE.values()
    return min((_gap(entry["schedule"]) for entry in entries if entry["task"] == job), default=CRONTAB_GAP)


def _gap(every: timedelta | crontab) -> timedelta:
    return PART_OF_INTERVAL * every if isinstance(every, timedelta) else CRONTAB_GAP


def end_run(*, job: str, task_id: str, seconds: float, error_type: str = "") -> None:
    """Note how a run ended that `claim_run` has let start; one that was overtaken meanwhile leaves no mark."""
    run = JobRun.objects.using(ROLE).filter(job=job, task_id=task_id)
    if error_type:
        run.update(outcome=Outcome.FAILED, duration_seconds=seconds, error_type=error_type[:200])
    else:
        run.update(outcome=Outcome.SUCCEEDED, duration_seconds=seconds, error_type="", succeeded_at=timezone.now())


def record_failure(*, task: str, task_id: str, request_id: str, tenant_id: UUID | None, error_type: str) -> None:
    TaskFailure.objects.using(ROLE).create(
        task=task,
        task_id=task_id,
        request_id=request_id,
        tenant_id=tenant_id,
        failed_at=timezone.now(),
        error_type=error_type[:200],
    )


def prune_failures(*, before: datetime) -> int:
    return remove_in_batches(TaskFailure.objects.using(ROLE).filter(failed_at__lt=before))
