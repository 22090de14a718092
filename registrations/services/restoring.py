"""Bringing back an option or a slot that was deleted. What hung on it was decided or cancelled before, and stays so."""

from uuid import UUID

from django.db import IntegrityError, transaction

from budgets.models import BudgetLineItem, LineKind
from budgetsite.accounts.models import User
from budgetsite.tenancy.deletion import restore
from budgetsite.tenancy.history import record_history
from budgetsite.tenancy.scope import deleted_rows_visible
from events.models import Event
from registrations.models import EventOption, PickupSlot
from registrations.services.holding import keep_event
from registrations.services.option import tell_option
from registrations.services.problems import OptionNotFound, RegistrationProblem, SlotNotFound
from registrations.services.slot import tell_slot


class OptionInOldCurrency(RegistrationProblem):
    """The event has another currency since the option was deleted, and amounts are never converted."""

    code = "currency_changed"

    def __init__(self, option: EventOption, event: Event) -> None:
        super().__init__(
            f"{option.option_name} has a cost in {option.currency}, and the event is in {event.currency} now. "
            "Make a new option instead."
        )


class SlotThereAlready(RegistrationProblem):
    """Another slot was made for this time and place since."""

    code = "slot_exists"

    def __init__(self) -> None:
        super().__init__("There is another slot at this time and place now. Use that one, or delete it first.")


@transaction.atomic
def restore_option(*, event: Event, option_id: UUID, acting_user: User) -> EventOption:
    """Bring a deleted option back; when its line has left the budget since, the budget as a whole pays for it.

    One that is there is left as it is. Raises `OptionInOldCurrency`, `OptionNotFound`, `EventGone`.
    """
    keep_event(event)
    with deleted_rows_visible():
        rows = EventOption.objects.filter(pk=option_id, event_id=event.pk)
        option: EventOption | None = rows.select_for_update(no_key=True).first()
    if option is None:
        raise OptionNotFound(option_id)
    if option.deleted_at is None:
        return option
    if option.currency != event.currency and option.cost_per_unit:
        raise OptionInOldCurrency(option, event)
    restore(option)
    # What changed around it while it was away.
    line_item_id = _line_that_is_left(event, option.line_item_id)
    if (option.currency, option.line_item_id) != (event.currency, line_item_id):
        restored = EventOption.objects.filter(pk=option_id)
        restored.update(currency=event.currency, line_item_id=line_item_id)
        record_history(restored, reason="changed")
    option = EventOption.objects.get(pk=option_id)
    tell_option(option, "restored")
    return option


@transaction.atomic
def restore_slot(*, event: Event, slot_id: UUID, acting_user: User) -> PickupSlot:
    """Bring a deleted slot back; one that is there is left as it is.

    Raises `SlotThereAlready`, `SlotNotFound`, `EventGone`.
    """
    keep_event(event)
    with deleted_rows_visible():
        slot: PickupSlot | None = PickupSlot.objects.filter(pk=slot_id, event_id=event.pk).first()
    if slot is None:
        raise SlotNotFound(slot_id)
    try:
        with transaction.atomic():
            is_back = restore(slot)
    except IntegrityError as error:
        if "registrations_slot_one_per_time_and_place" not in str(error):
            raise
        raise SlotThereAlready from error
    if is_back:
        tell_slot(slot, "restored")
    return slot


def _line_that_is_left(event: Event, line_item_id: UUID | None) -> UUID | None:
    """Return the line if it still is a cost of the event's budget, and keep it from leaving it."""
    lines = BudgetLineItem.objects.filter(
        pk=line_item_id, budget__event_id=event.pk, budget__deleted_at=None, kind=LineKind.COST
    )
    found: UUID | None = lines.select_for_update(of=("self",), no_key=True).values_list("pk", flat=True).first()
    return found
