"""The life of a registration: asked for, approved, rejected, cancelled. One door each; nothing else moves places."""

from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any
from uuid import UUID

from django.db import transaction

from budgetsite.accounts.models import User
from budgetsite.tenancy.scope import require_tenant_id
from events.holding import HOLD_EVENT, event_lock
from events.models import Event
from registrations.models import (
    LIVE_STATUSES,
    MAX_PARTY,
    EventRegistration,
    PickupSlot,
    RegistrationDesk,
    RegistrationStatus,
)
from registrations.services.conflicts import slot_conflict, window_conflict
from registrations.services.holding import keep_event
from registrations.services.offers import offer_places, offer_slot
from registrations.services.places import exchange_slots, hold_places, move_places, move_slot
from registrations.services.policy import kept_when_cancelled
from registrations.services.problems import (
    CollectedAlready,
    Conflict,
    ConflictType,
    InvalidStatusChange,
    OwnRegistration,
    PartyOutOfRange,
    RegisteredAlready,
    RegistrationConflict,
    RegistrationNotFound,
    SlotNotFound,
)
from registrations.services.promise import commit, release
from registrations.services.request import keep_and_tell, one_live_per_person, store_request, tell
from registrations.services.waitlist import expire_offers_of
from registrations.services.wish import NoRoom, Wish, look_at_option, why_refused

PENDING, APPROVED = RegistrationStatus.PENDING, RegistrationStatus.APPROVED
REJECTED, CANCELLED = RegistrationStatus.REJECTED, RegistrationStatus.CANCELLED

# What offers that have run out may have held.
_PLACES = (ConflictType.INVENTORY_EXHAUSTED, ConflictType.SLOT_CONFLICT)
# From where to where; nothing leaves REJECTED or CANCELLED.
MOVES: dict[str, tuple[str, ...]] = {
    PENDING: (APPROVED, REJECTED, CANCELLED),
    APPROVED: (REJECTED, CANCELLED),
    REJECTED: (),
    CANCELLED: (),
}

# The row is locked and changed at once: of two people who decide, the second finds it decided.
_DECIDE = f"""
    WITH gate AS MATERIALIZED (SELECT {HOLD_EVENT})
    UPDATE registrations_eventregistration r SET status = %(status)s, decided_at = %(now)s, decided_by_id = %(actor)s,
        reason = %(reason)s
    FROM gate
    WHERE r.tenant_id = %(tenant)s AND r.id = %(registration)s AND r.event_id = %(event)s AND r.deleted_at IS NULL
        AND r.status = ANY (%(from)s) AND (%(own_allowed)s OR r.user_id IS DISTINCT FROM %(actor)s)
        AND r.collected_at IS NULL
    RETURNING r.*
"""


@dataclass(frozen=True, slots=True)
class Decided:
    """`changed` is False when it had that status already."""

    registration: EventRegistration
    changed: bool


def register(
    *,
    event: Event,
    user: User,
    option_id: UUID | None,
    slot_id: UUID | None,
    now: datetime,
    party_size: int = 1,
    notes: str = "",
) -> EventRegistration:
    """Ask for places: PENDING, which holds them unless the event says that asking holds nothing.

    Raises `RegistrationConflict` with every tier that fails, `OptionNotFound`, `RegisteredAlready`, `PartyOutOfRange`.
    Nothing is stored then. Locks the new registration, the option, the slot.
    """
    if not 1 <= party_size <= MAX_PARTY:
        raise PartyOutOfRange(MAX_PARTY)
    wish = Wish(event=event, option_id=option_id, slot_id=slot_id, party_size=party_size, moment=now)
    try:
        return _request(wish, user, notes)
    except NoRoom as refusal:
        if not _places_come_back(refusal, now=now):
            raise why_refused(refusal, now=now) from refusal
    # Offers had run out, and what nobody in the queue could take is there for everyone.
    try:
        return _request(wish, user, notes)
    except NoRoom as refusal:
        raise why_refused(refusal, now=now) from refusal


