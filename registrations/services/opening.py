"""Making an event with all that people may register for."""

from collections.abc import Sequence
from decimal import Decimal
from typing import Any
from uuid import UUID

from django.db import transaction

from budgets.services.event_budget import open_event
from budgetsite.accounts.models import Account, User
from events.models import Event
from registrations.services.option import create_option


@transaction.atomic
def open_event_with_options(
    *,
    account: Account,
    acting_user: User,
    options: Sequence[dict[str, Any]] = (),
    event_budget_amount: Decimal | None = None,
    funded_by: UUID | None = None,
    **event_fields: Any,
) -> Event:
    """Make an event, its budget when an amount is given or who pays, and its options: all or nothing.

    `options` are dicts of `registrations.services.option.OPTION_FIELDS`. Raises as `create_event` and `create_option`.
    """
    event, _budget = open_event(
        account=account,
        acting_user=acting_user,
        event_budget_amount=event_budget_amount,
        funded_by=funded_by,
        **event_fields,
    )
    for position, fields in enumerate(options, start=1):
        create_option(event=event, acting_user=acting_user, **{"sort_order": position * 10, **fields})
    return event
