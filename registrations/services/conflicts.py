"""The four tiers that stand between a wish and a place, in their order (design §6). Reads, never locks or changes."""

from collections.abc import Sequence
from datetime import datetime
from decimal import Decimal
from uuid import UUID
from zoneinfo import ZoneInfo

from django.db.models import F

from budgets.models import BudgetLineItem, EventBudget
from budgets.selectors.funding import judged_chain
from budgets.services.scoped_problems import Refusal
from budgetsite.money.amounts import amount_to_json, format_amount, usage_to_json
from events.models import Event
from registrations.models import EventOption, EventRegistration, PickupSlot, RegistrationStatus
from registrations.services.problems import Conflict, ConflictType

# So many alternatives are named; more than that nobody reads.
MOST_ALTERNATIVES = 10


def detect_conflicts(
    *,
    event: Event,
    option: EventOption | None,
    slot: PickupSlot | None,
    party_size: int,
    moment: datetime,
    now: datetime,
    held: bool = False,
    can_be_paid: bool = False,
) -> list[Conflict]:
    """Return every tier that fails for this wish, in their order; none when it can be granted.

    `moment` is when it was asked for, which the window is judged by. `held`: the wish has its place
    and its slot already, so that only the window and the money can fail; `can_be_paid`: the money was looked at, and is
    there. Up to four statements, and three more where scoped budgets pay.
    """
    found = [window_conflict(event, moment)]
    if option is not None and option.cost_per_unit and not can_be_paid:
        found.append(_budget_conflict(event, option, party_size, now=now))
    if option is not None and not held and option.available_slots < party_size:
        found.append(_stock_conflict(event, option, party_size))
    if slot is not None and not held:
        found.append(slot_conflict(event, slot, party_size, now=now))
    return [conflict for conflict in found if conflict is not None]


def window_conflict(event: Event, moment: datetime) -> Conflict | None:
    """The window is inclusive at both ends; a deleted event is closed."""
    if event.is_active and event.registration_start_date <= moment <= event.registration_end_date:
        return None
    if not event.is_active:
        message = "This event was called off."
    elif moment < event.registration_start_date:
        message = f"Registration opens on {_in_words(event.registration_start_date, event)}."
    else:
        message = f"Registration closed on {_in_words(event.registration_end_date, event)}."
    return Conflict(ConflictType.REGISTRATION_CLOSED, message)


def budget_conflict(
    *, needed: Decimal, available: Decimal | None, currency: str, payer: str = "The event's budget"
) -> Conflict:
    """Say that the event's budget, or its line, has less than is needed; or that there is none (`available` None)."""
    if available is None:
        message = "The event has no budget that could pay for it. Open one first."
        return Conflict(ConflictType.BUDGET_EXHAUSTED, message)
    return Conflict(
        ConflictType.BUDGET_EXHAUSTED,
        f"{payer} has {format_amount(available, currency, 'en')} {currency} left; "
        f"{format_amount(needed, currency, 'en')} are needed.",
        available=amount_to_json(available, currency),
    )


def slot_label(slot: PickupSlot, event: Event) -> str:
    """Write a slot as the contract does, in the event's time zone: `2026-07-15 10:00-11:00`."""
    return times_label(slot.starts_at, slot.ends_at, ZoneInfo(event.timezone))


def times_label(starts_at: datetime | None, ends_at: datetime | None, zone: ZoneInfo) -> str:
    """Write a slot's times as `slot_label` does; empty for none."""
    if starts_at is None or ends_at is None:
        return ""
    start, end = starts_at.astimezone(zone), ends_at.astimezone(zone)
    return f"{start:%Y-%m-%d %H:%M}-{end:%H:%M}"


def _budget_conflict(event: Event, option: EventOption, party_size: int, *, now: datetime) -> Conflict | None:
    needed = option.cost_per_unit * party_size
    budget: EventBudget | None = EventBudget.objects.filter(event_id=event.pk).first()
    if budget is None:
        return budget_conflict(needed=needed, available=None, currency=option.currency)
    if budget.is_locked:
        message = f"The event's budget is {budget.status}: nothing can be promised from it any more."
        return Conflict(ConflictType.BUDGET_EXHAUSTED, message, available=amount_to_json(Decimal(0), budget.currency))
    own = _own_money_conflict(budget, option, needed)
    refusals = funding_refusals(budget.funded_by_id, needed, now=now)
    if not refusals:
        return own
    said = [own.message] if own else []
    left = min([refusal.remaining for refusal in refusals] + ([budget.available_amount] if own else []))
    return Conflict(
        ConflictType.BUDGET_EXHAUSTED,
        " ".join([*said, *(refusal.reason for refusal in refusals)]),
        available=usage_to_json(left, budget.currency),
        refusals=refusals,
    )


