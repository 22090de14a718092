"""Offering what became free to whoever waits for it.

Offers are made by whoever frees a place, who has locked its option already. Further rows are never waited for: a slot
or another option that is busy is left to the job that watches the queues, so that offering closes no circle of locks.
"""

from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from django.db import transaction
from django.db.models import F, Q

from budgetsite.outbox.services import record_event
from events.models import Event
from registrations.models import EventOption, PickupSlot, RegistrationDesk, WaitlistEntry, WaitlistStatus
from registrations.services.places import move_places, move_slot

WAITING, OFFERED = WaitlistStatus.WAITING, WaitlistStatus.OFFERED
# So many are offered a place in one go; the job that watches the queues goes on from there.
MOST_OFFERS = 50


def offer_places(*, event: Event, option_id: UUID | None, now: datetime) -> list[WaitlistEntry]:
    """Offer what is free to whoever waits, the highest priority and the longest wait first; return who was offered.

    An offer holds its places. It stops at the first whose party does not fit, so that a large party is never passed
    over by those behind it; who waits for a slot that is full keeps nobody else waiting. Inside the transaction that
    freed the places, after the option was locked and before the budget. Nothing once the event has begun.
    """
    if event.event_date <= now:
        return []
    offered: list[WaitlistEntry] = []
    full_slots: set[UUID | None] = set()
    for entry in _waiting(event.pk, option_id, now=now):
        if entry.preferred_slot_id in full_slots:
            continue
        try:
            _hold_for(entry, now=now)
        except _OptionFull:
            break
        except _SlotFull:
            full_slots.add(entry.preferred_slot_id)
            continue
        offered.append(entry)
        if len(offered) == MOST_OFFERS:
            break
    if offered:
        _offer(event, offered, now=now)
    return offered


def offer_slot(*, event: Event, slot_id: UUID, now: datetime) -> list[WaitlistEntry]:
    """Offer a slot that became free to the queues of all options that are not busy; return who was offered."""
    queues = (
        WaitlistEntry.objects.filter(event_id=event.pk, preferred_slot_id=slot_id, status=WAITING)
        .order_by("event_option_id")
        .values_list("event_option_id", flat=True)
        .distinct()
    )
    offered: list[WaitlistEntry] = []
    for option_id in list(queues):
        if _lock_if_free(event.pk, option_id):
            offered += offer_places(event=event, option_id=option_id, now=now)
    return offered


def tell_waitlist(entry: WaitlistEntry, happened: str) -> None:
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


class _OptionFull(Exception):
    """There are not enough places for the first in the queue."""


class _SlotFull(Exception):
    """There is no room at the time that somebody waits for, or it is busy."""


def _waiting(event_id: UUID, option_id: UUID | None, *, now: datetime) -> Iterable[WaitlistEntry]:
    """Return who waits in their order, without those whose slot has no room at all and those who can never fit."""
    has_slot = Q(preferred_slot=None) | Q(
        preferred_slot__capacity__gt=F("preferred_slot__booked"), preferred_slot__ends_at__gt=now
    )
    fits = Q(event_option=None) | Q(event_option__total_available__gte=F("party_size"))
    entries: Any = (
        WaitlistEntry.objects.filter(has_slot & fits, event_id=event_id, event_option_id=option_id, status=WAITING)
        .order_by("-priority", "created_at", "id")
        .select_for_update(no_key=True, skip_locked=True, of=("self",))[: MOST_OFFERS * 2]
    )
    return list(entries)


def _offer(event: Event, entries: list[WaitlistEntry], *, now: datetime) -> None:
    minutes: int = RegistrationDesk.objects.values_list("offer_minutes", flat=True).get(event_id=event.pk)
    expires_at = now + timedelta(minutes=minutes)
    WaitlistEntry.objects.filter(pk__in=[entry.pk for entry in entries]).update(
        status=OFFERED, offered_at=now, offer_expires_at=expires_at
    )
    for entry in entries:
        entry.status, entry.offered_at, entry.offer_expires_at = OFFERED, now, expires_at
        tell_waitlist(entry, "offered")


def _lock_if_free(event_id: UUID, option_id: UUID | None) -> bool:
    """Lock an option (the desk where none is named) unless somebody else has it."""
    rows: Any = (
        RegistrationDesk.objects.filter(event_id=event_id)
        if option_id is None
        else EventOption.objects.filter(pk=option_id)
    )
    return bool(rows.select_for_update(no_key=True, skip_locked=True).values_list("pk").first())


@transaction.atomic
def _hold_for(entry: WaitlistEntry, *, now: datetime) -> None:
    """Take the places that an entry waits for; raises, and nothing is taken, when they are not there."""
    slot_id = entry.preferred_slot_id
    if move_places(event_id=entry.event_id, option_id=entry.event_option_id, held=entry.party_size) is None:
        raise _OptionFull
    if slot_id is None:
        return
    free: Any = PickupSlot.objects.filter(pk=slot_id).select_for_update(no_key=True, skip_locked=True)
    if not free.values_list("pk").first() or not move_slot(
        event_id=entry.event_id, slot_id=slot_id, places=entry.party_size, ends_after=now
    ):
        raise _SlotFull
