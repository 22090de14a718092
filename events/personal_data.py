"""What events say of a person: whose they are, and who organizes them."""

from django.db.models import Q

from budgetsite.accounts.models import User
from budgetsite.privacy.registry import Contributor, PersonalData, personal_rows, register_contributor
from events.models import Event

_EVENT = ("id", "name", "event_date", "timezone", "created_at", "client_id", "organizer_id", "created_by_id")


def _export(person: User) -> PersonalData:
    mine = Q(client=person) | Q(organizer=person) | Q(created_by=person)
    return PersonalData(tables={"events": personal_rows(Event.objects.filter(mine), *_EVENT)})


def register() -> None:
    # An event is the account's; whose it was stays, as the row of a person who no longer has a name.
    register_contributor(Contributor("events", export=_export, erase=lambda person: {}))
