"""The queue for what has no room: joined, offered what becomes free in order, accepted in time or passed on."""

from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any
from uuid import UUID

from django.db import IntegrityError, transaction

from budgetsite.accounts.models import User
from budgetsite.outbox.services import record_event
from events.models import Event
from registrations.models import (
    MAX_PARTY,
    EventOption,
    EventRegistration,
    PickupSlot,
    RegistrationDesk,
    RegistrationStatus,
    WaitlistEntry,
    WaitlistStatus,
)
from registrations.services.conflicts import window_conflict
from registrations.services.places import move_places, move_slot
from registrations.services.problems import (
    NothingToWaitFor,
    OfferGone,
    OptionNotFound,
    PartyOutOfRange,
    RegistrationConflict,
    WaitingAlready,
    WaitlistEntryNotFound,
)
from registrations.services.request import one_live_per_person, store_request

WAITING, OFFERED = WaitlistStatus.WAITING, WaitlistStatus.OFFERED
# So many are offered a place in one go; the job that watches offers goes on from there.
MOST_OFFERS = 50


@transaction.atomic
def join_waitlist(
    *,
    event: Event,
    user: User,
    option_id: UUID | None,
    slot_id: UUID | None,
    now: datetime,
    party_size: int = 1,
    notes: str = "",
) -> WaitlistEntry:
    """Queue for an option or a slot that has no room.

    Raises `NothingToWaitFor` when there is room, `WaitingAlready`, `RegistrationConflict` outside the window.
    """
    if not 1 <= party_size <= MAX_PARTY:
        raise PartyOutOfRange(MAX_PARTY)
    closed = window_conflict(event, now)
    if closed is not None:
        raise RegistrationConflict([closed])
    if option_id is not None and not EventOption.objects.filter(pk=option_id, event_id=event.pk).exists():
        raise OptionNotFound(option_id)
    if _has_room(option_id, slot_id, party_size):
        raise NothingToWaitFor
    entry = WaitlistEntry(
        event=event,
        user=user,
        event_option_id=option_id,
        preferred_slot_id=slot_id,
        party_size=party_size,
        notes=notes,
    )
    try:
        with transaction.atomic():
            entry.save(force_insert=True)
    except IntegrityError as error:
        if "registrations_waits_once" not in str(error):
            raise
        raise WaitingAlready from error
    _tell(entry, "joined")
    return entry


def offer_places(*, event: Event, option_id: UUID | None, now: datetime) -> list[WaitlistEntry]:
    """Offer what is free to whoever waits, the highest priority and the longest wait first; return who was offered.

    An offer holds its places. It stops at the first whose party does not fit, so that a large party is never passed
    over for ever. Inside the transaction that freed the places, after the option was locked.
    """
    waiting: Any = (
        WaitlistEntry.objects.filter(event_id=event.pk, event_option_id=option_id, status=WAITING)
        .order_by("-priority", "created_at", "id")
        .select_for_update(no_key=True, skip_locked=True)[:MOST_OFFERS]
    )
    offered: list[WaitlistEntry] = []
    expires_at: datetime | None = None
    for entry in waiting:
        if not _hold_for(entry, now=now):
            break
        if expires_at is None:
            expires_at = now + timedelta(minutes=_offer_minutes(event))
        entry.status, entry.offered_at, entry.offer_expires_at = OFFERED, now, expires_at
        entry.save(update_fields=["status", "offered_at", "offer_expires_at"])
        _tell(entry, "offered")
        offered.append(entry)
    return offered


@transaction.atomic
def accept_offer(*, entry_id: UUID, event: Event, user: User, now: datetime) -> EventRegistration:
    """Turn an offer into a registration that waits for approval; its places are held already.

    Raises `OfferGone` when there is none, or it has run out; `WaitlistEntryNotFound` for somebody else's.
    """
    entry = _own(entry_id, event, user)
    if entry.status != OFFERED or entry.offer_expires_at is None or entry.offer_expires_at <= now:
        raise OfferGone
    option = entry.event_option
    with one_live_per_person(event, user, entry.event_option_id):
        registration = store_request(
            event=event,
            user=user,
            option_id=entry.event_option_id,
            slot_id=entry.preferred_slot_id,
            party_size=entry.party_size,
            holds=True,
            quoted_cost=option.cost_per_unit if option is not None else Decimal(0),
            notes=entry.notes,
            now=now,
        )
        # Its places are held by the offer already.
        move_places(
            event_id=event.pk,
            option_id=entry.event_option_id,
            pending_places=entry.party_size,
            statuses={RegistrationStatus.PENDING: 1},
        )
    entry.status, entry.decided_at, entry.registration = WaitlistStatus.ACCEPTED, now, registration
    entry.save(update_fields=["status", "decided_at", "registration"])
    _tell(entry, "accepted")
    return registration


