"""Reading alerts for the start page, the navigation and a budget's page."""

from dataclasses import dataclass
from uuid import UUID

from django.db.models import Count, Q

from alerts.models import AlertLevel, BudgetAlert
from alerts.querysets import BudgetAlertQuerySet
from budgetsite.accounts.roles import Role


@dataclass(frozen=True, slots=True)
class OpenAlertCounts:
    """How many alerts are open, and how many of these nobody has acknowledged, by level."""

    open: dict[AlertLevel, int]
    unacknowledged: dict[AlertLevel, int]

    @property
    def total_open(self) -> int:
        return sum(self.open.values())

    @property
    def total_unacknowledged(self) -> int:
        return sum(self.unacknowledged.values())


def open_alert_counts(*, user_id: UUID, role: Role) -> OpenAlertCounts:
    """Count the open alerts of the budgets that the person sees, in one query."""
    counted = (
        BudgetAlert.objects.visible_to(user_id=user_id, role=role)
        .open()
        .order_by()
        .values_list("level")
        .annotate(open=Count("id"), unacknowledged=Count("id", filter=Q(is_acknowledged=False)))
    )
    by_level = {AlertLevel(level): (opened, unseen) for level, opened, unseen in counted}
    return OpenAlertCounts(
        open={level: by_level.get(level, (0, 0))[0] for level in AlertLevel},
        unacknowledged={level: by_level.get(level, (0, 0))[1] for level in AlertLevel},
    )


def alerts_for(budget_id: UUID) -> BudgetAlertQuerySet:
    """Return a budget's alerts, newest first, with what is needed to show them."""
    alerts: BudgetAlertQuerySet = (
        BudgetAlert.objects.for_budget(budget_id)
        .select_related("line_item", "acknowledged_by", "resolved_by")
        .newest_first()
    )
    return alerts
