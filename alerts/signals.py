"""What happens to alerts. Sent inside the transaction that changes them, with `news`: an `AlertNews`."""

from dataclasses import dataclass
from decimal import Decimal
from uuid import UUID

from django.dispatch import Signal

alert_opened = Signal()
# It got worse: a higher threshold or level, or more overspend.
alert_raised = Signal()
alert_acknowledged = Signal()
# By the person `by`, or by itself when that is None.
alert_resolved = Signal()


@dataclass(frozen=True, slots=True)
class AlertNews:
    """An alert as it is after what has just happened to it; about an event's budget, or about a scoped one."""

    alert_id: UUID
    budget_id: UUID | None
    scoped_budget_id: UUID | None
    line_item_id: UUID | None
    alert_type: str
    level: str
    threshold: Decimal
    utilization: Decimal
    message: str
    by: UUID | None = None
