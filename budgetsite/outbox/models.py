from typing import ClassVar

from django.conf import settings
from django.db import models
from django.db.models import Func, Value

from budgetsite.tenancy.models import TenantRow


class OutboxEvent(TenantRow):
    """Something that has happened, written in the transaction that made it happen, to be told outside after it.

    `position` grows with every event of the database: what is told of one subject is told in that order. What
    happened never changes; whether it has been relayed does (`budgetsite.outbox.relay`).
    """

    position = models.BigIntegerField(
        editable=False,
        db_default=Func(Value("outbox_position"), function="nextval", output_field=models.BigIntegerField()),
    )
    # What happened, as `subject.participle`: budget.submitted.
    kind = models.CharField(max_length=60)
    subject_type = models.CharField(max_length=40)
    subject_id = models.UUIDField()
    payload = models.JSONField(default=dict)
    actor = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, null=True, related_name="+", db_index=False
    )
    # None while some consumer has not had it.
    relayed_at = models.DateTimeField(null=True, editable=False)
    # How often relaying it failed, when it is tried again, and which consumer failed with what kind of error.
    attempts = models.PositiveSmallIntegerField(db_default=0, editable=False)
    retry_at = models.DateTimeField(null=True, editable=False)
    failure = models.CharField(max_length=200, db_default="", editable=False)

    class Meta(TenantRow.Meta):
        indexes: ClassVar[list[models.Index]] = [
            # What waits: the accounts that have something, their subjects, the events of each in their order.
            models.Index(
                fields=["tenant", "subject_id", "subject_type", "position"],
                condition=models.Q(relayed_at=None),
                name="outbox_event_waiting",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.kind} {self.subject_id}"
