"""The money of a registration: committed when it is approved, released or kept when it is taken back."""

from datetime import datetime
from decimal import Decimal
from typing import Any
from uuid import UUID

from budgets.models import EntryKind, EntrySource
from budgets.services import ledger
from budgets.services.problems import (
    AmountDoesNotFit,
    BudgetLocked,
    BudgetNotFound,
    LineNotFound,
    WrongKindOfLine,
)
from budgetsite.money.amounts import InvalidAmount
from registrations.models import EventRegistration
from registrations.services.places import Price
from registrations.services.problems import BooksClosed, OptionLineGone


def commit(
    registration: EventRegistration, price: Price, amount: Decimal, *, beyond_funding: str = "", now: datetime
) -> UUID | None:
    """Promise the amount from the event's budget, by the option's line where it names one.

    `beyond_funding` is why somebody with the right promises more than the scoped budgets have that pay for the event's.
    Return the budget's id, None when it (or what pays for it) has not that much left (an amount too large for any is
    that too), is closed, or when there is none. Raises `OptionLineGone` when the line is no longer one that pays.
    """
    if price.budget_id is None:
        return None
    beyond = f" (beyond what is available: {beyond_funding})" if beyond_funding else ""
    try:
        ledger.post(
            budget_id=price.budget_id,
            line_item_id=price.line_item_id,
            kind=EntryKind.COMMIT,
            committed_delta=amount,
            currency=price.currency,
            source=EntrySource.REGISTRATION,
            source_id=str(registration.pk),
            description=f"Registration approved{beyond}"[:500],
            occurred_at=now,
            beyond_funding=bool(beyond_funding),
        )
    except (AmountDoesNotFit, BudgetLocked, BudgetNotFound, InvalidAmount):
        return None
    except (LineNotFound, WrongKindOfLine) as error:
        raise OptionLineGone from error
    return price.budget_id


def release(registration: EventRegistration, *, kept: Decimal, now: datetime) -> None:
    """Take back what was committed, and turn the part that is kept into cost. Raises `BooksClosed`."""
    assert registration.committed_budget_id is not None
    common: dict[str, Any] = {
        "budget_id": registration.committed_budget_id,
        "line_item_id": registration.committed_line_id,
        "currency": registration.currency,
        "source": EntrySource.REGISTRATION,
        "source_id": str(registration.pk),
        "occurred_at": now,
    }
    freed = registration.amount_committed - kept
    try:
        if kept:
            ledger.post(
                kind=EntryKind.SETTLE,
                committed_delta=-kept,
                actual_delta=kept,
                description="Kept from a late cancellation",
                **common,
            )
        if freed:
            ledger.post(kind=EntryKind.RELEASE, committed_delta=-freed, description="Registration taken back", **common)
    except BudgetLocked as error:
        raise BooksClosed(error.status) from error
