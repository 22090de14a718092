"""A day that people ask for, as the staff see it."""

from datetime import timedelta
from decimal import Decimal

import pytest
from django.test import Client

from budgetsite.accounts.models import Account, User
from budgetsite.testing.people import sign_in
from budgetsite.testing.registrations import NOW, ask, make_attendees, make_open_event, make_option
from events.models import Event
from registrations.models import EventOption, EventRegistration, WaitlistEntry
from registrations.services.waitlist import join_waitlist


@pytest.fixture
def worker(account: Account, staff: User) -> Client:
    return sign_in(staff, account)


@pytest.fixture
def event(account: Account, owner: User) -> Event:
    return make_open_event(account, owner, total="100")


@pytest.fixture
def option(event: Event, owner: User) -> EventOption:
    """Forty dollars a place: a budget of 100 pays for two."""
    return make_option(event, owner, cost_per_unit=Decimal("40.00"), total_available=10)


@pytest.fixture
def guests(account: Account) -> list[User]:
    return make_attendees(account, 3)


@pytest.fixture
def asked(event: Event, option: EventOption, guests: list[User]) -> list[EventRegistration]:
    """Three who asked one after the other."""
    return [ask(event, guest, option, now=NOW + timedelta(minutes=turn)) for turn, guest in enumerate(guests)]


@pytest.fixture
def queue(account: Account, event: Event, owner: User) -> list[WaitlistEntry]:
    """Two who queue for the one place that somebody has."""
    only = make_option(event, owner, option_name="Tour", total_available=1, cost_per_unit=0)
    first, second, third = make_attendees(account, 3)
    taken = ask(event, first, only)
    entries = [
        join_waitlist(event=event, user=person, option_id=only.pk, slot_id=None, now=NOW) for person in (second, third)
    ]
    entries[0].taken = taken
    return entries
