"""The staff's pages for events and venues."""

from datetime import UTC, datetime
from typing import Any

import pytest
from django.test import Client
from django.urls import reverse

from budgets.models import EventBudget
from budgetsite.accounts.models import Account, User
from budgetsite.accounts.roles import Role
from budgetsite.tenancy.scope import tenant_scope
from budgetsite.testing.budgets import make_budget, make_event
from budgetsite.testing.people import make_member, sign_in
from events.models import Event, Venue


@pytest.fixture
def worker(account: Account, staff: User) -> Client:
    return sign_in(staff, account)


@pytest.fixture
def event(account: Account, staff: User) -> Event:
    with tenant_scope(account.pk, user_id=staff.pk):
        return make_event(account, staff, name="Summer gala")


def typed(**changes: str) -> dict[str, Any]:
    return {
        "name": "Fête d'été 夏祭り",
        "description": "",
        "event_type": "WEDDING",
        "currency": "EUR",
        "timezone": "Europe/Madrid",
        "event_date_0": "2026-07-15",
        "event_date_1": "18:30:00",
        "registration_start_date_0": "2026-06-01",
        "registration_start_date_1": "00:00:00",
        "registration_end_date_0": "2026-07-01",
        "registration_end_date_1": "00:00:00",
        "venue": "",
        "client": "",
        "organizer": "",
        **changes,
    }


def page(event: Event, name: str = "change") -> str:
    return reverse(f"admin:events_event_{name}", args=[event.pk])


def test_times_are_read_in_the_events_own_zone(worker, staff):
    response = worker.post(reverse("admin:events_event_add"), typed())

    made = Event.objects.get()
    assert response.status_code == 302
    assert made.name == "Fête d'été 夏祭り"
    assert made.event_date == datetime(2026, 7, 15, 16, 30, tzinfo=UTC)
    assert (made.organizer_id, made.created_by_id) == (staff.pk, staff.pk)


def test_times_are_shown_in_the_events_own_zone(worker):
    worker.post(reverse("admin:events_event_add"), typed())
    made = Event.objects.get()

    form = worker.get(page(made)).content.decode()
    listed = worker.get(reverse("admin:events_event_changelist")).content.decode()

    assert 'value="18:30:00"' in form
    assert "18:30 CEST" in listed


def test_a_changed_event_keeps_what_was_not_changed(account, worker, staff, event):
    guest = make_member(account, Role.CLIENT).user
    data = typed(name="Autumn gala", client=str(guest.pk), organizer=str(staff.pk), currency="CAD")

    response = worker.post(page(event), data)

    event.refresh_from_db()
    assert response.status_code == 302
    assert (event.name, event.client_id, event.organizer_id) == ("Autumn gala", guest.pk, staff.pk)


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"name": ""}, "name"),
        ({"name": "x" * 201}, "name"),
        ({"timezone": "Mars/Base"}, "timezone"),
        ({"currency": "XXX"}, "currency"),
        ({"event_date_0": "2026-02-30"}, "event_date"),
        ({"registration_end_date_0": "2026-05-01"}, "registration_end_date"),
        ({"client": "nonsense"}, "client"),
    ],
)
def test_what_an_event_cannot_be_stands_at_its_field(worker, event, changes, field):
    response = worker.post(page(event), typed(**changes))

    event.refresh_from_db()
    assert response.status_code == 200
    assert list(response.context["adminform"].form.errors) == [field]
    assert event.name == "Summer gala"


def test_a_client_has_to_have_the_role(worker, staff, event):
    response = worker.post(page(event), typed(client=str(staff.pk)))

    assert response.status_code == 200
    assert list(response.context["adminform"].form.errors) == ["client"]


def test_an_event_is_deleted_with_its_budget_and_restored_with_it(account, staff, worker, event):
    with tenant_scope(account.pk, user_id=staff.pk):
        make_budget(account, staff, event=event)

    asked = worker.get(page(event, "delete"))
    deleted = worker.post(page(event, "delete"))

    assert b"Its budget with 0 line(s) and 0 alert(s) goes along" in asked.content
    assert deleted.status_code == 302
    assert (Event.objects.count(), EventBudget.objects.count()) == (0, 0)
    assert b"Summer gala" in worker.get(reverse("admin:events_event_changelist"), {"deleted": "yes"}).content
    assert worker.post(page(event, "restore_row")).status_code == 302
    assert (Event.objects.count(), EventBudget.objects.count()) == (1, 1)


def test_the_history_of_an_event_names_people(account, worker, event):
    guest = make_member(account, Role.CLIENT, name="Nadia Guest").user
    worker.post(page(event), typed(client=str(guest.pk)))

    newest = worker.get(page(event, "history")).context["entries"][0]

    assert newest.who == "The staff"
    assert ("Client", "–", "Nadia Guest") in [(change.label, change.old, change.new) for change in newest.changes]


@pytest.mark.parametrize("query", ["status=past", "status=upcoming", "status=x", "event_type__exact=WEDDING", "q=gala"])
def test_filters(worker, event, query):
    assert worker.get(f"{reverse('admin:events_event_changelist')}?{query}").status_code == 200


@pytest.mark.parametrize("query", ["term=%00", "page=x", "page=-1", "page=99999", "term=%25"])
def test_the_search_for_people_takes_anything(worker, query):
    response = worker.get(f"{reverse('admin:events_event_organizers')}?{query}")

    assert response.status_code == 200
    assert set(response.json()) == {"results", "pagination"}


def test_venues_are_made_changed_deleted_and_restored(account, staff, worker, event):
    data = {
        "name": "Town hall",
        "address": "",
        "city": "Madrid",
        "country": "",
        "notes": "",
        "timezone": "Europe/Madrid",
        "capacity": "300",
    }
    assert worker.post(reverse("admin:events_venue_add"), data).status_code == 302
    venue = Venue.objects.get()
    change = reverse("admin:events_venue_change", args=[venue.pk])
    delete = reverse("admin:events_venue_delete", args=[venue.pk])

    assert worker.post(change, data | {"name": "City hall"}).status_code == 302
    assert Venue.objects.get().name == "City hall"
    assert worker.post(change, data | {"capacity": "-1"}).status_code == 200
    Event.objects.filter(pk=event.pk).update(venue=venue)
    assert worker.post(delete).status_code == 409
    Event.objects.filter(pk=event.pk).update(venue=None)
    assert worker.post(delete).status_code == 302
    assert Venue.objects.count() == 0
    assert worker.post(reverse("admin:events_venue_restore_row", args=[venue.pk])).status_code == 302
    assert Venue.objects.get().capacity == 300