def approve(
    *,
    registration_id: UUID,
    event: Event,
    acting_user: User,
    now: datetime,
    assigned_slot_id: UUID | None = None,
    beyond_funding: str = "",
) -> Decided:
    """Approve a pending registration: its places are promised, and what they cost is committed, all or nothing.

    All tiers are checked again; the window by when it was asked for, so that what came in time can be approved later.
    The price is that of now. Approving an approved one changes nothing. `beyond_funding` is the reason of somebody who
    may promise more than the scoped budgets have that pay for the event's; it is kept. Raises `RegistrationConflict`,
    `OwnRegistration`, `InvalidStatusChange`, `RegistrationNotFound`. Locks registration, option, slot, budget, line.
    """
    try:
        with transaction.atomic():
            registration = _decide(
                registration_id,
                event,
                to=APPROVED,
                actor=acting_user,
                now=now,
                reason=beyond_funding,
                own_allowed=False,
            )
            if registration is None:
                return _undecided(registration_id, event, wanted=APPROVED, actor=acting_user)
            _promise(registration, event, acting_user, assigned_slot_id, beyond_funding=beyond_funding, now=now)
            return Decided(registration=registration, changed=True)
    except NoRoom as refusal:
        raise why_refused(refusal, now=now) from refusal


@transaction.atomic
def reject(*, registration_id: UUID, event: Event, acting_user: User, now: datetime, reason: str = "") -> Decided:
    """Reject a registration: what it held or had promised is free again, all of it. Raises as `approve`."""
    return _leave(registration_id, event, to=REJECTED, actor=acting_user, now=now, reason=reason)


@transaction.atomic
def cancel(*, registration_id: UUID, event: Event, acting_user: User, now: datetime, reason: str = "") -> Decided:
    """Cancel a registration. What an approved one had promised is released.

    When its owner cancels later than the event allows, the event's share of it stays as cost. Raises as `approve`.
    """
    return _leave(registration_id, event, to=CANCELLED, actor=acting_user, now=now, reason=reason)


@transaction.atomic
def assign(
    *, registration_id: UUID, event: Event, slot_id: UUID, acting_user: User, now: datetime
) -> EventRegistration:
    """Give a live registration another slot; the one that it had is free again.

    Raises `RegistrationConflict` without room, `InvalidStatusChange` for one that is over, `CollectedAlready`,
    `SlotNotFound`.
    """
    keep_event(event)
    registration = _read(registration_id, event, lock=True)
    if registration.status not in LIVE_STATUSES:
        raise InvalidStatusChange(status=registration.status, wanted=None, allowed=[])
    if registration.collected_at is not None:
        raise CollectedAlready
    approved = registration.status == APPROVED
    had = registration.assigned_slot_id if approved else registration.preferred_slot_id
    if had == slot_id:
        return registration
    places = registration.party_size if approved or registration.holds else 0
    if not exchange_slots(
        event_id=event.pk, old=had, new=slot_id, places=places, wanted=registration.party_size, ends_after=now
    ):
        raise RegistrationConflict([_why_not(slot_id, event, registration.party_size, now=now)])
    column = "assigned_slot_id" if approved else "preferred_slot_id"
    EventRegistration.objects.filter(pk=registration.pk).update(**{column: slot_id})
    setattr(registration, column, slot_id)
    tell(registration, "slot_assigned")
    if had is not None and places:
        offer_slot(event=event, slot_id=had, now=now)
    return registration


def _request(wish: Wish, user: User, notes: str) -> EventRegistration:
    """Store a request and take its places, all or nothing. Raises `NoRoom`, `RegisteredAlready`, `OptionNotFound`."""
    event, now = wish.event, wish.moment
    look = None
    if wish.option_id is None:
        keep_event(event)
        if window_conflict(event, now) is not None:
            raise NoRoom(ConflictType.REGISTRATION_CLOSED, wish)
    else:
        look = look_at_option(wish, wish.option_id, user)
        refused = look.refusal_of(wish)
        if look.live_id is not None and refused != ConflictType.REGISTRATION_CLOSED:
            # Who pressed twice for the last place has it, and is not told that it is gone.
            raise RegisteredAlready(look.live_id)
        if refused is not None:
            raise NoRoom(refused, wish, look)
    option = look.option if look else None
    with one_live_per_person(event, user, wish.option_id):
        registration = store_request(
            event=event,
            user=user,
            option_id=wish.option_id,
            slot_id=wish.slot_id,
            party_size=wish.party_size,
            holds=event.pending_holds,
            quoted_cost=option.cost_per_unit if option else Decimal(0),
            notes=notes,
            now=now,
        )
        # As whoever shows it wants it, without reading it again.
        registration.event_option = option
        _hold(wish, now=now)
        return registration


