"""The queue for what has no room: joined, offered what becomes free in order, accepted in time or passed on."""

from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from uuid import UUID

from django.db import IntegrityError, transaction
from django.db.models import F, Q

from budgetsite.accounts.models import User
from budgetsite.outbox.services import record_event
from events.holding import hold_event
from events.models import Event
from registrations.models import (
    LIVE_STATUSES,
    MAX_PARTY,
    QUEUED_STATUSES,
    EventOption,
    EventRegistration,
    PickupSlot,
    RegistrationStatus,
    WaitlistEntry,
    WaitlistStatus,
)
from registrations.services.conflicts import slot_conflict, window_conflict
from registrations.services.holding import keep_event
from registrations.services.offers import OFFERED, WAITING, offer_places, offer_slot, tell_waitlist
from registrations.services.places import lock_places, move_places, move_slot
from registrations.services.problems import (
    NothingToWaitFor,
    OfferGone,
    OfferNotYours,
    OptionNotFound,
    PartyNeverFits,
    PartyOutOfRange,
    RegisteredAlready,
    RegistrationConflict,
    SlotNotFound,
    WaitingAlready,
    WaitlistEntryNotFound,
)
from registrations.services.request import one_live_per_person, store_request


@dataclass(frozen=True, slots=True)
class Minded:
    """What became of a queue: offers that had run out, and offers made."""

    expired: int
    offered: int


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

    Raises `NothingToWaitFor` when there is room, `PartyNeverFits` when there never was that much, `WaitingAlready`,
    `RegisteredAlready`, `RegistrationConflict` outside the window and for a slot that is over. Locks the option, then
    the slot.
    """
    if not 1 <= party_size <= MAX_PARTY:
        raise PartyOutOfRange(MAX_PARTY)
    keep_event(event)
    closed = window_conflict(event, now)
    if closed is not None:
        raise RegistrationConflict([closed])
    # Neither can be deleted until the entry is there, which then keeps it.
    lock_places(event_id=event.pk, option_ids={option_id} - {None}, slot_ids={slot_id})
    if not _lacks_room(event, option_id, slot_id, party_size, now=now):
        raise NothingToWaitFor
    live = EventRegistration.objects.filter(
        event_id=event.pk, user=user, event_option_id=option_id, status__in=LIVE_STATUSES
    )
    registered = live.values_list("pk", flat=True).first()
    if registered is not None:
        raise RegisteredAlready(registered)
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
    tell_waitlist(entry, "joined")
    return entry


@transaction.atomic
def accept_offer(
    *, entry_id: UUID, event: Event, user: User, now: datetime, may_decide: bool = False
) -> EventRegistration:
    """Turn an offer into a registration that waits for approval; its places are held already.

    Who queued did so while registration was open; an offer that comes after its end can be accepted all the same.
    Raises `OfferGone` when there is none, or it has run out; `WaitlistEntryNotFound` for somebody else's, and
    `OfferNotYours` when the person may see it because they run the event (`may_decide`).
    """
    entry = _find(entry_id, event, None if may_decide else user)
    if entry.user_id != user.pk:
        raise OfferNotYours
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
            now=min(now, event.registration_end_date),
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
    tell_waitlist(entry, "accepted")
    return registration


@transaction.atomic
def leave_waitlist(*, entry_id: UUID, event: Event, user: User | None, now: datetime) -> WaitlistEntry:
    """Leave the queue, or turn an offer down; what it held is offered to the next.

    `user` is whose entry it has to be; None takes anybody's off, for staff. Raises `OfferGone`,
    `WaitlistEntryNotFound`.
    """
    entry = _find(entry_id, event, user)
    if entry.status not in QUEUED_STATUSES:
        raise OfferGone
    _end(entry, WaitlistStatus.CANCELLED, now=now)
    return entry


@transaction.atomic
def prioritise(*, entry_id: UUID, event: Event, acting_user: User, priority: int) -> WaitlistEntry:
    """Let an entry go before (or after) the others: higher goes first. Raises `WaitlistEntryNotFound`, `OfferGone`."""
    entry = _find(entry_id, event, None)
    if entry.status not in QUEUED_STATUSES:
        raise OfferGone
    entry.priority = priority
    entry.save(update_fields=["priority"])
    record_event(
        kind="waitlist.prioritised",
        subject_type="waitlist_entry",
        subject_id=entry.pk,
        payload={"event_id": str(event.pk), "priority": priority},
    )
    return entry


@transaction.atomic
def expire_offers_of(*, event: Event, now: datetime) -> int:
    """Let an event's offers that have run out pass on, for whoever looks at its queue next. One statement if none."""
    gone = WaitlistEntry.objects.filter(event_id=event.pk, status=OFFERED, offer_expires_at__lte=now)
    held = list(gone.values_list("event_option_id", "preferred_slot_id"))
    if not held or not hold_event(event.pk):
        return 0
    queues = {option_id for option_id, _slot_id in held}
    lock_places(event_id=event.pk, option_ids=queues, slot_ids={slot_id for _option_id, slot_id in held})
    return sum(mind_queue(event_id=event.pk, option_id=option_id, now=now).expired for option_id in queues)


