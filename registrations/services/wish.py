"""What somebody asks for, and why it can't be had: looked at again as things stand once the attempt was taken back."""

from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any
from uuid import UUID

from budgets.models import LOCKED_STATUSES
from budgetsite.accounts.models import User
from budgetsite.tenancy.scope import require_tenant_id
from events.holding import HOLD_EVENT, event_lock
from events.models import Event
from registrations.models import EventOption, PickupSlot
from registrations.services.conflicts import detect_conflicts, funding_refusals, window_conflict
from registrations.services.problems import Conflict, ConflictType, OptionNotFound, RegistrationConflict

# All that a request needs to know before it writes anything, and the event held by the same statement.
_LOOK = f"""
    SELECT o.*, {HOLD_EVENT} AS event_held,
        (SELECT coalesce(b.approved_total_amount, b.total_budget_amount) - b.total_committed_amount
                - b.total_actual_amount
            FROM budgets_eventbudget b
            WHERE b.tenant_id = o.tenant_id AND b.event_id = o.event_id AND b.deleted_at IS NULL
                AND b.status <> ALL (%(locked)s)) AS money_left,
        (SELECT b.funded_by_id FROM budgets_eventbudget b
            WHERE b.tenant_id = o.tenant_id AND b.event_id = o.event_id AND b.deleted_at IS NULL) AS funded_by,
        (SELECT coalesce(l.approved_amount, l.budgeted_amount) - l.committed_amount - l.actual_amount
            FROM budgets_budgetlineitem l
            WHERE l.tenant_id = o.tenant_id AND l.id = o.line_item_id
                AND NOT (l.is_unbudgeted AND coalesce(l.approved_amount, l.budgeted_amount) = 0)) AS line_left,
        (SELECT r.id FROM registrations_eventregistration r
            WHERE r.tenant_id = o.tenant_id AND r.event_id = o.event_id AND r.user_id = %(user)s
                AND coalesce(r.event_option_id, r.event_id) = o.id
                AND r.status IN ('PENDING', 'APPROVED') AND r.deleted_at IS NULL) AS live_id,
        o.total_available - o.committed_count - o.held_count < %(places)s AND EXISTS (
            SELECT FROM registrations_waitlistentry w
            WHERE w.tenant_id = o.tenant_id AND w.event_id = o.event_id AND w.status = 'OFFERED'
                AND w.offer_expires_at <= %(now)s AND w.deleted_at IS NULL) AS offers_have_run_out
    FROM registrations_eventoption o
    WHERE o.tenant_id = %(tenant)s AND o.id = %(option)s AND o.event_id = %(event)s AND o.deleted_at IS NULL
"""


@dataclass(frozen=True, slots=True)
class Wish:
    """`moment` is when it was asked for. `held`: option and slot are kept for it already."""

    event: Event
    option_id: UUID | None
    slot_id: UUID | None
    party_size: int
    moment: datetime
    held: bool = False


@dataclass(frozen=True, slots=True)
class Look:
    """An option as it stood at one moment, for one person.

    `money_left`: what may still be promised from the event's budget, or from the line that pays where that has less (a
    line beside the plan has no limit of its own); None without an open budget. `funding_refuses`: the scoped budgets
    that pay for the event's have no room for the party. `live_id`: the registration that they
    have for it. `offers_have_run_out`: what looks taken may be kept for people who did not answer.
    """

    option: EventOption
    money_left: Decimal | None
    funding_refuses: bool
    live_id: UUID | None
    offers_have_run_out: bool

    def can_pay_for(self, places: int) -> bool:
        """What costs nothing needs no money. It is looked at, not held."""
        needed = self.option.cost_per_unit * places
        return not needed or (self.money_left is not None and self.money_left >= needed and not self.funding_refuses)

    def refusal_of(self, wish: Wish) -> str | None:
        """Return the first tier that fails, so that a queue at a sold-out option costs reads alone."""
        if window_conflict(wish.event, wish.moment) is not None:
            return ConflictType.REGISTRATION_CLOSED
        if not self.can_pay_for(wish.party_size):
            return ConflictType.BUDGET_EXHAUSTED
        if self.option.available_slots < wish.party_size:
            return ConflictType.INVENTORY_EXHAUSTED
        return None


class NoRoom(Exception):
    """A tier failed. What was changed before it is taken back, and then all tiers are looked at.

    `look` is what was seen when nothing had to be written to find out.
    """

    def __init__(self, conflict_type: str, wish: Wish, look: Look | None = None) -> None:
        self.conflict_type, self.wish, self.look = conflict_type, wish, look
        super().__init__(conflict_type)


def why_refused(refusal: NoRoom, *, now: datetime) -> RegistrationConflict:
    """List every tier that fails: as was seen, or as things stand now that the attempt was taken back."""
    wish, look = refusal.wish, refusal.look
    option = look.option if look else find_option(wish.event, wish.option_id)
    slots = PickupSlot.objects.filter(pk=wish.slot_id, event_id=wish.event.pk)
    slot: PickupSlot | None = slots.first() if wish.slot_id else None
    found = detect_conflicts(
        event=wish.event,
        option=option,
        slot=slot,
        party_size=wish.party_size,
        moment=wish.moment,
        now=now,
        held=wish.held,
        can_be_paid=look is not None and look.can_pay_for(wish.party_size),
    )
    # Somebody may have made room in between; the person was refused all the same, and may try again.
    gone_again = Conflict(refusal.conflict_type, "This was taken a moment ago and may be free again. Try once more.")
    return RegistrationConflict(found or [gone_again])


def find_option(event: Event, option_id: UUID | None) -> EventOption | None:
    """Return the event's option, None for no id. Raises `OptionNotFound`."""
    if option_id is None:
        return None
    option: EventOption | None = EventOption.objects.filter(pk=option_id, event_id=event.pk).first()
    if option is None:
        raise OptionNotFound(option_id)
    return option


def look_at_option(wish: Wish, option_id: UUID, user: User) -> Look:
    """Hold the event and look at its option: one statement, three more where scoped budgets pay.

    Raises `OptionNotFound`.
    """
    parameters = {
        "tenant": require_tenant_id(),
        "event": wish.event.pk,
        "event_lock": event_lock(wish.event.pk),
        "option": option_id,
        "user": user.pk,
        "places": wish.party_size,
        "locked": sorted(LOCKED_STATUSES),
        "now": wish.moment,
    }
    option: Any = next(iter(EventOption.objects.raw(_LOOK, parameters)), None)
    if option is None:
        raise OptionNotFound(option_id)
    left = [amount for amount in (option.money_left, option.line_left) if amount is not None]
    return Look(
        option=option,
        money_left=None if option.money_left is None else min(left),
        funding_refuses=bool(
            funding_refusals(option.funded_by, option.cost_per_unit * wish.party_size, now=wish.moment)
        ),
        live_id=option.live_id,
        offers_have_run_out=option.offers_have_run_out,
    )
