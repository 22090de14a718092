"""Reading an event's queue."""

from typing import Any
from uuid import UUID

from django.db.models import Case, Count, F, IntegerField, OuterRef, Q, QuerySet, Subquery, Value, When
from django.db.models.functions import Coalesce

from budgetsite.accounts.permissions import may
from budgetsite.accounts.roles import Role
from registrations.models import QUEUED_STATUSES, WaitlistEntry, WaitlistStatus


def waitlist_of(event_id: UUID, *, user_id: UUID, role: Role, over: bool = False) -> QuerySet[Any]:
    """Return the entries that this person may see, in the order of the queue, with `position` among those who wait.

    Those that are over (accepted, expired, cancelled) only with `over`. `position` is None for who has an offer.
    """
    entries = WaitlistEntry.objects.filter(event_id=event_id)
    ahead = (
        entries.filter(status=WaitlistStatus.WAITING)
        .annotate(queue=Coalesce("event_option_id", "event_id"))
        .filter(
            Q(priority__gt=OuterRef("priority"))
            | Q(priority=OuterRef("priority"), created_at__lt=OuterRef("created_at"))
            | Q(priority=OuterRef("priority"), created_at=OuterRef("created_at"), pk__lt=OuterRef("pk")),
            queue=Coalesce(OuterRef("event_option_id"), OuterRef("event_id")),
        )
        .order_by()
        .values("event_id")
        .annotate(number=Count("pk"))
        .values("number")
    )
    position = Case(
        When(status=WaitlistStatus.WAITING, then=Coalesce(Subquery(ahead), Value(0)) + Value(1)),
        default=None,
        output_field=IntegerField(),
    )
    seen = entries if may(role, "registrations.decide") else entries.filter(user_id=user_id)
    if not over:
        seen = seen.filter(status__in=QUEUED_STATUSES)
    ordered: QuerySet[Any] = (
        seen.annotate(position=position)
        .select_related("user", "event_option", "preferred_slot")
        .order_by(F("priority").desc(), "created_at", "id")
    )
    return ordered
