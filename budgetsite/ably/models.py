from typing import ClassVar

from django.db import models
from django.db.models.functions import Now

from budgetsite.tenancy.models import TenantRow


class AblyMessage(TenantRow):
    """An event that waits to be published on its account's channel; it goes once Ably has it."""

    event_id = models.UUIDField()
    # The outbox's: a channel has its messages in this order.
    position = models.BigIntegerField()
    kind = models.CharField(max_length=60)
    data = models.JSONField()
    attempts = models.PositiveIntegerField(db_default=0)
    # Not before: after a failure, or while somebody is publishing it.
    next_attempt_at = models.DateTimeField(db_default=Now())

    class Meta(TenantRow.Meta):
        constraints: ClassVar[list[models.BaseConstraint]] = [
            # An event that is relayed again is not published again.
            models.UniqueConstraint(fields=["tenant", "event_id"], name="ably_message_once_per_event"),
        ]
        indexes: ClassVar[list[models.Index]] = [
            # The oldest of an account, and which accounts have some.
            models.Index(fields=["tenant", "position"], name="ably_messages"),
        ]

    def __str__(self) -> str:
        return f"{self.kind} {self.event_id}"