@transaction.atomic
def mind_queue(*, event_id: UUID, option_id: UUID | None, now: datetime) -> Minded:
    """Let a queue's offers that have run out expire, and offer what is free. Nothing for an event that was deleted."""
    if not hold_event(event_id):
        return Minded(expired=0, offered=0)
    event: Event = Event.objects.get(pk=event_id)
    gone = WaitlistEntry.objects.filter(
        event_id=event_id, event_option_id=option_id, status=OFFERED, offer_expires_at__lte=now
    )
    slots = set(gone.values_list("preferred_slot_id", flat=True))
    # The option is locked first, as everybody who gives back its places does.
    lock_places(event_id=event_id, option_ids={option_id}, slot_ids=slots)
    expired = list(
        gone.filter(Q(preferred_slot=None) | Q(preferred_slot__in=slots - {None}))
        .order_by("id")
        .select_for_update(no_key=True, skip_locked=True)
    )
    for entry in expired:
        _end(entry, WaitlistStatus.EXPIRED, now=now, passes_on=False)
    offered = offer_places(event=event, option_id=option_id, now=now)
    for slot_id in sorted({entry.preferred_slot_id for entry in expired if entry.preferred_slot_id}):
        offer_slot(event=event, slot_id=slot_id, now=now)
    return Minded(expired=len(expired), offered=len(offered))


def queues_due(now: datetime) -> list[tuple[UUID, UUID | None]]:
    """Return the queues (event, option) where an offer has run out, or where somebody waits although there is room."""
    run_out = Q(status=OFFERED, offer_expires_at__lte=now)
    has_places = Q(event_option=None) | Q(
        event_option__total_available__gt=F("event_option__committed_count") + F("event_option__held_count")
    )
    has_slot = Q(preferred_slot=None) | Q(
        preferred_slot__capacity__gt=F("preferred_slot__booked"), preferred_slot__ends_at__gt=now
    )
    may_be_offered = Q(status=WAITING, event__event_date__gt=now) & has_places & has_slot
    due = WaitlistEntry.objects.filter(run_out | may_be_offered)
    return list(due.order_by("event_id", "event_option_id").values_list("event_id", "event_option_id").distinct())


def _end(entry: WaitlistEntry, status: WaitlistStatus, *, now: datetime, passes_on: bool = True) -> None:
    was_offered = entry.status == OFFERED
    entry.status, entry.decided_at = status, now
    entry.save(update_fields=["status", "decided_at"])
    tell_waitlist(entry, str(status).lower())
    if not was_offered:
        return
    move_places(event_id=entry.event_id, option_id=entry.event_option_id, held=-entry.party_size)
    if entry.preferred_slot_id is not None:
        move_slot(event_id=entry.event_id, slot_id=entry.preferred_slot_id, places=-entry.party_size)
    if passes_on:
        offer_places(event=entry.event, option_id=entry.event_option_id, now=now)
        if entry.preferred_slot_id is not None:
            offer_slot(event=entry.event, slot_id=entry.preferred_slot_id, now=now)


def _lacks_room(event: Event, option_id: UUID | None, slot_id: UUID | None, party_size: int, *, now: datetime) -> bool:
    """Whether the option or the slot has too little room now, and ever had enough for so many."""
    option: EventOption | None = EventOption.objects.filter(pk=option_id, event_id=event.pk).first()
    if option is None and option_id is not None:
        raise OptionNotFound(option_id)
    slot: PickupSlot | None = PickupSlot.objects.filter(pk=slot_id, event_id=event.pk).first()
    if slot is None and slot_id is not None:
        raise SlotNotFound(slot_id)
    most = [option.total_available] if option else []
    most += [slot.capacity] if slot else []
    if most and min(most) < party_size:
        raise PartyNeverFits(min(most))
    full = None if slot is None else slot_conflict(event, slot, party_size, now=now)
    if full is not None and slot is not None and slot.ends_at <= now:
        raise RegistrationConflict([full])
    return full is not None or (option is not None and option.available_slots < party_size)


def _find(entry_id: UUID, event: Event, user: User | None) -> WaitlistEntry:
    """Hold the event and return an entry of it, locked; of this person where one is named."""
    keep_event(event)
    rows = WaitlistEntry.objects.filter(pk=entry_id, event_id=event.pk).select_related("event", "event_option")
    if user is not None:
        rows = rows.filter(user=user)
    entry: WaitlistEntry | None = rows.select_for_update(no_key=True, of=("self",)).first()
    if entry is None:
        raise WaitlistEntryNotFound
    return entry
