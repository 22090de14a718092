"""Reading registrations for lists and for one answer."""

from typing import Any
from uuid import UUID

from django.db.models import Q, QuerySet

from budgetsite.accounts.roles import Role
from registrations.models import EventRegistration, RegistrationStatus


def registrations_of(event_id: UUID, *, user_id: UUID, role: Role) -> QuerySet[EventRegistration]:
    """Return an event's registrations that this person may see, newest first, with person and option."""
    visible: QuerySet[EventRegistration] = (
        EventRegistration.objects.visible_to(user_id=user_id, role=role)
        .filter(event_id=event_id)
        .select_related("user", "event_option", "preferred_slot", "assigned_slot")
        .newest_first()
    )
    return visible


def matching(registrations: QuerySet[Any], search: str) -> QuerySet[Any]:
    """Narrow down by a person's name or address, in any place and case."""
    return registrations.filter(Q(user__name__icontains=search) | Q(user__email__icontains=search))


def with_slot(registrations: QuerySet[Any], slot_id: UUID) -> QuerySet[Any]:
    """Narrow down to whoever has that slot, or wants it while they wait."""
    wants = Q(preferred_slot_id=slot_id, status=RegistrationStatus.PENDING)
    return registrations.filter(Q(assigned_slot_id=slot_id) | wants)
