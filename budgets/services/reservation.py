"""Reservations: an estimate is kept free for a while, then settled with the real amount, released, or let expire."""

import logging
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from uuid import UUID

from django.db import transaction
from django.db.models import Q

from budgets.models import EntryKind, EntrySource, Reservation, ReservationStatus
from budgets.services.counting import Movement, count
from budgets.services.hierarchy import hold_hierarchy, read_chain
from budgets.services.problems import CurrencyMismatch
from budgets.services.scoped_problems import ReservationClosed, ReservationNotFound, ScopedBudgetNotFound
from budgets.services.usage import ZERO, Recorded, post_usage
from budgetsite.accounts.models import User
from budgetsite.money.amounts import MAX_AMOUNT, InvalidAmount, parse_usage
from budgetsite.operations.piecework import Piecework

logger = logging.getLogger(__name__)

SHORTEST_SECONDS, LONGEST_SECONDS = 1, 30 * 24 * 3600
SMALLEST = Decimal("0.000001")
# So many are looked up at once.
BATCH_SIZE = 500


@dataclass(frozen=True, slots=True)
class Settled:
    reservation: Reservation
    usage: Recorded


@transaction.atomic
def reserve(
    *,
    budget_id: UUID,
    amount: Decimal,
    ttl_seconds: int,
    acting_user: User | None,
    now: datetime,
    currency: str | None = None,
    description: str = "",
    machine: str = "",
) -> Reservation:
    """Hold an amount in a scoped budget and all its ancestors for so many seconds.

    Raises `NoRoom` when it does not fit, `ScopedBudgetNotFound`, `CurrencyMismatch`, `InvalidAmount`.
    """
    amount = parse_usage(amount, minimum=SMALLEST)
    hold_hierarchy()
    chain = read_chain(budget_id)
    if not chain:
        raise ScopedBudgetNotFound(budget_id)
    if currency is not None and currency != chain[0].currency:
        raise CurrencyMismatch(posted=currency, budget=chain[0].currency)
    reservation = Reservation(
        budget_id=budget_id,
        currency=chain[0].currency,
        amount=amount,
        held_amount=amount,
        held_at=now,
        expires_at=now + timedelta(seconds=ttl_seconds),
        description=description,
        actor_id=None if acting_user is None else acting_user.pk,
        machine=machine,
    )
    # What does not fit is found out by counting it, and undone with all of this.
    count(chain, Movement(at=now, reserved=amount, entries=0), stops=True, now=now)
    reservation.save(force_insert=True)
    return reservation


@transaction.atomic
def settle_reservation(
    *,
    budget_id: UUID,
    reservation_id: UUID,
    amount: Decimal,
    acting_user: User | None,
    now: datetime,
    final: bool = True,
    source: str = EntrySource.API,
    description: str = "",
    metadata: dict[str, object] | None = None,
    machine: str = "",
) -> Settled:
    """Record what was really spent, in the windows that held the reservation, and free what was held for it.

    With `final` everything that is held is free afterwards; without, the rest stays held. More than was held, or after
    it expired, is recorded all the same: it has happened. Raises `ReservationClosed`, `ReservationNotFound`,
    `InvalidAmount`.
    """
    amount = parse_usage(amount, minimum=ZERO)
    hold_hierarchy()
    chain = read_chain(budget_id)
    if not chain:
        raise ScopedBudgetNotFound(budget_id)
    reservation = _lock(budget_id, reservation_id)
    if reservation.status not in (ReservationStatus.HELD, ReservationStatus.EXPIRED):
        raise ReservationClosed(reservation.get_status_display().lower())
    if reservation.settled_amount + amount > MAX_AMOUNT:
        raise InvalidAmount(
            "out_of_range",
            "With what was settled before, this is more than one reservation can keep. Record the rest as usage.",
        )
    freed = reservation.held_amount if final else min(amount, reservation.held_amount)
    reservation.settled_amount += amount
    reservation.held_amount -= freed
    if not reservation.held_amount:
        _close(reservation, ReservationStatus.SETTLED, now)
    reservation.save(update_fields=["settled_amount", "held_amount", "status", "closed_at"])
    usage = post_usage(
        chain,
        kind=EntryKind.ACTUAL,
        amount=amount,
        reserved=-freed,
        source=source,
        source_id=str(reservation.pk),
        acting_user=acting_user,
        occurred_at=reservation.held_at,
        description=description or reservation.description,
        metadata=metadata,
        stops=False,
        machine=machine,
        now=now,
    )
    return Settled(reservation, usage)


