"""The options of an event: what one may register for, how many places, at what cost."""

from datetime import datetime
from decimal import Decimal
from typing import Any
from uuid import UUID

from django.db import transaction

from budgets.models import BudgetLineItem, LineKind
from budgetsite.accounts.models import User
from budgetsite.money.amounts import parse_amount
from budgetsite.tenancy.deletion import soft_delete
from budgetsite.tenancy.history import record_history
from events.models import Event
from registrations.models import EventOption
from registrations.services.problems import LineOfAnotherBudget, OptionInUse, OptionNotFound, TooFewPlaces
from registrations.services.waitlist import offer_places

OPTION_FIELDS = frozenset(
    {"option_name", "option_type", "description", "total_available", "cost_per_unit", "line_item_id", "sort_order"}
)


@transaction.atomic
def create_option(*, event: Event, acting_user: User, **fields: Any) -> EventOption:
    """Add an option to an event. `fields` are those of `OPTION_FIELDS`; the cost is in the event's currency.

    Raises `LineOfAnotherBudget`, `InvalidAmount`, `ValidationError` by field.
    """
    option = EventOption(event=event, currency=event.currency, **_checked(event, fields))
    option.clean_fields(exclude=["tenant", "event", "line_item"])
    option.save(force_insert=True)
    return option


@transaction.atomic
def update_option(*, event: Event, option_id: UUID, acting_user: User, now: datetime, **fields: Any) -> EventOption:
    """Change an option; what is promised and held stays, and new places are offered to whoever waits for them.

    The option stays locked, so that places that are taken at the same moment can't be cut away. Raises `TooFewPlaces`,
    and as `create_option`.
    """
    rows = EventOption.objects.filter(pk=option_id, event_id=event.pk)
    option: EventOption | None = rows.select_for_update(no_key=True).first()
    if option is None:
        raise OptionNotFound(option_id)
    changes = _checked(event, fields)
    for name, value in changes.items():
        setattr(option, name, value)
    option.clean_fields(exclude=["tenant", "event", "line_item"])
    if option.total_available < option.committed_count + option.held_count:
        raise TooFewPlaces(wanted=option.total_available, committed=option.committed_count, held=option.held_count)
    if changes:
        rows.update(**changes)
        record_history(rows, reason="changed")
    if changes.get("total_available"):
        offer_places(event=event, option_id=option_id, now=now)
    changed: EventOption = rows.get()
    return changed


@transaction.atomic
def delete_option(*, event: Event, option_id: UUID, acting_user: User, now: datetime) -> None:
    """Soft-delete an option that nobody waits for or has. Raises `OptionInUse`, `OptionNotFound`."""
    option: EventOption | None = (
        EventOption.objects.filter(pk=option_id, event_id=event.pk).select_for_update(no_key=True).first()
    )
    if option is None:
        raise OptionNotFound(option_id)
    live = option.pending_count + option.approved_count
    if live:
        raise OptionInUse(live)
    soft_delete(option, now=now)


def _checked(event: Event, fields: dict[str, Any]) -> dict[str, Any]:
    unknown = fields.keys() - OPTION_FIELDS
    if unknown:
        raise TypeError(f"not fields of an option: {', '.join(sorted(unknown))}")
    values = dict(fields)
    if "cost_per_unit" in values:
        values["cost_per_unit"] = parse_amount(values["cost_per_unit"], event.currency, minimum=Decimal(0))
    line_item_id = values.get("line_item_id")
    if line_item_id is not None and not _is_line_of(event, line_item_id):
        raise LineOfAnotherBudget(line_item_id)
    return values


def _is_line_of(event: Event, line_item_id: UUID) -> bool:
    """Whether this is a line of cost of the event's budget; held until the option is stored."""
    lines = BudgetLineItem.objects.filter(pk=line_item_id, budget__event_id=event.pk, kind=LineKind.COST)
    return bool(lines.exists())
