"""The rows of the organizer's desk, narrowed down as the desk's filter says."""

from uuid import UUID

from django.db.models import QuerySet

from registrations.models import EventRegistration
from registrations.selectors.registrations import matching, with_slot

# What the filter sends for registrations that name no option.
NO_OPTION = "none"


def desk_rows(
    event_id: UUID, *, status: str = "", option: str = "", slot_id: UUID | None = None, search: str = ""
) -> QuerySet[EventRegistration]:
    """Return an event's registrations with person, option and slots. Unordered: the page orders them.

    `slot_id` finds whoever has that slot, or wants it while they wait. `option` is an id or `NO_OPTION`.
    """
    rows: QuerySet[EventRegistration] = EventRegistration.objects.filter(event_id=event_id)
    if status:
        rows = rows.filter(status=status)
    if option == NO_OPTION:
        rows = rows.filter(event_option=None)
    elif option:
        rows = rows.filter(event_option_id=UUID(option))
    if slot_id is not None:
        rows = with_slot(rows, slot_id)
    if search:
        rows = matching(rows, search)
    return rows.select_related("user", "event_option", "preferred_slot", "assigned_slot", "collected_by", "approved_by")
