"""What becomes of a person's own registrations, and places that they are offered."""

from collections.abc import Iterator, Sequence
from uuid import UUID

from django.urls import reverse

from budgetsite.notifications.models import Level
from budgetsite.notifications.services.telling import Message
from budgetsite.outbox.models import OutboxEvent
from registrations.models import EventRegistration, WaitlistEntry

_HAPPENED = {
    "registration.approved": "you have a place",
    "registration.rejected": "your registration was turned down",
    "registration.cancelled": "your registration was cancelled",
}
_OFFERED = "waitlist.offered"


def messages_about_registrations(events: Sequence[OutboxEvent]) -> Iterator[tuple[UUID, Message]]:
    """Tell people of decisions about their registrations that they did not make themselves, and of places offered."""
    decided = [event for event in events if event.kind in _HAPPENED]
    if decided:
        rows = EventRegistration.objects.filter(pk__in={event.subject_id for event in decided})
        registrations = {row.pk: row for row in rows.select_related("event", "event_option")}
        for event in decided:
            registration = registrations.get(event.subject_id)
            if registration is not None and registration.user_id != event.actor_id:
                yield registration.user_id, _decided(registration, event)
    offered = {event.subject_id for event in events if event.kind == _OFFERED}
    if offered:
        waiting = WaitlistEntry.objects.filter(pk__in=offered).select_related("event", "event_option")
        for entry in waiting.order_by("pk"):
            yield entry.user_id, _offered(entry)


def _decided(registration: EventRegistration, event: OutboxEvent) -> Message:
    option = registration.event_option.option_name if registration.event_option else ""
    return Message(
        notification_type="registration_news",
        level=Level.INFORMATION,
        title=f"{registration.event.name}: {_HAPPENED[event.kind]}",
        text=option,
        path=reverse("registrations:ticket", args=[registration.pk]),
        subject_type="registration",
        subject_id=registration.pk,
        dedup_key=f"{event.kind}:{registration.pk}:{event.pk}",
    )


def _offered(entry: WaitlistEntry) -> Message:
    option = f"{entry.event_option.option_name}: " if entry.event_option else ""
    return Message(
        notification_type="registration_news",
        level=Level.WARNING,
        title=f"{entry.event.name}: a place is free for you",
        text=f"{option}take it before somebody else is asked.",
        path=reverse("registrations:event", args=[entry.event_id]),
        subject_type="waitlist_entry",
        subject_id=entry.pk,
        # A second offer, after the first ran out, is news.
        dedup_key=f"{_OFFERED}:{entry.pk}:{entry.offered_at.isoformat() if entry.offered_at else ''}",
    )
