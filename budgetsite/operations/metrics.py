"""The operation's own figures: queues and scheduled jobs."""

from collections.abc import Iterable

from budgetsite.operations.broker import queue_lengths, taken_count
from budgetsite.operations.figures import AskedFigure, StoredFigure, register


def _waiting() -> Iterable[tuple[tuple[str, ...], float]]:
    return [((queue.name,), queue.waiting) for queue in queue_lengths()]


def _taken() -> Iterable[tuple[tuple[str, ...], float]]:
    return [((), taken_count())]


register(AskedFigure("queue_tasks_waiting", "Tasks that wait in a queue.", _waiting, labels=("queue",)))
register(AskedFigure("tasks_taken", "Tasks that workers have taken and not finished.", _taken))
register(
    StoredFigure(
        name="job_succeeded_timestamp_seconds",
        explanation="When a scheduled job last succeeded, in seconds since 1970.",
        labels=("job",),
        sql=(
            "SELECT job, extract(epoch FROM succeeded_at) AS value FROM operations_jobrun "
            "WHERE succeeded_at IS NOT NULL"
        ),
        together="max",
        of_accounts=False,
    )
)
register(
    StoredFigure(
        name="job_failed",
        explanation="1 for a scheduled job whose last run failed.",
        labels=("job",),
        sql="SELECT job, (outcome = 'failed')::int AS value FROM operations_jobrun",
        together="max",
        of_accounts=False,
    )
)
