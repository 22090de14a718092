"""Who would no longer fit if there were less: of an option, of a slot, of money. Looks, and changes nothing."""

from dataclasses import dataclass
from decimal import Decimal
from typing import Any
from uuid import UUID

from django.db.models import Q

from budgets.models import EventBudget
from events.models import Event
from registrations.models import (
    EventOption,
    EventRegistration,
    PickupSlot,
    RegistrationStatus,
    WaitlistEntry,
    WaitlistStatus,
)
from registrations.services.problems import OptionNotFound, SlotNotFound

PENDING, APPROVED = RegistrationStatus.PENDING, RegistrationStatus.APPROVED
ZERO = Decimal(0)
# So many are named; how many there are in all is said beside them.
MOST_NAMED = 200


@dataclass(frozen=True, slots=True)
class Cut:
    """What a lower number would mean. `taken` and `short_by` are places, or an amount in the event's currency.

    `registrations` no longer fit, whoever asked last first: pending ones before approved ones; at most `MOST_NAMED` of
    the `affected`. `offers` are places held by offers to the waitlist, which count as taken. `blocked`: saving the
    number would be refused until enough of these are cancelled or rejected.
    """

    taken: Decimal
    wanted: Decimal
    short_by: Decimal
    offers: int
    affected: int
    blocked: bool
    registrations: list[EventRegistration]


def cut_of_option(*, event: Event, option_id: UUID, total_available: int) -> Cut:
    """Say who no longer fits when an option has so many places. Raises `OptionNotFound`."""
    option: EventOption | None = EventOption.objects.filter(pk=option_id, event_id=event.pk).first()
    if option is None:
        raise OptionNotFound(option_id)
    taking = Q(event_option_id=option_id) & (Q(status=APPROVED) | Q(status=PENDING, holds=True))
    offers = _places_offered(event, Q(event_option_id=option_id))
    return _cut(event, taking, taken=option.committed_count + option.held_count, wanted=total_available, offers=offers)


def cut_of_slot(*, event: Event, slot_id: UUID, capacity: int) -> Cut:
    """Say who no longer fits when a slot has room for so many. Raises `SlotNotFound`."""
    slot: PickupSlot | None = PickupSlot.objects.filter(pk=slot_id, event_id=event.pk).first()
    if slot is None:
        raise SlotNotFound(slot_id)
    taking = Q(status=APPROVED, assigned_slot_id=slot_id) | Q(status=PENDING, holds=True, preferred_slot_id=slot_id)
    offers = _places_offered(event, Q(preferred_slot_id=slot_id))
    return _cut(event, taking, taken=slot.booked, wanted=capacity, offers=offers)


def cut_of_budget(*, event: Event, amount: Decimal) -> Cut:
    """Say whose approval a budget of this amount no longer pays for, at today's prices.

    What was spent and promised for other things is counted too. Approved registrations stay approved when the budget is
    lowered, so this never blocks; those named are over the budget then, or could not be approved.
    """
    budget: EventBudget | None = EventBudget.objects.filter(event_id=event.pk).first()
    spent = budget.total_committed_amount + budget.total_actual_amount if budget else ZERO
    costing = Q(status=APPROVED, amount_committed__gt=0) | Q(status=PENDING, event_option__cost_per_unit__gt=0)
    pending = EventOption.objects.filter(event_id=event.pk, pending_places__gt=0)
    exposure = sum((option.pending_places * option.cost_per_unit for option in pending), ZERO)
    return _fitting(event, costing, taken=spent + exposure, wanted=amount, offers=0, blocks=False, weigh=_cost)


def _cut(event: Event, taking: Q, *, taken: int, wanted: int, offers: int) -> Cut:
    return _fitting(
        event,
        taking,
        taken=Decimal(taken),
        wanted=Decimal(wanted),
        offers=offers,
        blocks=True,
        weigh=lambda registration: Decimal(registration.party_size),
    )


def _fitting(event: Event, taking: Q, *, taken: Decimal, wanted: Decimal, offers: int, blocks: bool, weigh: Any) -> Cut:
    """Take the latest away until the rest fits. One statement."""
    missing = taken - wanted
    short_by, affected = max(ZERO, missing), 0
    named: list[EventRegistration] = []
    if missing > 0:
        # "PENDING" sorts after "APPROVED": who was promised nothing yet goes first, then whoever asked last.
        rows = (
            EventRegistration.objects.filter(taking, event_id=event.pk)
            .select_related("user", "event_option", "preferred_slot", "assigned_slot")
            .order_by("-status", "-requested_at", "-id")
        )
        for registration in rows.iterator(chunk_size=500):
            if missing <= 0:
                break
            missing -= weigh(registration)
            affected += 1
            if len(named) < MOST_NAMED:
                named.append(registration)
    return Cut(
        taken=taken,
        wanted=wanted,
        short_by=short_by,
        offers=offers,
        affected=affected,
        blocked=blocks and short_by > 0,
        registrations=named,
    )


def _cost(registration: EventRegistration) -> Decimal:
    if registration.status == APPROVED or registration.event_option is None:
        return registration.amount_committed
    cost: Decimal = registration.event_option.cost_per_unit * registration.party_size
    return cost


def _places_offered(event: Event, condition: Q) -> int:
    offers = WaitlistEntry.objects.filter(condition, event_id=event.pk, status=WaitlistStatus.OFFERED)
    return int(sum(offers.values_list("party_size", flat=True)))
