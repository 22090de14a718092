"""The outbox's consumer: everything that people are told of as it happens goes through here."""

from collections.abc import Iterator, Sequence
from uuid import UUID

from django.utils import timezone

from alerts.services.routing.about_alerts import messages_about_alerts
from alerts.services.routing.about_approvals import messages_about_approvals
from alerts.services.routing.about_registrations import messages_about_registrations
from alerts.services.routing.members import Members
from budgetsite.notifications.services.telling import Message, tell
from budgetsite.outbox.models import OutboxEvent


def receive(events: Sequence[OutboxEvent]) -> None:
    """Tell the people of the current account what these events are to them. A constant number of statements."""
    families = {event.kind.partition(".")[0] for event in events}
    if families & {"alert", "budget", "expense", "registration", "waitlist"}:
        tell(_messages(events), now=timezone.now())


def _messages(events: Sequence[OutboxEvent]) -> Iterator[tuple[UUID, Message]]:
    members = Members.read()
    yield from messages_about_alerts(events, members)
    yield from messages_about_approvals(events, members)
    yield from messages_about_registrations(events)
