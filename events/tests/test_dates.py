"""Dates at the ends of the calendar: one that could not be read back would take every list with it."""

from datetime import UTC, datetime

import pytest
from django.core.exceptions import ValidationError
from django.db import DatabaseError, transaction

from budgetsite.testing.budgets import make_event
from events.models import Event


@pytest.mark.parametrize("field", ["event_date", "registration_start_date", "registration_end_date"])
@pytest.mark.parametrize("moment", [datetime(9999, 12, 31, 23, 59, tzinfo=UTC), datetime(1899, 12, 31, tzinfo=UTC)])
def test_a_date_outside_the_calendar_is_refused_by_the_service(account, owner, field, moment):
    with pytest.raises(ValidationError) as refused:
        make_event(account, owner, **{field: moment})
    assert field in refused.value.message_dict
    assert not Event.objects.exists()


def test_and_by_the_database(account, owner):
    event = make_event(account, owner)
    with pytest.raises(DatabaseError, match="events_event_within_the_calendar"), transaction.atomic():
        Event.objects.filter(pk=event.pk).update(event_date=datetime(9999, 12, 31, tzinfo=UTC))


@pytest.mark.parametrize("zone", ["localtime", "Factory", "Mars/Base", ""])
def test_a_zone_that_is_nowhere_is_refused(account, owner, zone):
    with pytest.raises(ValidationError):
        make_event(account, owner, timezone=zone)
