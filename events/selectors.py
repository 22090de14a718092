"""Reading events and venues for pages."""

from uuid import UUID

from django.db.models import Count, OuterRef, QuerySet, Subquery, Value
from django.db.models.functions import Coalesce

from budgetsite.accounts.models import Membership
from budgetsite.accounts.roles import Role
from events.models import Event, Venue


def event_for_page(event_id: UUID, *, user_id: UUID, role: Role) -> Event | None:
    """Return a live event with its venue and people, or None."""
    event: Event | None = (
        Event.objects.visible_to(user_id=user_id, role=role)
        .select_related("venue", "client", "organizer")
        .filter(pk=event_id)
        .first()
    )
    return event


def venues_with_events() -> QuerySet[Venue]:
    """Return the venues by name, with how many live events take place there (`events_count`)."""
    # A sub-select: PostgreSQL's key of the table is (tenant, id), so grouping by the id alone is refused.
    events = Event.objects.filter(venue=OuterRef("pk")).order_by().values("venue").annotate(number=Count("pk"))
    venues: QuerySet[Venue] = Venue.objects.annotate(
        events_count=Coalesce(Subquery(events.values("number")), Value(0))
    ).order_by("name", "id")
    return venues


def people_of_account() -> list[Membership]:
    """Return the live members of the account with their names, by name."""
    return list(Membership.objects.select_related("user").order_by("user__name", "user__email", "pk"))
