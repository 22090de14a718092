from typing import TYPE_CHECKING
from uuid import UUID

from budgetsite.accounts.permissions import may
from budgetsite.accounts.roles import Role
from budgetsite.tenancy.models import LiveManager, TenantQuerySet

if TYPE_CHECKING:
    from registrations.models import EventRegistration  # noqa: F401  (named in a string below)


class RegistrationQuerySet(TenantQuerySet["EventRegistration"]):
    def newest_first(self) -> "RegistrationQuerySet":
        return self.order_by("-created_at", "-id")

    def visible_to(self, *, user_id: UUID, role: Role) -> "RegistrationQuerySet":
        """Who decides sees those of the events in their sight; everybody else their own."""
        return self.all() if may(role, "registrations.decide") else self.filter(user_id=user_id)


class RegistrationManager(LiveManager.from_queryset(RegistrationQuerySet)):  # type: ignore[misc]
    pass
