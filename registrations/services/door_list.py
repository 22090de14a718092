"""The list for the door, which goes on paper and so out of the house: recorded as such."""

from typing import Any

from budgetsite.privacy.models import AccessAction
from budgetsite.privacy.services.access_log import record_access
from events.models import Event
from registrations.selectors.door_page import expected_at_the_door


def list_for_the_door(*, event: Event) -> list[dict[str, Any]]:
    """Return `expected_at_the_door`, and record who was given it."""
    expected = expected_at_the_door(event.pk)
    record_access(
        action=AccessAction.EXPORTED,
        kind="registrations",
        list_id=event.pk,
        people=len(expected),
        place="List for the door of an event",
    )
    return expected