@transaction.atomic
def leave_waitlist(*, entry_id: UUID, event: Event, user: User, now: datetime) -> WaitlistEntry:
    """Leave the queue, or turn an offer down; what it held is offered to the next."""
    entry = _own(entry_id, event, user)
    if entry.status not in (WAITING, OFFERED):
        raise OfferGone
    _end(entry, WaitlistStatus.CANCELLED, now=now)
    return entry


@transaction.atomic
def expire_offers(*, now: datetime) -> int:
    """Let offers that have run out pass on to the next; return how many. Safe to run twice and at once."""
    gone: Any = (
        WaitlistEntry.objects.filter(status=OFFERED, offer_expires_at__lte=now)
        .select_related("event")
        .order_by("offer_expires_at", "id")
        .select_for_update(no_key=True, skip_locked=True, of=("self",))
    )
    expired = list(gone)
    for entry in expired:
        _end(entry, WaitlistStatus.EXPIRED, now=now)
    return len(expired)


def _end(entry: WaitlistEntry, status: WaitlistStatus, *, now: datetime) -> None:
    was_offered = entry.status == OFFERED
    entry.status, entry.decided_at = status, now
    entry.save(update_fields=["status", "decided_at"])
    _tell(entry, str(status).lower())
    if not was_offered:
        return
    move_places(event_id=entry.event_id, option_id=entry.event_option_id, held=-entry.party_size)
    if entry.preferred_slot_id is not None:
        move_slot(event_id=entry.event_id, slot_id=entry.preferred_slot_id, places=-entry.party_size)
    offer_places(event=entry.event, option_id=entry.event_option_id, now=now)


def _hold_for(entry: WaitlistEntry, *, now: datetime) -> bool:
    """Take the places that an entry waits for; False, and nothing taken, when they are not there."""
    try:
        with transaction.atomic():
            price = move_places(event_id=entry.event_id, option_id=entry.event_option_id, held=entry.party_size)
            if price is None:
                raise _NotYet
            if entry.preferred_slot_id is not None and not move_slot(
                event_id=entry.event_id, slot_id=entry.preferred_slot_id, places=entry.party_size, ends_after=now
            ):
                raise _NotYet
    except _NotYet:
        return False
    return True


class _NotYet(Exception):
    """There is no room for the first in the queue."""


def _has_room(option_id: UUID | None, slot_id: UUID | None, party_size: int) -> bool:
    option: EventOption | None = EventOption.objects.filter(pk=option_id).first() if option_id else None
    slot: PickupSlot | None = PickupSlot.objects.filter(pk=slot_id).first() if slot_id else None
    enough = option is None or option.available_slots >= party_size
    return enough and (slot is None or slot.available >= party_size)


def _offer_minutes(event: Event) -> int:
    minutes: int = RegistrationDesk.objects.values_list("offer_minutes", flat=True).get(event_id=event.pk)
    return minutes


def _own(entry_id: UUID, event: Event, user: User) -> WaitlistEntry:
    rows = WaitlistEntry.objects.filter(pk=entry_id, event_id=event.pk, user=user).select_related(
        "event", "event_option"
    )
    entry: WaitlistEntry | None = rows.select_for_update(no_key=True, of=("self",)).first()
    if entry is None:
        raise WaitlistEntryNotFound
    return entry


def _tell(entry: WaitlistEntry, happened: str) -> None:
    record_event(
        kind=f"waitlist.{happened}",
        subject_type="waitlist_entry",
        subject_id=entry.pk,
        payload={
            "event_id": str(entry.event_id),
            "event_option_id": str(entry.event_option_id) if entry.event_option_id else None,
            "party_size": entry.party_size,
            "offer_expires_at": entry.offer_expires_at.isoformat() if entry.offer_expires_at else None,
        },
    )
