"""What is kept of the work that nobody waits for: each scheduled job's last run, and what failed lately.

Rows of the platform, not of an account; written and read by the service role. None holds personal data: of a failure
its type is kept, never what it says.
"""

from typing import ClassVar

from django.db import models
from django.db.models import F, Q


class Outcome(models.TextChoices):
    RUNNING = "running", "Running"
    SUCCEEDED = "succeeded", "Succeeded"
    FAILED = "failed", "Failed"


class JobRun(models.Model):
    """The last run of a job that beat starts, one row for each. It keeps two schedulers from starting it twice, too."""

    job = models.CharField(primary_key=True, max_length=200, help_text="The name of its task.")
    task_id = models.CharField(max_length=64)
    scheduled_at = models.DateTimeField(help_text="When a scheduler sent it, by that machine's clock.")
    started_at = models.DateTimeField()
    outcome = models.CharField(max_length=10, choices=Outcome.choices, default=Outcome.RUNNING)
    # Of the last run that ended; while one runs, of the one before.
    duration_seconds = models.FloatField(null=True)
    succeeded_at = models.DateTimeField(null=True)
    error_type = models.CharField(max_length=200, blank=True)

    class Meta:
        constraints: ClassVar[list[models.BaseConstraint]] = [
            models.CheckConstraint(
                condition=Q(outcome=Outcome.FAILED) | Q(error_type=""), name="operations_jobrun_error_of_failure"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.job}: {self.outcome}"


class TaskFailure(models.Model):
    """A task that raised, or whose process died. Kept for `FAILURES_KEPT_FOR`."""

    id = models.BigAutoField(primary_key=True)
    task = models.CharField(max_length=200)
    task_id = models.CharField(max_length=64)
    request_id = models.CharField(max_length=64, help_text="What the log's lines about it carry.")
    # No foreign key: a failure is told of an account that is gone, too.
    tenant_id = models.UUIDField(null=True)
    failed_at = models.DateTimeField()
    error_type = models.CharField(max_length=200)

    class Meta:
        indexes: ClassVar[list[models.Index]] = [
            # The newest, and pruning from the other end.
            models.Index(F("failed_at").desc(), F("id").desc(), name="operations_newest_failures"),
        ]

    def __str__(self) -> str:
        return f"{self.task}: {self.error_type}"
