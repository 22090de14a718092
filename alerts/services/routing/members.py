"""The account's people by their roles, read once for all events that are told of together."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Self
from uuid import UUID

from budgetsite.accounts.models import Membership
from budgetsite.accounts.roles import Role
from events.models import Event


@dataclass(frozen=True, slots=True)
class Members:
    roles: dict[UUID, Role]

    @classmethod
    def read(cls) -> Self:
        """Read the active members of the current account. Guests are left out: nobody is told as one of them."""
        rows = Membership.objects.filter(user__is_active=True, deleted_at=None).exclude(role=Role.ATTENDEE)
        return cls({user_id: Role(role) for user_id, role in rows.values_list("user_id", "role")})

    def with_roles(self, *roles: Role) -> set[UUID]:
        return {person for person, role in self.roles.items() if role in roles}

    def who_run(self, event: Event) -> set[UUID]:
        """Return who runs an event: its organizer, and who made it where they still work here."""
        people = {event.organizer_id, event.created_by_id}
        return {person for person, role in self.roles.items() if person in people and role != Role.CLIENT}

    def who_approve(self, role: str, *, without: Iterable[UUID | None] = ()) -> set[UUID]:
        """Return who may take a stage that waits for a role: an owner may whatever a manager may."""
        roles = {Role(role), Role.OWNER} if role else {Role.MANAGER, Role.OWNER}
        return self.with_roles(*roles) - {person for person in without if person is not None}
