from datetime import datetime
from typing import TYPE_CHECKING
from uuid import UUID

from django.db.models import Q

from budgetsite.accounts.roles import BACK_OFFICE, Role
from budgetsite.tenancy.models import LiveManager, TenantQuerySet

if TYPE_CHECKING:
    from events.models import Event  # noqa: F401  (named in a string below)


class EventStatus:
    """Where an event stands at a moment; derived from its dates, stored nowhere."""

    UPCOMING = "upcoming"
    REGISTRATION_OPEN = "registration_open"
    REGISTRATION_CLOSED = "registration_closed"
    PAST = "past"
    ALL = (UPCOMING, REGISTRATION_OPEN, REGISTRATION_CLOSED, PAST)


class EventQuerySet(TenantQuerySet["Event"]):
    def newest_first(self) -> "EventQuerySet":
        return self.order_by("-event_date", "-id")

    def visible_to(self, *, user_id: UUID, role: Role) -> "EventQuerySet":
        """The back office sees the account's events, organizers those they run, clients their own.

        Attendees see every event, because they may register for it; its money is another question.
        """
        if role in BACK_OFFICE or role == Role.ATTENDEE:
            return self.all()
        if role == Role.ORGANIZER:
            return self.filter(Q(organizer_id=user_id) | Q(created_by_id=user_id))
        return self.filter(client_id=user_id)

    def with_status(self, status: str, *, now: datetime) -> "EventQuerySet":
        """Events that stand at `status` (one of `EventStatus.ALL`) at `now`."""
        ahead = Q(event_date__gt=now)
        condition = {
            EventStatus.UPCOMING: ahead & Q(registration_start_date__gt=now),
            EventStatus.REGISTRATION_OPEN: ahead & Q(registration_start_date__lte=now, registration_end_date__gte=now),
            EventStatus.REGISTRATION_CLOSED: ahead & Q(registration_end_date__lt=now),
            EventStatus.PAST: Q(event_date__lte=now),
        }[status]
        return self.filter(condition)


class EventManager(LiveManager.from_queryset(EventQuerySet)):  # type: ignore[misc]
    pass
