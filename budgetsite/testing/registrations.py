"""Events that take registrations, for tests."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

from budgetsite.accounts.models import Account, User
from budgetsite.accounts.roles import Role
from budgetsite.testing.budgets import make_budget
from budgetsite.testing.people import make_member
from events.models import Event
from events.services import create_event
from registrations.models import EventOption, EventRegistration
from registrations.services.option import create_option
from registrations.services.registration import register

# Within the window of `make_open_event`.
NOW = datetime(2026, 6, 20, 9, 0, tzinfo=UTC)


def make_open_event(account: Account, user: User, *, total: str | None = "1000", **fields: Any) -> Event:
    """Make an event on 15 July 2026 whose registration is open at `NOW`, with a budget of `total`."""
    values = {
        "name": "Annual day",
        "event_date": datetime(2026, 7, 15, 14, 0, tzinfo=UTC),
        "registration_start_date": NOW - timedelta(days=10),
        "registration_end_date": NOW + timedelta(days=10),
        **fields,
    }
    event = create_event(account=account, acting_user=user, **values)
    if total is not None:
        make_budget(account, user, total=total, event=event)
    return event


def make_option(event: Event, user: User, **fields: Any) -> EventOption:
    values = {"option_name": "Event Mug", "total_available": 50, "cost_per_unit": Decimal("10.00"), **fields}
    return create_option(event=event, acting_user=user, **values)


def make_attendees(account: Account, number: int) -> list[User]:
    return [make_member(account, Role.ATTENDEE, name=f"Guest {count}").user for count in range(1, number + 1)]


def ask(event: Event, user: User, option: EventOption | None = None, **fields: Any) -> EventRegistration:
    """Register as `user` at `NOW`."""
    values = {"slot_id": None, "now": NOW, **fields}
    return register(event=event, user=user, option_id=option.pk if option else None, **values)
