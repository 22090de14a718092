"""What everybody does first who writes about an event's registrations: hold the event."""

from events.holding import hold_event
from events.models import Event
from registrations.services.problems import EventGone


def keep_event(event: Event) -> None:
    """Keep the event from being deleted or restored until the transaction ends. Before any row is locked.

    Raises `EventGone` when it was deleted. Two statements.
    """
    if not hold_event(event.pk):
        raise EventGone
