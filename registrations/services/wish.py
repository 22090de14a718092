"""What somebody asks for, and why it can't be had: looked at again as things stand once the attempt was taken back."""

from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any
from uuid import UUID

from django.db.models import F, OuterRef, Subquery
from django.db.models.functions import Coalesce

from budgets.models import LOCKED_STATUSES, EventBudget
from events.models import Event
from registrations.models import EventOption, PickupSlot
from registrations.services.conflicts import detect_conflicts
from registrations.services.problems import Conflict, OptionNotFound, RegistrationConflict


@dataclass(frozen=True, slots=True)
class Wish:
    """`moment` is when it was asked for. `held`: option and slot are kept for it already."""

    event: Event
    option_id: UUID | None
    slot_id: UUID | None
    party_size: int
    moment: datetime
    held: bool = False


class NoRoom(Exception):
    """A tier failed half-way; what was changed before it is taken back, and then all tiers are looked at."""

    def __init__(self, conflict_type: str, wish: Wish) -> None:
        self.conflict_type, self.wish = conflict_type, wish
        super().__init__(conflict_type)


def why_refused(refusal: NoRoom, *, now: datetime) -> RegistrationConflict:
    """List every tier that fails now, after the failed attempt was taken back."""
    wish = refusal.wish
    option = find_option(wish.event, wish.option_id)
    slot: PickupSlot | None = PickupSlot.objects.filter(pk=wish.slot_id).first() if wish.slot_id else None
    found = detect_conflicts(
        event=wish.event,
        option=option,
        slot=slot,
        party_size=wish.party_size,
        moment=wish.moment,
        now=now,
        held=wish.held,
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


def option_and_money(event: Event, option_id: UUID | None) -> tuple[EventOption | None, Decimal | None]:
    """Return the event's option and what is left to promise from its budget, and from the line that pays for it.

    The lesser of both; None without an open budget. One statement.

    Raises `OptionNotFound`.
    """
    if option_id is None:
        return None, None
    budget = EventBudget.objects.filter(event_id=OuterRef("event_id")).exclude(status__in=LOCKED_STATUSES)
    left = Coalesce("approved_total_amount", "total_budget_amount") - F("total_committed_amount")
    money = budget.annotate(left=left - F("total_actual_amount")).values("left")[:1]
    planned = Coalesce("line_item__approved_amount", "line_item__budgeted_amount")
    option: Any = (
        EventOption.objects.filter(pk=option_id, event_id=event.pk)
        .annotate(
            money_left=Subquery(money),
            line_left=planned - F("line_item__committed_amount") - F("line_item__actual_amount"),
        )
        .first()
    )
    if option is None:
        raise OptionNotFound(option_id)
    if option.money_left is None or option.line_left is None:
        return option, option.money_left
    return option, min(option.money_left, option.line_left)