def _places_come_back(refusal: NoRoom, *, now: datetime) -> bool:
    """Whether offers had run out that held places or slots; the next in the queue come first."""
    if refusal.conflict_type not in _PLACES or (refusal.look is not None and not refusal.look.offers_have_run_out):
        return False
    return bool(expire_offers_of(event=refusal.wish.event, now=now))


def _hold(wish: Wish, *, now: datetime) -> None:
    """Take the places that a new registration asks for, or see that they are there where asking holds nothing."""
    event, holds, places = wish.event, wish.event.pending_holds, wish.party_size
    if wish.option_id is not None and wish.slot_id is not None:
        option_has_room, slot_has_room = hold_places(
            event_id=event.pk,
            option_id=wish.option_id,
            slot_id=wish.slot_id,
            places=places,
            holds=holds,
            ends_after=now,
        )
        if not option_has_room:
            raise NoRoom(ConflictType.INVENTORY_EXHAUSTED, wish)
        if not slot_has_room:
            raise NoRoom(ConflictType.SLOT_CONFLICT, wish)
        return
    price = move_places(
        event_id=event.pk,
        option_id=wish.option_id,
        held=places if holds else 0,
        wanted=0 if holds else places,
        pending_places=places,
        statuses={PENDING: 1},
    )
    if price is None:
        # An event without its desk was deleted a moment ago.
        gone = ConflictType.INVENTORY_EXHAUSTED if wish.option_id else ConflictType.REGISTRATION_CLOSED
        raise NoRoom(gone, wish)
    if wish.slot_id is not None and not move_slot(
        event_id=event.pk, slot_id=wish.slot_id, places=places if holds else 0, wanted=places, ends_after=now
    ):
        raise NoRoom(ConflictType.SLOT_CONFLICT, wish)


def _promise(
    registration: EventRegistration,
    event: Event,
    actor: User,
    assigned_slot_id: UUID | None,
    *,
    beyond_funding: str,
    now: datetime,
) -> None:
    """Turn what a registration holds into a promise of places and of money; its status says so already."""
    places, held = registration.party_size, registration.holds
    slot_id = assigned_slot_id or registration.preferred_slot_id
    moves_slot = not held or slot_id != registration.preferred_slot_id
    wish = Wish(
        event=event,
        option_id=registration.event_option_id,
        slot_id=slot_id if moves_slot else None,
        party_size=places,
        moment=registration.requested_at,
        held=held,
    )
    if window_conflict(event, wish.moment) is not None:
        raise NoRoom(ConflictType.REGISTRATION_CLOSED, wish)
    price = move_places(
        event_id=event.pk,
        option_id=registration.event_option_id,
        held=-places if held else 0,
        committed=places,
        pending_places=-places,
        statuses={PENDING: -1, APPROVED: 1},
    )
    if price is None:
        raise NoRoom(ConflictType.INVENTORY_EXHAUSTED, wish)
    had = registration.preferred_slot_id if held else None
    if moves_slot and not exchange_slots(
        event_id=event.pk,
        old=had,
        new=slot_id,
        places=places,
        ends_after=now if slot_id != registration.preferred_slot_id else None,
    ):
        raise NoRoom(ConflictType.SLOT_CONFLICT, wish)
    if had is not None and had != slot_id:
        offer_slot(event=event, slot_id=had, now=now)
    amount = price.cost_per_unit * places
    budget_id = commit(registration, price, amount, beyond_funding=beyond_funding, now=now) if amount else None
    if amount and budget_id is None:
        raise NoRoom(ConflictType.BUDGET_EXHAUSTED, wish)
    changes: dict[str, Any] = {
        "assigned_slot_id": slot_id,
        "amount_committed": amount,
        "committed_budget_id": budget_id,
        "committed_line_id": price.line_item_id if budget_id else None,
        "approved_at": now,
        "approved_by_id": actor.pk,
        "holds": False,
    }
    for name, value in changes.items():
        setattr(registration, name, value)
    keep_and_tell(registration, changes, "approved")