def funding_refusals(funded_by: UUID | None, needed: Decimal, *, now: datetime) -> list[Refusal]:
    """Return which of the scoped budgets that pay have no room for an amount. Nothing is asked where none pays."""
    if funded_by is None or not needed:
        return []
    return [found.refusal for found in judged_chain(funded_by, needed, now=now) if found.refusal is not None]


def funding_in_the_way(registration: EventRegistration, *, now: datetime) -> list[Refusal]:
    """Return which scoped budgets would refuse the approval of a registration that waits. No statement for a free one,
    one where no scoped budget pays.
    """
    option = registration.event_option
    if registration.status != RegistrationStatus.PENDING or option is None or not option.cost_per_unit:
        return []
    funded_by = (
        EventBudget.objects.filter(event_id=registration.event_id).values_list("funded_by_id", flat=True).first()
    )
    return funding_refusals(funded_by, option.cost_per_unit * registration.party_size, now=now)


def _own_money_conflict(budget: EventBudget, option: EventOption, needed: Decimal) -> Conflict | None:
    line: BudgetLineItem | None = (
        BudgetLineItem.objects.filter(pk=option.line_item_id).first() if option.line_item_id else None
    )
    # As the ledger has it: a line that spending made beside the plan has no limit of its own.
    has_limit = line is not None and (line.in_force_amount or not line.is_unbudgeted)
    if line is not None and has_limit and line.available_amount < min(needed, budget.available_amount):
        return budget_conflict(
            needed=needed, available=line.available_amount, currency=budget.currency, payer=f"The line “{line.name}”"
        )
    if budget.available_amount >= needed:
        return None
    return budget_conflict(needed=needed, available=budget.available_amount, currency=budget.currency)


def _stock_conflict(event: Event, option: EventOption, party_size: int) -> Conflict:
    others = list(
        EventOption.objects.filter(
            event_id=event.pk,
            option_type=option.option_type,
            total_available__gte=F("committed_count") + F("held_count") + party_size,
        )
        .exclude(pk=option.pk)
        .order_by("sort_order", "option_name", "id")[:MOST_ALTERNATIVES]
    )
    left = option.available_slots
    message = f"{option.option_name}: none left." if left < 1 else f"{option.option_name}: only {left} left."
    return Conflict(
        ConflictType.INVENTORY_EXHAUSTED,
        message,
        available=str(left),
        alternatives=[f"{other.option_name} ({other.available_slots} slots)" for other in others],
        alternative_ids=[str(other.pk) for other in others],
    )


def slot_conflict(event: Event, slot: PickupSlot, party_size: int, *, now: datetime) -> Conflict | None:
    """Return why a party can't come at a time: it is over or has not that much room; None when they can."""
    is_past = slot.ends_at <= now
    if slot.available >= party_size and not is_past:
        return None
    others = slots_with_room(event.pk, party_size, now=now, exclude=slot.pk)
    when = slot_label(slot, event)
    message = f"{when} is over." if is_past else f"{when} is full." if slot.available < 1 else ""
    return Conflict(
        ConflictType.SLOT_CONFLICT,
        message or f"{when}: only {slot.available} left.",
        available=str(0 if is_past else slot.available),
        alternatives=[_offered(other, slot, event) for other in others],
        alternative_ids=[str(other.pk) for other in others],
    )


def slots_with_room(
    event_id: UUID, party_size: int, *, now: datetime, exclude: UUID | None = None
) -> Sequence[PickupSlot]:
    """Return the slots to come that have room for a party, the earliest first."""
    return list(
        PickupSlot.objects.filter(event_id=event_id, ends_at__gt=now, capacity__gte=F("booked") + party_size)
        .exclude(pk=exclude)
        .order_by("starts_at", "location", "id")[:MOST_ALTERNATIVES]
    )


def _offered(slot: PickupSlot, wanted: PickupSlot, event: Event) -> str:
    """Write an alternative as the seeds do (`11:00-12:00 (8 available)`), with its day where that is another one."""
    label = slot_label(slot, event)
    day, hours = label.split(" ")
    place = f" {slot.location}" if slot.location and slot.location != wanted.location else ""
    shown = hours if day == slot_label(wanted, event).split(" ")[0] else label
    return f"{shown}{place} ({slot.available} available)"


def _in_words(moment: datetime, event: Event) -> str:
    return f"{moment.astimezone(ZoneInfo(event.timezone)):%d %B %Y at %H:%M}"
