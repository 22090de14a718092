from dataclasses import dataclass
from typing import TYPE_CHECKING
from uuid import UUID

from django.db.models import BooleanField, Count, ExpressionWrapper, Q

from budgets.models import LOCKED_STATUSES, EventBudget
from budgetsite.accounts.roles import BACK_OFFICE, Role
from budgetsite.tenancy.models import LiveManager, TenantQuerySet

if TYPE_CHECKING:
    # Named in the base's brackets, which ruff does not read.
    from alerts.models import AlertRule, BudgetAlert  # noqa: F401


@dataclass(frozen=True, slots=True)
class AlertCount:
    """How many alerts there are, and how many of these nobody has acknowledged."""

    alerts: int = 0
    unacknowledged: int = 0


class BudgetAlertQuerySet(TenantQuerySet["BudgetAlert"]):
    def newest_first(self) -> "BudgetAlertQuerySet":
        return self.order_by("-created_at", "-id")

    def visible_to(self, *, user_id: UUID, role: Role) -> "BudgetAlertQuerySet":
        """The alerts of the budgets that the person sees; those of scoped ones are the back office's."""
        if role in BACK_OFFICE:
            return self.all()
        return self.filter(budget__in=EventBudget.objects.visible_to(user_id=user_id, role=role))

    def open(self) -> "BudgetAlertQuerySet":
        return self.filter(resolved=False)

    def unacknowledged(self) -> "BudgetAlertQuerySet":
        return self.filter(is_acknowledged=False)

    def waiting(self) -> "BudgetAlertQuerySet":
        """Open, acknowledged by nobody, and something can still be done about it."""
        return self.open().unacknowledged().settled(False)

    def settled(self, wanted: bool = True) -> "BudgetAlertQuerySet":
        """The alerts that stay as they are because their budget is finalized or archived, or the others.

        What is to be paid of such a budget is still to be paid, and scoped ones never close.
        """
        of_closed = Q(budget__status__in=LOCKED_STATUSES)
        if wanted:
            return self.filter(of_closed).exclude(alert_type__in=self.model.OF_PAYMENTS)
        return self.filter(Q(alert_type__in=self.model.OF_PAYMENTS) | ~of_closed)

    def for_budget(self, budget_id: UUID) -> "BudgetAlertQuerySet":
        return self.filter(budget_id=budget_id)

    def for_scoped_budget(self, scoped_budget_id: UUID) -> "BudgetAlertQuerySet":
        return self.filter(scoped_budget_id=scoped_budget_id)

    def with_budgets(self) -> "BudgetAlertQuerySet":
        """Read with each alert what it is about: `currency` and `about_name` ask for it."""
        return self.select_related("budget__event", "scoped_budget")

    def for_event(self, event_id: UUID) -> "BudgetAlertQuerySet":
        return self.filter(budget__event_id=event_id)

    def count_by_level(self) -> dict[str, AlertCount]:
        """Count the alerts by level, in one query; a level without any is left out."""
        counted = (
            self.order_by()
            .values_list("level")
            .annotate(alerts=Count("id"), unacknowledged=Count("id", filter=Q(is_acknowledged=False)))
        )
        return {level: AlertCount(alerts, unacknowledged) for level, alerts, unacknowledged in counted}


class AlertRuleQuerySet(TenantQuerySet["AlertRule"]):
    def accounts_first(self) -> "AlertRuleQuerySet":
        """The account's own rule, then those of budgets, oldest first."""
        return self.order_by(ExpressionWrapper(Q(budget=None), BooleanField()).desc(), "created_at", "id")

    def of_account(self) -> "AlertRuleQuerySet":
        return self.filter(budget=None)


class BudgetAlertManager(LiveManager.from_queryset(BudgetAlertQuerySet)):  # type: ignore[misc]
    pass


class AlertRuleManager(LiveManager.from_queryset(AlertRuleQuerySet)):  # type: ignore[misc]
    pass
