"""Taking and giving back places: one conditional statement each, so that no interleaving sells one twice.

Lock order: registration → option → slot → event budget → line item. A statement that finds no room changes nothing, and
the caller raises, which takes back what the ones before it changed.
"""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any
from uuid import UUID

from django.db import connection

from budgetsite.tenancy.scope import require_tenant_id
from registrations.models import EventOption, PickupSlot, RegistrationDesk

_STATUS_COLUMNS = {
    "PENDING": "pending_count",
    "APPROVED": "approved_count",
    "REJECTED": "rejected_count",
    "CANCELLED": "cancelled_count",
}

_MOVE_OPTION = """
    UPDATE registrations_eventoption SET
        held_count = held_count + %(held)s,
        committed_count = committed_count + %(committed)s,
        pending_places = pending_places + %(pending_places)s,
        pending_count = pending_count + %(pending)s,
        approved_count = approved_count + %(approved)s,
        rejected_count = rejected_count + %(rejected)s,
        cancelled_count = cancelled_count + %(cancelled)s,
        collected_count = collected_count + %(collected)s
    WHERE tenant_id = %(tenant)s AND id = %(option)s AND event_id = %(event)s AND deleted_at IS NULL
        AND total_available - committed_count - held_count >= greatest(%(held)s + %(committed)s, %(wanted)s)
    RETURNING cost_per_unit, currency, line_item_id
"""

# With the budget that pays: who approves posts to it next.
_BUDGET_OF_EVENT = """, (
        SELECT b.id FROM budgets_eventbudget b
        WHERE b.tenant_id = %(tenant)s AND b.event_id = %(event)s AND b.deleted_at IS NULL)
"""

_MOVE_DESK = """
    UPDATE registrations_registrationdesk SET
        pending_count = pending_count + %(pending)s,
        approved_count = approved_count + %(approved)s,
        rejected_count = rejected_count + %(rejected)s,
        cancelled_count = cancelled_count + %(cancelled)s,
        collected_count = collected_count + %(collected)s
    WHERE tenant_id = %(tenant)s AND event_id = %(event)s AND deleted_at IS NULL
"""

_MOVE_SLOT = """
    UPDATE registrations_pickupslot SET booked = booked + %(places)s
    WHERE tenant_id = %(tenant)s AND id = %(slot)s AND event_id = %(event)s AND deleted_at IS NULL
        AND booked + %(wanted)s <= capacity AND (%(ends_after)s::timestamptz IS NULL OR ends_at > %(ends_after)s)
"""


def lock_places(*, event_id: UUID, option_ids: Collection[UUID | None], slot_ids: Collection[UUID | None]) -> None:
    """Lock several options (the desk for None) and then several slots, each by id: before more than one is changed."""
    in_order: list[Any] = [
        EventOption.objects.filter(pk__in={pk for pk in option_ids if pk is not None}),
        PickupSlot.objects.filter(pk__in={pk for pk in slot_ids if pk is not None}),
    ]
    if None in option_ids:
        in_order.insert(0, RegistrationDesk.objects.filter(event_id=event_id))
    for rows in in_order:
        list(rows.order_by("pk").select_for_update(no_key=True).values_list("pk"))


# The slot is looked at after the option gave what was asked for: option → slot.
_MOVE_BOTH = f"""
    WITH o AS ({_MOVE_OPTION}), s AS (
        {_MOVE_SLOT} AND EXISTS (SELECT FROM o) RETURNING id
    )
    SELECT o.cost_per_unit, o.currency, o.line_item_id, EXISTS (SELECT FROM s) FROM o
"""


@dataclass(frozen=True, slots=True)
class Price:
    """What one place costs the event's budget, and the line that pays; None for the budget itself.

    `budget_id` is None without a budget, and where nothing was promised.
    """

    cost_per_unit: Decimal
    currency: str
    line_item_id: UUID | None
    budget_id: UUID | None = None


