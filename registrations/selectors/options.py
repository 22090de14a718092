"""Reading what an event offers, with what is left of it: counters, never counts."""

from collections.abc import Iterable
from typing import Any
from uuid import UUID

from django.db.models import QuerySet

from budgetsite.money.amounts import amount_to_json
from registrations.models import EventOption


def options_of(event_id: UUID) -> QuerySet[EventOption]:
    """Return an event's options in their order."""
    options: QuerySet[EventOption] = EventOption.objects.filter(event_id=event_id)
    return options.order_by("sort_order", "option_name", "id")


def options_of_events(event_ids: Iterable[UUID]) -> dict[UUID, list[EventOption]]:
    """Return event → its options in their order, in one statement; an event without any is missing."""
    found: dict[UUID, list[EventOption]] = {}
    options = EventOption.objects.filter(event_id__in=list(event_ids))
    for option in options.order_by("sort_order", "option_name", "id"):
        found.setdefault(option.event_id, []).append(option)
    return found


def option_facts(option: EventOption) -> dict[str, Any]:
    """Describe an option for a program; its cost is a text in the currency's decimals."""
    return {
        "id": str(option.pk),
        "event_id": str(option.event_id),
        "option_name": option.option_name,
        "option_type": option.option_type,
        "description": option.description,
        "total_available": option.total_available,
        "committed_count": option.committed_count,
        "held_count": option.held_count,
        "available_slots": option.available_slots,
        "utilization_percentage": format(option.utilization_percentage, ".2f"),
        "cost_per_unit": amount_to_json(option.cost_per_unit, option.currency),
        "currency": option.currency,
        "line_item_id": option.line_item_id,
        "sort_order": option.sort_order,
        "created_at": option.created_at,
        "updated_at": option.updated_at,
    }
