"""Reading alerts for the start page, the navigation and a budget's page."""

from collections.abc import Collection
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from django.db.models import Case, Count, Q, QuerySet, When

from alerts.models import AlertLevel, AlertRule, BudgetAlert
from alerts.querysets import BudgetAlertQuerySet
from budgetsite.accounts.models import Account
from budgetsite.accounts.permissions import may
from budgetsite.accounts.roles import Role

# 0 for what is most urgent.
GRAVEST_FIRST = Case(When(level=AlertLevel.CRITICAL, then=0), When(level=AlertLevel.WARNING, then=1), default=2)


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


def open_alerts_of(budget_id: UUID) -> QuerySet[BudgetAlert]:
    """The open alerts of a budget, those to acknowledge before the others, the gravest first."""
    alerts: QuerySet[BudgetAlert] = (
        BudgetAlert.objects.open()
        .for_budget(budget_id)
        .select_related("acknowledged_by")
        .order_by("is_acknowledged", GRAVEST_FIRST, "-created_at", "-id")
    )
    return alerts


def open_alerts_of_scoped(scoped_budget_id: UUID) -> QuerySet[BudgetAlert]:
    """The open alerts of a scoped budget, in the same order: at most one of each kind."""
    alerts: QuerySet[BudgetAlert] = (
        BudgetAlert.objects.open()
        .for_scoped_budget(scoped_budget_id)
        .select_related("acknowledged_by")
        .order_by("is_acknowledged", GRAVEST_FIRST, "-created_at", "-id")
    )
    return alerts


def alerts_to_answer(*, user_id: UUID, role: Role) -> QuerySet[BudgetAlert]:
    """The alerts that wait for an answer, the gravest first, with what they are about."""
    nothing: QuerySet[BudgetAlert] = BudgetAlert.objects.none()
    if not may(role, "alerts.view"):
        return nothing
    alerts: QuerySet[BudgetAlert] = (
        BudgetAlert.objects.visible_to(user_id=user_id, role=role)
        .waiting()
        .with_budgets()
        .order_by(GRAVEST_FIRST, "-created_at", "-id")
    )
    return alerts


def alerts_open(*, account: Account, user_id: UUID, role: Role) -> QuerySet[Any] | None:
    """The alerts that wait for this person, to be counted; None for a role that sees none."""
    return alerts_to_answer(user_id=user_id, role=role) if may(role, "alerts.view") else None


def still_open(alert_ids: Collection[UUID]) -> set[UUID]:
    """Return those of these alerts that are not resolved. One statement."""
    return set(BudgetAlert.objects.open().filter(pk__in=alert_ids).values_list("pk", flat=True))


def own_rules() -> QuerySet[AlertRule]:
    """The rules of budgets that have one of their own, by the names of their events."""
    rules: QuerySet[AlertRule] = (
        AlertRule.objects.exclude(budget=None)
        .filter(budget__deleted_at=None)
        .select_related("budget__event")
        .order_by("budget__event__name", "pk")
    )
    return rules
