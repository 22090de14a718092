"""What the registrations' tests have in common."""

from datetime import datetime
from decimal import Decimal
from typing import Any
from unittest.mock import patch

from budgets.models import EventBudget
from budgets.services.ledger_proof import verify_ledger
from budgetsite.accounts.models import Account, User
from budgetsite.accounts.roles import Role
from budgetsite.testing.people import make_member
from budgetsite.testing.registrations import NOW
from budgetsite.testing.rest import RestClient, rest_client_of
from events.models import Event
from registrations.models import EventOption, EventRegistration, PickupSlot, RegistrationDesk
from registrations.services.registration import approve
from registrations.services.registration_proof import verify_registrations


def at(moment: datetime) -> Any:
    """Let the API's clock stand at a moment."""
    return patch("django.utils.timezone.now", return_value=moment)


def guest(account: Account, *, name: str = "") -> User:
    return make_member(account, Role.ATTENDEE, name=name).user


def client_of(user: User, account: Account) -> RestClient:
    return rest_client_of(user, account)


def approved(registration: EventRegistration, event: Event, owner: User, **fields: Any) -> EventRegistration:
    return approve(
        registration_id=registration.pk, event=event, acting_user=owner, **{"now": NOW, **fields}
    ).registration


def option_now(option: EventOption) -> EventOption:
    return EventOption.objects.get(pk=option.pk)


def registration_now(registration: EventRegistration) -> EventRegistration:
    return EventRegistration.objects.get(pk=registration.pk)


def budget_of(event: Event) -> EventBudget:
    return EventBudget.objects.get(event=event)


def committed(event: Event) -> Decimal:
    return budget_of(event).total_committed_amount


def slots_of(event: Event) -> list[PickupSlot]:
    return list(PickupSlot.objects.filter(event=event).order_by("starts_at", "location"))


def everything_of(event: Event) -> list[Any]:
    """Return all that a refused request must leave as it is."""
    models: list[Any] = [EventOption, PickupSlot, RegistrationDesk, EventRegistration]
    rows = [sorted(map(str, model.objects.filter(event=event).values())) for model in models]
    return [*rows, sorted(map(str, EventBudget.objects.filter(event=event).values()))]


def assert_sound() -> None:
    """The counters are what the rows say, and the books are clean."""
    assert verify_registrations() == []
    assert verify_ledger() == []
