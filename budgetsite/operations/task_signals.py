"""What Celery says of each task, put into figures, lines of the log and the record of runs.

A task goes on under the id of the request that started it: the id travels in the message's headers, through the tasks
that a task starts as well. A job that beat starts has its own id for that.
"""

import logging
import time
from contextvars import Token
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from celery import signals
from django.db import close_old_connections, connections
from django.utils import timezone
from prometheus_client import Counter, Histogram

from budgetsite.operations.figures_folder import open_folder
from budgetsite.operations.log_lines import current_task, type_of
from budgetsite.operations.piecework import SomeFailed
from budgetsite.operations.request_id import NONE, current_request_id, enter_request, leave_request
from budgetsite.operations.runs import ROLE, claim_run, end_run, record_failure
from budgetsite.operations.worker_figures import serve_figures

logger = logging.getLogger("budgetsite.tasks")

REQUEST_ID = "request_id"
# When beat has sent a message.
SCHEDULED_AT = "scheduled_at"
# As Celery itself marks what beat sends.
_SENT_BY_BEAT = "celery_beat_task"
TASKS = Counter("budgetsite_tasks_total", "Tasks that ended.", ["task", "outcome"])
SECONDS = Histogram(
    "budgetsite_task_seconds",
    "How long tasks took.",
    ["task"],
    buckets=(0.05, 0.1, 0.5, 1, 5, 15, 60, 300, 900, float("inf")),
)
_OUTCOMES = {"SUCCESS": "succeeded", "FAILURE": "failed", "RETRY": "retried"}


@dataclass
class AtWork:
    """A task between its start and its end."""

    request_token: Token[str]
    task_token: Token[tuple[str, str] | None]
    started: float
    error_type: str = ""
    # Whether it is the run of a scheduled job that is kept.
    is_recorded: bool = False


_at_work: dict[str, AtWork] = {}


def connect() -> None:
    signals.before_task_publish.connect(hand_on_request_id, dispatch_uid="operations.publish")
    signals.task_prerun.connect(task_starts, dispatch_uid="operations.prerun")
    signals.task_failure.connect(task_fails, dispatch_uid="operations.failure")
    signals.task_postrun.connect(task_ends, dispatch_uid="operations.postrun")
    signals.worker_init.connect(worker_starts, dispatch_uid="operations.worker")


def worker_starts(**kwargs: Any) -> None:
    open_folder()
    serve_figures()


def hand_on_request_id(headers: dict[str, Any] | None = None, **kwargs: Any) -> None:
    if headers is None:
        return
    if current_request_id() != NONE:
        headers.setdefault(REQUEST_ID, current_request_id())
    if headers.get(_SENT_BY_BEAT):
        # A retry of it keeps the first time.
        headers.setdefault(SCHEDULED_AT, timezone.now().isoformat())


def task_starts(task_id: str, task: Any, **kwargs: Any) -> None:
    if not task.request.is_eager:
        # Those of the task before are kept where they are well.
        close_old_connections()
    request_id = getattr(task.request, REQUEST_ID, None)
    if request_id is None:
        request_id = task_id if current_request_id() == NONE else current_request_id()
    at_work = AtWork(enter_request(request_id), current_task.set((task.name, task_id)), time.perf_counter())
    _at_work[task_id] = at_work
    scheduled_at = getattr(task.request, SCHEDULED_AT, None)
    if scheduled_at is not None:
        sent, now = datetime.fromisoformat(scheduled_at), timezone.now()
        at_work.is_recorded = claim_run(job=task.name, task_id=task_id, scheduled_at=sent, now=now)
        # One that may run beside itself goes on all the same.
        task.request.superseded = not at_work.is_recorded and getattr(task, "runs_once", False)


def task_fails(sender: Any, task_id: str, exception: BaseException, kwargs: dict[str, Any], **rest: Any) -> None:
    """Called in the worker's process; and in its parent, when the process was killed or took too long."""
    tenant_id = (kwargs or {}).get("tenant_id")
    failures = _failures(exception, UUID(tenant_id) if tenant_id else None)
    at_work = _at_work.get(task_id)
    if at_work is None:
        TASKS.labels(sender.name, "lost").inc()
    else:
        at_work.error_type = failures[0][1]
    facts = {"task": sender.name, "task_id": task_id, "outcome": "failed", "tenant_id": tenant_id}
    logger.error(
        "task %s failed",
        sender.name,
        exc_info=(type(exception), exception, exception.__traceback__),
        extra={"facts": facts},
    )
    if not sender.request.is_eager:
        for account, error_type in failures:
            record_failure(
                task=sender.name,
                task_id=task_id,
                request_id=getattr(sender.request, REQUEST_ID, None) or task_id,
                tenant_id=account,
                error_type=error_type,
            )
        if at_work is None:
            # The parent makes further processes, which must not find a connection of its.
            connections[ROLE].close()


def _failures(exception: BaseException, tenant_id: UUID | None) -> list[tuple[UUID | None, str]]:
    """Return whose work failed and how: of one account each, where a task works for several."""
    if isinstance(exception, SomeFailed):
        return [(account or tenant_id, error_type) for account, error_type in exception.first_by_account.items()]
    return [(tenant_id, type_of(exception))]


def task_ends(task_id: str, task: Any, state: str, kwargs: dict[str, Any], **rest: Any) -> None:
    at_work = _at_work.pop(task_id)
    seconds = time.perf_counter() - at_work.started
    outcome = "superseded" if getattr(task.request, "superseded", False) else _OUTCOMES.get(state, state.lower())
    try:
        if at_work.is_recorded and state in ("SUCCESS", "FAILURE"):
            end_run(job=task.name, task_id=task_id, seconds=seconds, error_type=at_work.error_type)
    finally:
        _tell_end(task.name, outcome, seconds, (kwargs or {}).get("tenant_id"))
        current_task.reset(at_work.task_token)
        leave_request(at_work.request_token)


def _tell_end(task: str, outcome: str, seconds: float, tenant_id: str | None) -> None:
    facts = {"outcome": outcome, "duration_ms": round(seconds * 1000, 1), "tenant_id": tenant_id}
    logger.info("task %s %s", task, outcome, extra={"facts": facts})
    SECONDS.labels(task).observe(seconds)
    TASKS.labels(task, outcome).inc()
