"""What the registrations' tests have in common."""

import threading
from collections.abc import Callable
from datetime import datetime
from decimal import Decimal
from typing import Any
from unittest.mock import patch

from django.db import connections, transaction

from budgets.models import EventBudget
from budgets.services.ledger_proof import verify_ledger
from budgetsite.accounts.models import Account, User
from budgetsite.accounts.roles import Role
from budgetsite.privacy.registry import ERASER
from budgetsite.tenancy.scope import tenant_scope
from budgetsite.testing.people import make_member
from budgetsite.testing.registrations import NOW
from budgetsite.testing.rest import RestClient, rest_client_of
from events.models import Event
from registrations.models import EventOption, EventRegistration, PickupSlot, RegistrationDesk
from registrations.services.registration import approve
from registrations.services.registration_proof import verify_registrations
from registrations.services.waitlist import mind_queue, queues_due


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


def expire_offers(*, now: datetime) -> int:
    """Mind all queues that have something to do, as the jobs do one by one; return how many offers ran out."""
    return sum(
        mind_queue(event_id=event_id, option_id=option_id, now=now).expired for event_id, option_id in queues_due(now)
    )


def elsewhere(account: Account, work: Callable[[], Any]) -> Any:
    """Do it in a transaction on connections of its own, which wait for no lock for long; return what came of it."""
    found: list[Any] = []

    def run() -> None:
        try:
            for name in ("default", ERASER):
                with connections[name].cursor() as cursor:
                    cursor.execute("SET lock_timeout = '200ms'")
            with tenant_scope(account.pk), transaction.atomic(), transaction.atomic(using=ERASER):
                found.append(work())
        except Exception as problem:
            found.append(problem)
        finally:
            connections.close_all()

    thread = threading.Thread(target=run)
    thread.start()
    thread.join()
    return found[0]
