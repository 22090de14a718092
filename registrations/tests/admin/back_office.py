"""Pressing what the staff press, and reading what they are told."""

from datetime import timedelta
from typing import Any

from django.test import Client
from django.urls import reverse

from budgets.services.ledger_proof import verify_ledger
from budgetsite.testing.registrations import NOW
from events.models import Event
from registrations.models import EventRegistration
from registrations.services.registration_proof import verify_registrations
from registrations.tests.registrations import at, registration_now

LIST = "admin:registrations_eventregistration_changelist"


def url(row: Any, name: str = "change") -> str:
    return reverse(f"admin:registrations_{row._meta.model_name}_{name}", args=[row.pk])


def listed(model: type, **query: Any) -> str:
    return reverse(f"admin:registrations_{model._meta.model_name}_changelist", query=query or None)


def send(client: Client, action: str, rows: list[EventRegistration], **answers: Any) -> Any:
    data = {"action": action, "_selected_action": [str(row.pk) for row in rows], **answers}
    with at(NOW + timedelta(hours=1)):
        return client.post(reverse(LIST), data, follow=True)


def told(response: Any) -> list[str]:
    return [str(message) for message in response.context["messages"]]


def statuses(rows: list[EventRegistration]) -> list[str]:
    return [registration_now(row).status for row in rows]


def form_of(client: Client, row: Any) -> dict[str, str]:
    """Return what a browser would send back if nothing were changed, the hidden values that were read included."""
    form = client.get(url(row)).context["adminform"].form
    data = {bound.html_name: bound.value() for bound in form}
    data |= {bound.html_initial_name: bound.value() for bound in form if bound.field.show_hidden_initial}
    return {name: str(value) for name, value in data.items() if value is not None}


def assert_all_true(event: Event) -> None:
    assert verify_registrations() == []
    assert verify_ledger() == []


def panels_of(client: Client) -> dict[str, Any]:
    return {panel.title: panel for panel in client.get(reverse("admin:index")).context["panels"]}
