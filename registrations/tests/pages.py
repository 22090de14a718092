"""Walking the pages of registrations: events that are open now, addresses, the words of an answer."""

from datetime import timedelta
from html import unescape
from re import sub
from typing import Any

from django.http import HttpResponse
from django.urls import reverse
from django.utils import timezone

from budgetsite.accounts.models import Account, User
from budgetsite.testing.registrations import ask, make_open_event
from events.models import Event
from registrations.models import EventOption, EventRegistration
from registrations.services.registration import approve

HTMX = {"HX-Request": "true"}


def open_now(account: Account, user: User, **fields: Any) -> Event:
    now = timezone.now()
    values = {
        "event_date": now + timedelta(days=30),
        "registration_start_date": now - timedelta(days=1),
        "registration_end_date": now + timedelta(days=10),
        **fields,
    }
    return make_open_event(account, user, **values)


def address(name: str, *args: Any) -> str:
    return reverse(f"registrations:{name}", args=[getattr(arg, "pk", arg) for arg in args])


def ask_now(event: Event, user: User, option: EventOption | None = None, **fields: Any) -> EventRegistration:
    return ask(event, user, option, **{"now": timezone.now(), **fields})


def approve_now(registration: EventRegistration, event: Event, by: User) -> EventRegistration:
    return approve(registration_id=registration.pk, event=event, acting_user=by, now=timezone.now()).registration


def words(response: HttpResponse) -> str:
    """The words of an answer, one space between them."""
    text = sub(r"<[^>]*>", " ", response.content.decode())
    return sub(r"\s+", " ", unescape(text)).strip()
