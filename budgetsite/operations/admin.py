"""The page “Operations”: whether the work that nobody waits for is done.

An account's managers see the jobs and what failed for them. Platform staff see what is behind it, and all accounts.
"""

from collections.abc import Callable, Sequence

from django.contrib import admin
from django.core.exceptions import PermissionDenied
from django.http import HttpResponse
from django.template.response import TemplateResponse
from django.utils import timezone
from django.utils.text import capfirst

from budgetsite.accounts.permissions import may, who_may
from budgetsite.operations.broker import BrokerAway, queue_lengths, taken_count, workers
from budgetsite.operations.figures import figure
from budgetsite.operations.readiness import readings
from budgetsite.operations.selectors import SHOWN_FOR, JobState, ScheduledJob, failures, scheduled_jobs
from budgetsite.pages.back_office.displays import moment
from budgetsite.pages.back_office.requests import StaffRequest
from budgetsite.pages.back_office.site import Panel, PanelRow, staff_page

_TONES = {
    JobState.WAITING: "neutral",
    JobState.RUNNING: "accent",
    JobState.SUCCEEDED: "good",
    JobState.FAILED: "critical",
    JobState.LATE: "warning",
}
ACCOUNTS_NAMED = 5
_AWAY = "The broker can't be reached: tasks neither come in nor are done. See whether Valkey runs."


@staff_page("operations/", name="operations")
def operations(request: StaffRequest) -> HttpResponse:
    if not may(request.role, "operations.view"):
        raise PermissionDenied(who_may("operations.view"))
    everywhere = request.user.is_superuser
    context = {
        **admin.site.each_context(request),
        "title": "Operations",
        "panels": [_needs(), _queues()] if everywhere else [],
        "asks_workers": everywhere,
        "panels_below": [_failures(request), _jobs(request)],
    }
    return TemplateResponse(request, "admin/operations.html", context)


@staff_page("operations/workers", name="operations-workers")
def answering_workers(request: StaffRequest) -> HttpResponse:
    """Which workers answer: they have a second for it, for which the page itself does not wait."""
    if not request.user.is_superuser:
        raise PermissionDenied("Workers serve all accounts: they are for platform staff.")
    context = {**admin.site.each_context(request), "title": "Workers", "panels": [_workers()]}
    template = "admin/panel.html" if request.headers.get("HX-Request") else "admin/operations.html"
    return TemplateResponse(request, template, {**context, "panel": context["panels"][0], "number": "workers"})


def _jobs(request: StaffRequest) -> Panel:
    everywhere = request.user.is_superuser
    tenant_id = None if everywhere else request.account.pk
    rows = [
        PanelRow(
            title=capfirst(job.name),
            note=_of_job(job, everywhere=everywhere),
            badge=capfirst(job.state),
            tone=_TONES[job.state],
        )
        for job in scheduled_jobs(now=timezone.now(), tenant_id=tenant_id)
    ]
    return Panel(title="What runs by itself", rows=rows, empty="Nothing is scheduled.")


def _of_job(job: ScheduledJob, *, everywhere: bool) -> str:
    words = [capfirst(job.every)]
    run = job.run
    if run is None:
        return words[0]
    words.append(f"last started {moment(run.started_at)}")
    if run.outcome != "running" and run.duration_seconds is not None:
        words.append(f"took {took(run.duration_seconds)}")
    if run.error_type and not job.failed_for:
        words.append(run.error_type)
    if job.failed_for:
        words.append(_for_whom(job.failed_for, everywhere=everywhere))
    if job.state == JobState.LATE:
        words.append(f"was due {moment(job.due_at)}: see whether beat and a worker run")
    return ", ".join(words)


def _for_whom(failed: Sequence[tuple[str, str]], *, everywhere: bool) -> str:
    if not everywhere:
        return f"failed for this account: {', '.join(error for _, error in failed)}"
    named = "; ".join(f"{account} ({error})" for account, error in failed[:ACCOUNTS_NAMED])
    more = f" and {len(failed) - ACCOUNTS_NAMED} more" if len(failed) > ACCOUNTS_NAMED else ""
    return f"failed for {named}{more}, done for all others"


def took(seconds: float) -> str:
    """Return how long something took as people say it: `40 ms`, `2.5 s`, `90 s`, `12 min`, `3 h`, `5 days`."""
    if seconds < 1:
        return f"{seconds * 1000:.0f} ms"
    if seconds < 10:
        return f"{seconds:.1f} s"
    for unit, length, until in (("s", 1, 120), ("min", 60, 7200), ("h", 3600, 172_800)):
        if seconds < until:
            return f"{seconds / length:.0f} {unit}"
    return f"{seconds / 86_400:.0f} days"


def _failures(request: StaffRequest) -> Panel:
    everywhere = request.user.is_superuser
    found = failures(now=timezone.now(), tenant_id=None if everywhere else request.account.pk)
    rows = [
        PanelRow(
            title=failed.task,
            badge="Once" if failed.count == 1 else f"{failed.count} times",
            tone="critical",
            note=", ".join(
                [
                    failed.error_type,
                    *([failed.account] if everywhere and failed.account else []),
                    f"last {moment(failed.failed_at)}",
                    f"request {failed.request_id}",
                ]
            ),
        )
        for failed in found
    ]
    return Panel(
        title=f"What failed in the last {SHOWN_FOR.days} days",
        rows=rows,
        empty="Nothing failed." if everywhere else "Nothing failed for this account.",
    )


def _needs() -> Panel:
    said = readings.now().said
    rows = [
        PanelRow(
            title=capfirst(name),
            note=problem,
            badge="Not ready" if problem else "Ready",
            tone="critical" if problem else "good",
        )
        for name, problem in said.items()
    ]
    return Panel(title="What this process needs", rows=rows, empty="Nothing.")


def _queues() -> Panel:
    return _asked_of_the_broker("What waits", _queue_rows, "There are no queues.")


def _queue_rows() -> list[PanelRow]:
    rows = [PanelRow(title=f"Queue {queue.name}", badge=str(queue.waiting)) for queue in queue_lengths()]
    rows.append(PanelRow(title="Taken by workers and not finished", badge=str(taken_count())))
    waiting, failing, lag = (figure("outbox", f"outbox_{each}") for each in ("waiting", "failing", "lag_seconds"))
    if waiting is not None:
        note = f"The oldest waits for {took(lag)}." if waiting and lag is not None else ""
        rows.append(PanelRow(title="Events in the outbox", badge=f"{waiting:.0f}", note=note))
    if failing:
        rows.append(PanelRow(title="Events that a receiver could not take", badge=f"{failing:.0f}", tone="critical"))
    return rows


def _workers() -> Panel:
    return _asked_of_the_broker("Who works", _worker_rows, "No worker answers. Start one: celery -A budgetsite worker")


def _worker_rows() -> list[PanelRow]:
    return [
        PanelRow(
            title=worker.name,
            badge="Answers",
            tone="good",
            note=f"{worker.at_once} task{'' if worker.at_once == 1 else 's'} at once, up for {took(worker.seconds_up)}",
        )
        for worker in workers()
    ]


def _asked_of_the_broker(title: str, rows: Callable[[], Sequence[PanelRow]], empty: str) -> Panel:
    try:
        return Panel(title=title, rows=rows(), empty=empty)
    except BrokerAway:
        return Panel(title=title, rows=[], empty=_AWAY)