def _leave(registration_id: UUID, event: Event, *, to: str, actor: User, now: datetime, reason: str) -> Decided:
    """Reject or cancel: give back places, slot and money."""
    keep_event(event)
    before = _read(registration_id, event, lock=True)
    left = _decide(registration_id, event, to=to, actor=actor, now=now, reason=reason)
    if left is None:
        return _undecided(registration_id, event, wanted=to, actor=actor)
    places, was_approved = before.party_size, before.status == APPROVED
    move_places(
        event_id=event.pk,
        option_id=before.event_option_id,
        held=-places if before.holds else 0,
        committed=-places if was_approved else 0,
        pending_places=0 if was_approved else -places,
        statuses={before.status: -1, to: 1},
    )
    slot_id = before.assigned_slot_id if was_approved else before.preferred_slot_id if before.holds else None
    if slot_id is not None:
        move_slot(event_id=event.pk, slot_id=slot_id, places=-places)
    if was_approved or before.holds:
        # Before the money: options and slots are locked before the budget.
        offer_places(event=event, option_id=before.event_option_id, now=now)
        if slot_id is not None:
            offer_slot(event=event, slot_id=slot_id, now=now)
    kept = Decimal(0)
    if was_approved and before.amount_committed:
        if to == CANCELLED and before.user_id == actor.pk:
            desk = RegistrationDesk.objects.filter(event_id=event.pk).first()
            kept = kept_when_cancelled(before, event, desk, now=now) if desk else kept
        release(before, kept=kept, now=now)
    changes: dict[str, Any] = {"amount_committed": Decimal(0), "amount_kept": kept, "holds": False}
    for name, value in changes.items():
        setattr(left, name, value)
    keep_and_tell(left, changes, "rejected" if to == REJECTED else "cancelled")
    return Decided(registration=left, changed=True)


def _decide(
    registration_id: UUID,
    event: Event,
    *,
    to: str,
    actor: User,
    now: datetime,
    reason: str = "",
    own_allowed: bool = True,
) -> EventRegistration | None:
    """Change the status where it allows that, and return the row as it is then; None when it does not."""
    parameters = {
        "tenant": require_tenant_id(),
        "registration": registration_id,
        "event": event.pk,
        "event_lock": event_lock(event.pk),
        "status": to,
        "from": [str(status) for status, following in MOVES.items() if to in following],
        "actor": actor.pk,
        "now": now,
        "reason": reason,
        "own_allowed": own_allowed,
    }
    return next(iter(EventRegistration.objects.raw(_DECIDE, parameters)), None)


def _undecided(registration_id: UUID, event: Event, *, wanted: str, actor: User) -> Decided:
    """Find out why a status was not changed: it had it already, or something stands in the way."""
    registration = _read(registration_id, event)
    if registration.status == wanted:
        return Decided(registration=registration, changed=False)
    allowed = [str(status) for status in MOVES[registration.status]]
    if wanted not in allowed:
        raise InvalidStatusChange(status=registration.status, wanted=wanted, allowed=allowed)
    if wanted == APPROVED and registration.user_id == actor.pk:
        raise OwnRegistration
    raise CollectedAlready


def _why_not(slot_id: UUID, event: Event, party_size: int, *, now: datetime) -> Conflict:
    """Say why a slot was not given out. Raises `SlotNotFound` when there is none."""
    slot: PickupSlot | None = PickupSlot.objects.filter(pk=slot_id, event_id=event.pk).first()
    if slot is None:
        raise SlotNotFound(slot_id)
    taken = Conflict(ConflictType.SLOT_CONFLICT, "This slot was taken a moment ago. Try once more.")
    return slot_conflict(event, slot, party_size, now=now) or taken


def _read(registration_id: UUID, event: Event, *, lock: bool = False) -> EventRegistration:
    rows = EventRegistration.objects.filter(pk=registration_id, event_id=event.pk)
    registration: EventRegistration | None = (rows.select_for_update(no_key=True) if lock else rows).first()
    if registration is None:
        raise RegistrationNotFound
    return registration
