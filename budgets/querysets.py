from typing import TYPE_CHECKING
from uuid import UUID

from django.db.models import Q

from budgetsite.accounts.roles import BACK_OFFICE, Role
from budgetsite.tenancy.models import LiveManager, TenantQuerySet

if TYPE_CHECKING:
    from budgets.models.event_budget import EventBudget  # noqa: F401  (named in a string below)


class EventBudgetQuerySet(TenantQuerySet["EventBudget"]):
    def newest_first(self) -> "EventBudgetQuerySet":
        return self.order_by("-created_at", "-id")

    def visible_to(self, *, user_id: UUID, role: Role) -> "EventBudgetQuerySet":
        """The back office sees all, organizers those of the events they run, clients their own event's."""
        if role in BACK_OFFICE:
            return self.all()
        if role == Role.ORGANIZER:
            return self.filter(Q(event__organizer_id=user_id) | Q(event__created_by_id=user_id))
        if role == Role.CLIENT:
            return self.filter(event__client_id=user_id)
        return self.none()

    def over_budget(self) -> "EventBudgetQuerySet":
        return self.filter(variance_amount__lt=0)

    def within_budget(self) -> "EventBudgetQuerySet":
        return self.filter(variance_amount__gte=0)


class EventBudgetManager(LiveManager.from_queryset(EventBudgetQuerySet)):  # type: ignore[misc]
    pass
