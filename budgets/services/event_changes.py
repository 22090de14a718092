"""Changing an event together with the money that it says it has."""

from decimal import Decimal
from typing import Any

from django.core.exceptions import ValidationError
from django.db import transaction

from budgets.models import LOCKED_STATUSES, EventBudget
from budgets.services.event_budget import create_event_budget, update_event_budget
from budgets.services.guards import lock_budget
from budgets.services.problems import BudgetProblem
from budgetsite.accounts.models import User
from events.models import Event
from events.services import update_event


class CurrencyFixed(BudgetProblem):
    """The event's budget is kept in its currency; amounts are never converted."""

    code = "currency_fixed"

    def __init__(self, currency: str) -> None:
        self.currency = currency
        super().__init__(f"The event's budget is kept in {currency}. Delete the budget before you change the currency.")


@transaction.atomic
def change_event(
    *, event: Event, acting_user: User, event_budget_amount: Decimal | None = None, **event_fields: Any
) -> Event:
    """Change an event and, when an amount is given, the ceiling of its budget, which is opened if there is none.

    An amount that is the ceiling already changes nothing, so that what was read can be sent back. Raises
    `ValidationError` by field, `CurrencyFixed`, and as `update_event_budget`; nothing is stored then.
    """
    budget: EventBudget | None = EventBudget.objects.filter(event=event).first()
    if budget is not None and event_fields.get("currency", budget.currency) != budget.currency:
        raise CurrencyFixed(budget.currency)
    amount = event_budget_amount
    # A higher ceiling makes room for the lines that count the guests; a lower one waits until they have shrunk.
    makes_room = budget is not None and amount is not None and (not amount or amount > budget.total_budget_amount)
    if makes_room:
        _set_ceiling(event, amount, acting_user)
    event = update_event(event=event, acting_user=acting_user, **event_fields)
    if amount is not None and not makes_room:
        _set_ceiling(event, amount, acting_user)
    return event


def _set_ceiling(event: Event, amount: Decimal | None, acting_user: User) -> None:
    budget: EventBudget | None = EventBudget.objects.filter(event=event).first()
    if budget is None:
        create_event_budget(event=event, acting_user=acting_user, total_budget_amount=amount)
    elif amount != budget.total_budget_amount:
        update_event_budget(
            budget_id=budget.pk,
            version=lock_budget(budget.pk).version,
            acting_user=acting_user,
            total_budget_amount=amount,
        )


def refuse_other_currency(event: Event) -> None:
    """Raise `ValidationError` when an event is about to be saved in another currency than its budget's."""
    if event._state.adding:
        return
    kept_in = EventBudget.objects.filter(event=event).values_list("currency", flat=True).first()
    if kept_in is not None and kept_in != event.currency:
        problem = CurrencyFixed(kept_in)
        raise ValidationError({"currency": ValidationError(str(problem), code=problem.code)})


def why_event_stays(event: Event) -> str | None:
    """Return why an event may not be deleted: its budget is closed, and closed books are kept."""
    status = (
        EventBudget.objects.filter(event=event, status__in=LOCKED_STATUSES).values_list("status", flat=True).first()
    )
    return f"Its budget is {status}, and closed books are kept." if status else None
