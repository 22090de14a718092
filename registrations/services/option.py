"""The options of an event: what one may register for, how many places, at what cost."""

from datetime import datetime
from decimal import Decimal
from typing import Any
from uuid import UUID

from django.db import connection, transaction

from budgets.models import BudgetLineItem, LineKind
from budgetsite.accounts.models import User
from budgetsite.money.amounts import amount_to_json, parse_amount
from budgetsite.outbox.services import record_event
from budgetsite.tenancy.deletion import soft_delete
from budgetsite.tenancy.history import record_history
from budgetsite.tenancy.scope import require_tenant_id
from events.models import Event
from registrations.models import QUEUED_STATUSES, EventOption, WaitlistEntry
from registrations.services.holding import keep_event
from registrations.services.offers import offer_places
from registrations.services.problems import LineOfAnotherBudget, OptionInUse, OptionNotFound, TooFewPlaces

OPTION_FIELDS = frozenset(
    {"option_name", "option_type", "description", "total_available", "cost_per_unit", "line_item_id", "sort_order"}
)

# As many names as fit into a sentence.
_MOST_NAMES = 5

_HOLD_LINE = """
    SELECT 1 FROM budgets_budgetlineitem l
    WHERE l.tenant_id = %s AND l.id = %s AND l.kind = %s AND l.deleted_at IS NULL AND EXISTS (
        SELECT FROM budgets_eventbudget b
        WHERE b.tenant_id = l.tenant_id AND b.id = l.budget_id AND b.event_id = %s AND b.deleted_at IS NULL)
    FOR SHARE OF l
"""


@transaction.atomic
def create_option(*, event: Event, acting_user: User, **fields: Any) -> EventOption:
    """Add an option to an event. `fields` are those of `OPTION_FIELDS`; the cost is in the event's currency.

    Raises `LineOfAnotherBudget`, `InvalidAmount`, `ValidationError` by field.
    """
    keep_event(event)
    option = EventOption(event=event, currency=event.currency, **_checked(event, fields))
    option.clean_fields(exclude=["tenant", "event", "line_item"])
    option.save(force_insert=True)
    _hold_line(event, option.line_item_id)
    tell_option(option, "created")
    return option


@transaction.atomic
def update_option(*, event: Event, option_id: UUID, acting_user: User, now: datetime, **fields: Any) -> EventOption:
    """Change an option; what is promised and held stays, and new places are offered to whoever waits for them.

    The option stays locked, so that places that are taken at the same moment can't be cut away. Raises `TooFewPlaces`,
    and as `create_option`.
    """
    keep_event(event)
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
        if "line_item_id" in changes:
            _hold_line(event, option.line_item_id)
        rows.update(**changes)
        record_history(rows, reason="changed")
        tell_option(option, "changed")
    if changes.get("total_available"):
        offer_places(event=event, option_id=option_id, now=now)
    changed: EventOption = rows.get()
    return changed


@transaction.atomic
def delete_option(*, event: Event, option_id: UUID, acting_user: User, now: datetime) -> None:
    """Soft-delete an option that nobody has, asks for or queues for. Raises `OptionInUse`, `OptionNotFound`."""
    keep_event(event)
    option: EventOption | None = (
        EventOption.objects.filter(pk=option_id, event_id=event.pk).select_for_update(no_key=True).first()
    )
    if option is None:
        raise OptionNotFound(option_id)
    live = option.pending_count + option.approved_count
    queued = WaitlistEntry.objects.filter(event_option_id=option_id, status__in=QUEUED_STATUSES).count()
    if live or queued:
        raise OptionInUse(live, queued)
    soft_delete(option, now=now)
    tell_option(option, "deleted")


def why_line_stays(line: BudgetLineItem) -> str | None:
    """Return why a line may not leave its budget: options pay from it.

    Locks the line first, so that an option that is being made at this moment is seen.
    """
    list(BudgetLineItem.objects.filter(pk=line.pk).select_for_update(no_key=True).values_list("pk"))
    options = EventOption.objects.filter(line_item_id=line.pk).order_by("sort_order", "id")
    names = list(options.values_list("option_name", flat=True)[:_MOST_NAMES])
    if not names:
        return None
    return f"It pays for what people register for ({', '.join(names)}). Let these pay from another line first."


def _checked(event: Event, fields: dict[str, Any]) -> dict[str, Any]:
    unknown = fields.keys() - OPTION_FIELDS
    if unknown:
        raise TypeError(f"not fields of an option: {', '.join(sorted(unknown))}")
    values = dict(fields)
    if "cost_per_unit" in values:
        values["cost_per_unit"] = parse_amount(values["cost_per_unit"], event.currency, minimum=Decimal(0))
    return values


def _hold_line(event: Event, line_item_id: UUID | None) -> None:
    """Keep the line that pays from leaving the budget until the option is stored. Raises `LineOfAnotherBudget`."""
    if line_item_id is None:
        return
    with connection.cursor() as cursor:
        cursor.execute(_HOLD_LINE, [require_tenant_id(), line_item_id, LineKind.COST, event.pk])
        if cursor.fetchone() is None:
            raise LineOfAnotherBudget(line_item_id)


def tell_option(option: EventOption, happened: str) -> None:
    record_event(
        kind=f"event_option.{happened}",
        subject_type="event_option",
        subject_id=option.pk,
        payload={
            "event_id": str(option.event_id),
            "total_available": option.total_available,
            "cost_per_unit": amount_to_json(option.cost_per_unit, option.currency),
            "currency": option.currency,
        },
    )