FREE = Price(cost_per_unit=Decimal(0), currency="", line_item_id=None)


def move_places(
    *,
    event_id: UUID,
    option_id: UUID | None,
    held: int = 0,
    committed: int = 0,
    wanted: int = 0,
    pending_places: int = 0,
    statuses: Mapping[str, int] | None = None,
    collected: int = 0,
) -> Price | None:
    """Change an option's counters by these amounts and return its price; None when it has not that much room.

    `wanted` places have to be there although they are not taken yet. `statuses` says how many registrations more (or
    fewer) are in each status. Without an option the event's desk keeps count, and there is nothing to run out of; None
    then says that the event was deleted.
    """
    changes: dict[str, Any] = dict.fromkeys(("pending", "approved", "rejected", "cancelled"), 0)
    for status, change in (statuses or {}).items():
        changes[_STATUS_COLUMNS[status].removesuffix("_count")] += change
    parameters = {
        **changes,
        "tenant": require_tenant_id(),
        "event": event_id,
        "option": option_id,
        "held": held,
        "committed": committed,
        "wanted": wanted,
        "pending_places": pending_places,
        "collected": collected,
    }
    with connection.cursor() as cursor:
        if option_id is None:
            cursor.execute(_MOVE_DESK, parameters)
            return FREE if cursor.rowcount == 1 else None
        cursor.execute(_MOVE_OPTION + _BUDGET_OF_EVENT if committed > 0 else _MOVE_OPTION, parameters)
        row = cursor.fetchone()
    return None if row is None else Price(*row)


def move_slot(
    *, event_id: UUID, slot_id: UUID, places: int, wanted: int | None = None, ends_after: datetime | None = None
) -> bool:
    """Book `places` in a slot, or give them back when negative; False when it has not that much room.

    `wanted` places have to be there although fewer are booked; `ends_after` refuses a slot that is over by then.
    """
    parameters: dict[str, Any] = {
        "tenant": require_tenant_id(),
        "event": event_id,
        "slot": slot_id,
        "places": places,
        "wanted": places if wanted is None else wanted,
        "ends_after": ends_after,
    }
    with connection.cursor() as cursor:
        cursor.execute(_MOVE_SLOT, parameters)
        return bool(cursor.rowcount == 1)


def hold_places(
    *, event_id: UUID, option_id: UUID, slot_id: UUID, places: int, holds: bool, ends_after: datetime
) -> tuple[bool, bool]:
    """Take (or only look for, where asking `holds` nothing) a request's places of an option and of a slot.

    One statement. Return whether the option had room, and whether the slot had.
    """
    parameters: dict[str, Any] = {
        **dict.fromkeys(("committed", "approved", "rejected", "cancelled", "collected"), 0),
        "tenant": require_tenant_id(),
        "event": event_id,
        "option": option_id,
        "slot": slot_id,
        "held": places if holds else 0,
        "places": places if holds else 0,
        "wanted": places,
        "pending_places": places,
        "pending": 1,
        "ends_after": ends_after,
    }
    with connection.cursor() as cursor:
        cursor.execute(_MOVE_BOTH, parameters)
        row = cursor.fetchone()
    return row is not None, row is not None and row[3]


def exchange_slots(
    *,
    event_id: UUID,
    old: UUID | None,
    new: UUID | None,
    places: int,
    wanted: int | None = None,
    ends_after: datetime | None = None,
) -> bool:
    """Give back `places` in one slot and book them in another, in the order of their ids; False without room.

    `wanted` and `ends_after` are about the new one, as in `move_slot`.
    """
    if old == new:
        return True
    steps: list[tuple[UUID, dict[str, Any]]] = []
    if old is not None:
        steps.append((old, {"places": -places}))
    if new is not None:
        steps.append((new, {"places": places, "wanted": wanted, "ends_after": ends_after}))
    return all(
        move_slot(event_id=event_id, slot_id=slot_id, **step)
        for slot_id, step in sorted(steps, key=lambda step: step[0])
    )