@transaction.atomic
def release_reservation(*, budget_id: UUID, reservation_id: UUID, now: datetime) -> Reservation:
    """Free what is held. One that is released or expired already stays as it is. Raises `ReservationClosed` for one
    that was settled, `ReservationNotFound`.
    """
    hold_hierarchy()
    reservation = _lock(budget_id, reservation_id)
    if reservation.status == ReservationStatus.SETTLED:
        raise ReservationClosed(reservation.get_status_display().lower())
    if reservation.status == ReservationStatus.HELD:
        _free(reservation, ReservationStatus.RELEASED, now)
    return reservation


def free_expired_of(budget_id: UUID, *, now: datetime) -> None:
    """Free what has expired on a budget that is about to go. The caller has the hierarchy alone."""
    expired = Reservation.objects.filter(budget_id=budget_id, status=ReservationStatus.HELD, expires_at__lte=now)
    for reservation in expired.order_by("id").select_for_update(no_key=True):
        _free(reservation, ReservationStatus.EXPIRED, now)


def expire_reservations(*, now: datetime) -> int:
    """Free what has expired in the current account, each in a transaction of its own; return how many. Safe to run
    twice at once, and only outside a transaction: several chains freed in one would be locked in no order.

    One failing stops no other: `SomeFailed` is raised at the end.
    """
    freed = 0
    beyond: tuple[datetime, UUID] | None = None
    with Piecework(logger, "reservation %s could not be freed; the next run tries again") as work:
        while expired := _expired(now, beyond):
            for _, reservation_id in expired:
                with work.piece(reservation_id):
                    freed += _expire(reservation_id, now)
            beyond = expired[-1]
    return freed


# Outside a transaction no row of a tenant shows.
@transaction.atomic
def _expired(now: datetime, beyond: tuple[datetime, UUID] | None) -> list[tuple[datetime, UUID]]:
    due = Reservation.objects.filter(status=ReservationStatus.HELD, expires_at__lte=now)
    if beyond is not None:
        expires_at, reservation_id = beyond
        due = due.filter(Q(expires_at__gt=expires_at) | Q(expires_at=expires_at, pk__gt=reservation_id))
    return list(due.order_by("expires_at", "pk").values_list("expires_at", "pk")[:BATCH_SIZE])


@transaction.atomic
def _expire(reservation_id: UUID, now: datetime) -> bool:
    hold_hierarchy()
    reservation: Reservation | None = (
        Reservation.objects.filter(pk=reservation_id, status=ReservationStatus.HELD)
        .select_for_update(no_key=True, skip_locked=True)
        .first()
    )
    # Somebody else frees or settles it at this moment.
    if reservation is None:
        return False
    _free(reservation, ReservationStatus.EXPIRED, now)
    return True


def _lock(budget_id: UUID, reservation_id: UUID) -> Reservation:
    reservation: Reservation | None = (
        Reservation.objects.filter(pk=reservation_id, budget_id=budget_id).select_for_update(no_key=True).first()
    )
    if reservation is None:
        raise ReservationNotFound
    return reservation


def _free(reservation: Reservation, status: ReservationStatus, now: datetime) -> None:
    held = reservation.held_amount
    reservation.held_amount = ZERO
    _close(reservation, status, now)
    reservation.save(update_fields=["held_amount", "status", "closed_at"])
    movement = Movement(at=reservation.held_at, reserved=-held, entries=0)
    count(read_chain(reservation.budget_id), movement, stops=False, now=now)


def _close(reservation: Reservation, status: ReservationStatus, now: datetime) -> None:
    reservation.status, reservation.closed_at = status, now
