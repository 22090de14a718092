"""Making, changing, deleting and restoring events and venues."""

from datetime import datetime
from typing import Any

from django.core.exceptions import ValidationError
from django.db import connection, transaction

from budgetsite.accounts.models import Account, Membership, User
from budgetsite.accounts.roles import Role
from budgetsite.tenancy.deletion import restore, soft_delete
from budgetsite.tenancy.scope import deleted_rows_visible, require_tenant_id
from events.holding import have_event_alone, hold_event
from events.models import Event, Venue
from events.signals import event_deleting

EVENT_FIELDS = frozenset(
    {
        "name",
        "description",
        "event_type",
        "event_date",
        "registration_start_date",
        "registration_end_date",
        "timezone",
        "currency",
        "expected_guests",
        "pending_holds",
        "venue",
        "client",
        "organizer",
    }
)
VENUE_FIELDS = frozenset({"name", "address", "city", "country", "timezone", "capacity", "notes"})


class VenueInUse(ValueError):
    """A venue that live events take place at."""

    def __init__(self, venue: Venue, events: int) -> None:
        self.venue, self.events = venue, events
        super().__init__(
            f"{events} event(s) take place at {venue}, deleted ones included. Move them to another venue first."
        )


@transaction.atomic
def create_event(*, account: Account, acting_user: User, **fields: Any) -> Event:
    """Make an event; currency and time zone are the account's unless given. Raises `ValidationError` by field."""
    fields.setdefault("currency", account.currency)
    fields.setdefault("timezone", account.timezone)
    fields.setdefault("organizer", acting_user)
    event = Event(tenant=account, created_by=acting_user, **_known(fields))
    _save(event)
    return event


@transaction.atomic
def update_event(*, event: Event, acting_user: User, **fields: Any) -> Event:
    """Change an event. Raises `ValidationError` by field; nothing is stored then. `DoesNotExist` once it is deleted."""
    changes = _known(fields)
    for name, value in changes.items():
        setattr(event, name, value)
    if changes:
        if not hold_event(event.pk):
            raise Event.DoesNotExist("This event was deleted a moment ago, and nothing was saved.")
        _save(event)
    return event


class EventStays(ValueError):
    """Something that hangs on the event keeps it from being deleted."""

    def __init__(self, event: Event, reasons: list[str]) -> None:
        self.event, self.reasons = event, reasons
        super().__init__(f"{event} can't be deleted. {' '.join(reasons)}")


@transaction.atomic
def delete_event(*, event: Event, acting_user: User, now: datetime) -> None:
    """Soft-delete an event with its budget and all below; `restore_event` brings back exactly that.

    Raises `EventStays` when another app has a reason to keep it.
    """
    have_event_alone(event.pk)
    answers = event_deleting.send(sender=Event, event=event)
    reasons = [reason for _receiver, reason in answers if reason]
    if reasons:
        raise EventStays(event, reasons)
    soft_delete(event, now=now)


@transaction.atomic
def restore_event(*, event: Event, acting_user: User) -> None:
    have_event_alone(event.pk)
    restore(event)


@transaction.atomic
def create_venue(*, acting_user: User, **fields: Any) -> Venue:
    """Raises `ValidationError` by field."""
    return _save_venue(Venue(), fields)


@transaction.atomic
def update_venue(*, venue: Venue, acting_user: User, **fields: Any) -> Venue:
    """Change a venue. Raises `ValidationError` by field; nothing is stored then."""
    return _save_venue(venue, fields)


def restore_venue(*, venue: Venue, acting_user: User) -> None:
    restore(venue)


@transaction.atomic
def delete_venue(*, venue: Venue, acting_user: User, now: datetime) -> None:
    """Soft-delete a venue. Raises `VenueInUse` while events take place there; deleted ones count, they may return."""
    list(Venue.objects.filter(pk=venue.pk).select_for_update(no_key=True))
    with deleted_rows_visible():
        events = Event.objects.filter(venue=venue).count()
    if events:
        raise VenueInUse(venue, events)
    soft_delete(venue, now=now)


def _save_venue(venue: Venue, fields: dict[str, Any]) -> Venue:
    unknown = fields.keys() - VENUE_FIELDS
    if unknown:
        raise TypeError(f"not fields of a venue: {', '.join(sorted(unknown))}")
    for name, value in fields.items():
        setattr(venue, name, value)
    venue.clean_fields(exclude=["tenant"])
    venue.save()
    return venue


def _known(fields: dict[str, Any]) -> dict[str, Any]:
    unknown = fields.keys() - EVENT_FIELDS
    if unknown:
        raise TypeError(f"not fields of an event: {', '.join(sorted(unknown))}")
    return fields


def _save(event: Event) -> None:
    event.clean_fields(exclude=["tenant", "venue", "client", "organizer", "created_by"])
    if event.registration_start_date > event.registration_end_date:
        raise ValidationError(
            {"registration_end_date": ValidationError("Registration ends before it starts.", code="window_reversed")}
        )
    if event.client_id is not None and not _is_member(event.client_id, Role.CLIENT):
        raise ValidationError(
            {
                "client": ValidationError(
                    "The client has to be a member of the account with the role client.", code="not_a_client"
                )
            }
        )
    runs_it_for_others = event.organizer_id is not None and event.organizer_id != event.created_by_id
    if runs_it_for_others and not _is_member(event.organizer_id):
        raise ValidationError(
            {"organizer": ValidationError("The organizer has to be a member of the account.", code="not_a_member")}
        )
    if event.venue_id is not None:
        _hold_venue(event)
    event.save()


def _hold_venue(event: Event) -> None:
    """Keep the venue from being deleted until the event is stored."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT 1 FROM events_venue WHERE tenant_id = %s AND id = %s AND deleted_at IS NULL FOR SHARE",
            [require_tenant_id(), event.venue_id],
        )
        if cursor.fetchone() is None:
            raise ValidationError(
                {"venue": ValidationError("There is no such venue. Choose another.", code="does_not_exist")}
            )


def _is_member(user_id: Any, role: Role | None = None) -> bool:
    memberships = Membership.objects.filter(user_id=user_id)
    return bool((memberships.filter(role=role) if role else memberships).exists())
