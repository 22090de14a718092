from datetime import UTC, datetime, timedelta
from decimal import Decimal
from html import unescape
from re import findall, sub

import pytest
from django.db import connection
from django.shortcuts import render
from django.test import Client, RequestFactory
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from budgets.models import EventBudget
from budgetsite.accounts.roles import Role
from budgetsite.accounts.services import add_member
from budgetsite.tenancy.scope import tenant_scope
from budgetsite.testing.budgets import make_budget, make_event, make_line, move
from budgetsite.testing.people import make_member, sign_in
from events.models import Event, Venue
from events.services import create_venue
from events.views.event import EVENTS_PER_PAGE

FORM = {
    "name": "Summer gala",
    "event_type": "WEDDING",
    "description": "",
    "event_date": "2026-07-15T14:00",
    "timezone": "Europe/Madrid",
    "registration_start_date": "2026-06-01T08:00",
    "registration_end_date": "2026-07-14T20:00",
    "currency": "EUR",
    "venue": "",
    "organizer": "",
    "client": "",
}


def words(response):
    return sub(r"\s+", " ", unescape(sub(r"<[^>]*>", " ", response.content.decode()))).strip()


def names(response):
    return [row.event.name for row in response.context["rows"]]


@pytest.fixture
def client(account, organizer):
    return sign_in(organizer, account)


def test_an_event_begins_on_the_clock_of_its_own_time_zone(client, account):
    response = client.post(reverse("events:create"), FORM)

    event = Event.objects.get()
    assert response["Location"] == reverse("events:detail", args=[event.pk])
    assert event.event_date == datetime(2026, 7, 15, 12, 0, tzinfo=UTC)
    assert event.registration_end_date == datetime(2026, 7, 14, 18, 0, tzinfo=UTC)
    assert "15 July 2026, 14:00 (Europe/Madrid)" in words(client.get(response["Location"]))
    assert client.get(reverse("events:edit", args=[event.pk])).context["form"]["event_date"].value().hour == 14


def test_registration_that_ends_before_it_starts_is_said_at_its_field(client, account):
    response = client.post(reverse("events:create"), FORM | {"registration_start_date": "2026-07-14T20:01"})

    assert response.status_code == 422
    assert response.context["form"].errors == {"registration_end_date": ["Registration ends before it starts."]}
    assert not Event.objects.exists()


@pytest.mark.parametrize("field", ["name", "event_date", "timezone", "event_type", "currency"])
def test_what_an_event_needs_is_asked_for_at_the_field(client, account, field):
    response = client.post(reverse("events:create"), FORM | {field: ""})

    assert response.status_code == 422
    assert list(response.context["form"].errors) == [field]
    assert not Event.objects.exists()


@pytest.mark.parametrize("moment", ["9999-12-31T23:59", "0001-01-01T00:00"])
def test_a_date_at_the_end_of_the_calendar_is_refused_at_its_field(client, account, moment):
    response = client.post(reverse("events:create"), FORM | {"event_date": moment, "timezone": "America/Los_Angeles"})

    assert response.status_code == 422
    assert response.context["form"].errors == {"event_date": ["Give a date between the years 1900 and 2999."]}
    assert not Event.objects.exists()


def test_the_currency_of_an_event_with_a_budget_is_fixed(client, account, organizer):
    budget = make_budget(account, organizer)
    url = reverse("events:edit", args=[budget.event_id])

    client.post(url, FORM | {"name": "Renamed"})

    event = Event.objects.get(pk=budget.event_id)
    assert (event.name, event.currency) == ("Renamed", "CAD")


def test_deleting_shows_what_goes_with_it_and_one_press_brings_it_back(account, manager):
    budget = make_budget(account, manager)
    client = sign_in(manager, account)
    url = reverse("events:delete", args=[budget.event_id])

    asked = client.get(url)
    assert Event.objects.filter(pk=budget.event_id).exists()
    listed = client.post(url, follow=True)

    assert "Its budget goes with it: 10,000.00 CAD budgeted" in words(asked)
    assert reverse("events:restore", args=[budget.event_id]) in listed.content.decode()
    assert not Event.objects.filter(pk=budget.event_id).exists()
    client.post(reverse("events:restore", args=[budget.event_id]))
    assert EventBudget.objects.filter(pk=budget.pk, event__deleted_at=None).exists()


def test_the_list_says_in_words_what_is_over_budget(client, account, organizer):
    budget = make_budget(account, organizer, total="1000")
    make_line(budget, organizer, actual_amount="1200")

    assert "200.00 over budget" in words(client.get(reverse("events:list")))


def test_the_list_narrows_by_name_type_time_status_and_overspend(client, account, organizer):
    past = datetime(2020, 1, 1, tzinfo=UTC)
    window = {"registration_start_date": past - timedelta(days=9), "registration_end_date": past - timedelta(days=1)}
    make_event(account, organizer, name="Old wedding", event_date=past, event_type="WEDDING", **window)
    overspent = make_budget(account, organizer, total="10", event=make_event(account, organizer, name="Dear gala"))
    make_line(overspent, organizer, budgeted_amount="10", actual_amount="11")
    move(overspent, "submit", user=organizer, role=Role.ORGANIZER, account=account)
    make_budget(account, organizer, event=make_event(account, organizer, name="Cheap fair"))
    url = reverse("events:list")

    assert names(client.get(url, {"search": "WED"})) == ["Old wedding"]
    assert names(client.get(url, {"type": "WEDDING"})) == ["Old wedding"]
    assert "Old wedding" in names(client.get(url, {"when": "past"}))
    assert "Old wedding" not in names(client.get(url, {"when": "ahead"}))
    assert names(client.get(url, {"status": "review"})) == ["Dear gala"]
    assert names(client.get(url, {"status": "none"})) == ["Old wedding"]
    assert names(client.get(url, {"over": "on"})) == ["Dear gala"]
    assert sorted(names(client.get(url, {"type": "nonsense"}))) == ["Cheap fair", "Dear gala", "Old wedding"]
    assert "No event fits" in words(client.get(url, {"search": "100%_"}))


def test_the_pages_of_the_list_hold_every_event_once_there_and_back(client, account, organizer):
    for number in range(EVENTS_PER_PAGE + 3):
        make_event(account, organizer, name=f"Event {number:02}")
    url = reverse("events:list")

    first = client.get(url)
    second = client.get(url + first.context["older_url"])
    back = client.get(url + second.context["newer_url"])

    assert len(names(first)) == EVENTS_PER_PAGE
    assert sorted(names(first) + names(second)) == [f"Event {n:02}" for n in range(EVENTS_PER_PAGE + 3)]
    assert names(back) == names(first)
    assert (first.context["newer_url"], second.context["older_url"]) == ("", "")
    assert names(client.get(url, {"older": "cut-off"})) == names(first)


def test_a_longer_list_costs_no_more_statements(client, account, organizer):
    make_budget(account, organizer)
    counts = []
    for _ in range(2):
        with CaptureQueriesContext(connection) as statements:
            client.get(reverse("events:list"))
        counts.append(len(statements))
        for _ in range(10):
            make_budget(account, organizer)

    assert counts[0] == counts[1]


def test_an_organizer_sees_their_own_events_alone(client, account, organizer, manager):
    make_event(account, organizer, name="Mine")
    theirs = make_event(account, manager, name="Theirs")

    assert names(client.get(reverse("events:list"))) == ["Mine"]
    assert client.get(reverse("events:detail", args=[theirs.pk])).status_code == 404
    assert client.post(reverse("events:delete", args=[theirs.pk])).status_code == 404
    assert Event.objects.filter(pk=theirs.pk).exists()


def test_a_stranger_finds_no_event_and_no_venue(account, organizer, other_account):
    event = make_event(account, organizer, name="Secret gala")
    venue = create_venue(acting_user=organizer, name="Secret hall")
    with tenant_scope(other_account.pk):
        stranger = make_member(other_account, Role.OWNER).user
        make_event(other_account, stranger, name="Rival gala")
    client = sign_in(stranger, other_account)

    assert names(client.get(reverse("events:list"))) == ["Rival gala"]
    assert "Secret" not in words(client.get(reverse("events:venues")))
    for name in ("detail", "edit", "delete"):
        assert client.get(reverse(f"events:{name}", args=[event.pk])).status_code == 404
    for name in ("events:restore", "events:delete"):
        assert client.post(reverse(name, args=[event.pk])).status_code == 404
    assert client.post(reverse("events:venue_delete", args=[venue.pk])).status_code == 404
    assert Event.objects.filter(pk=event.pk).exists()
    assert Venue.objects.filter(pk=venue.pk).exists()


def test_a_venue_in_use_stays_and_a_free_one_returns_at_one_press(client, account, organizer):
    venue = create_venue(acting_user=organizer, name="Hall")
    event = make_event(account, organizer, venue=venue)
    delete = reverse("events:venue_delete", args=[venue.pk])

    refused = client.post(delete, follow=True)
    event.venue = None
    event.save()
    deleted = client.post(delete, follow=True)

    assert "Move them to another venue first." in words(refused)
    assert reverse("events:venue_restore", args=[venue.pk]) in deleted.content.decode()
    assert not Venue.objects.exists()
    client.post(reverse("events:venue_restore", args=[venue.pk]))
    assert Venue.objects.get().name == "Hall"


def test_the_first_page_gathers_what_waits(account, organizer, manager):
    waiting = make_budget(account, organizer, event=make_event(account, organizer, name="Waiting gala"))
    move(waiting, "submit", user=organizer, role=Role.ORGANIZER, account=account)
    over = make_budget(account, organizer, total="1000", event=make_event(account, organizer, name="Dear gala"))
    make_line(over, organizer, budgeted_amount="1000", actual_amount="1000.01")
    make_budget(account, manager, event=make_event(account, manager, name="Own draft"))

    page = sign_in(manager, account).get(reverse("home"))

    assert [waiting.budget.event.name for waiting in page.context["approvals"]] == ["Waiting gala"]
    assert [budget.event.name for budget in page.context["over"]] == ["Dear gala"]
    assert [budget.event.name for budget in page.context["drafts"]] == ["Own draft"]
    assert "Dear gala is over budget" in words(page)
    alerts = len(page.context["alerts"])
    assert page.context["waiting"] == f"1 budget to approve, {alerts} alerts to acknowledge and 1 draft to finish"
    assert {alert.budget_id for alert in page.context["alerts"]} == {over.pk}


def test_the_first_page_says_how_many_alerts_wait_though_it_shows_five(account, organizer, manager):
    budget = make_budget(account, organizer, total="1000")
    for _ in range(6):
        make_line(budget, organizer, budgeted_amount="1", actual_amount="2")

    page = sign_in(manager, account).get(reverse("home"))

    assert len(page.context["alerts"]) == 5
    assert page.context["waiting"] == "6 alerts to acknowledge"


def test_a_client_begins_with_their_own_event_and_its_budget(account, organizer):
    client_user = make_member(account, Role.CLIENT).user
    event = make_event(account, organizer, name="My wedding", client=client_user)
    make_budget(account, organizer, event=event)
    make_budget(account, organizer, event=make_event(account, organizer, name="Another"))

    page = sign_in(client_user, account).get(reverse("home"))

    [budget] = page.context["budgets"]
    assert (budget.event.name, budget.total_budget_amount) == ("My wedding", Decimal(10000))
    assert "Another" not in words(page)
    assert reverse("events:create") not in page.content.decode()
    assert reverse("budgets:import") not in page.content.decode()


def test_an_attendee_without_events_is_told_so(account):
    page = sign_in(make_member(account, Role.ATTENDEE).user, account).get(reverse("home"))

    assert "Nothing to take part in yet" in words(page)


def test_whoever_is_not_signed_in_is_asked_to(account):
    response = Client().get(reverse("events:list"))

    assert response["Location"] == f"{reverse('sign-in')}?next={reverse('events:list')}"


def test_whoever_belongs_to_two_accounts_chooses_first(account, organizer, other_account):
    add_member(account=other_account, email=organizer.email, role=Role.STAFF)
    client = Client()
    client.force_login(organizer, backend="django.contrib.auth.backends.ModelBackend")

    assert client.get(reverse("home"))["Location"] == reverse("choose-account")


def test_the_shell_offers_the_accounts_to_switch_to(account, organizer, other_account):
    add_member(account=other_account, email=organizer.email, role=Role.STAFF)

    page = sign_in(organizer, account).get(reverse("events:list"))

    assert [choice["name"] for choice in page.context["accounts"]()] == ["Rival Events", "Sunrise Catering"]
    assert "Switch account" in words(page)


def current_in_navigation(response):
    return findall(r'class="nav__link"\s+href="([^"]+)"\s+aria-current', response.content.decode())[:1]


def test_venues_belong_to_the_events_section(client, account, organizer):
    venue = create_venue(acting_user=organizer, name="Hall")

    for address in (reverse("events:venues"), reverse("events:venue_edit", args=[venue.pk])):
        assert current_in_navigation(client.get(address)) == [reverse("events:list")]
    assert current_in_navigation(client.get(reverse("alerts:list"))) == [reverse("alerts:list")]


def test_an_event_with_a_budget_keeps_the_tabs_of_its_budget(client, account, organizer):
    budget = make_budget(account, organizer)
    without = make_event(account, organizer, name="No budget yet")

    tabs = client.get(reverse("events:detail", args=[budget.event_id])).context["tabs"]
    budgets_tabs = client.get(reverse("budgets:detail", args=[budget.pk])).context["tabs"]

    assert [tab["label"] for tab in tabs if tab["current"]] == ["Event"]
    assert [tab["url"] for tab in tabs] == [tab["url"] for tab in budgets_tabs]
    alone = client.get(reverse("events:detail", args=[without.pk])).context["tabs"]
    assert [tab["label"] for tab in alone] == ["Registrations", "Event"]


def test_an_attendee_is_offered_no_budget_and_no_venues(account, organizer):
    budget = make_budget(account, organizer)
    attendee = sign_in(make_member(account, Role.ATTENDEE).user, account)

    listed = attendee.get(reverse("events:list"))
    detail = attendee.get(reverse("events:detail", args=[budget.event_id]))

    assert reverse("events:venues") not in listed.content.decode()
    assert detail.context["tabs"] == []
    assert str(budget.pk) not in detail.content.decode()


def test_one_event_alone_needs_no_filters(account, organizer):
    person = make_member(account, Role.CLIENT).user
    make_event(account, organizer, name="Wedding", client=person)
    client = sign_in(person, account)

    assert b'role="search"' not in client.get(reverse("events:list")).content
    assert b'role="search"' in client.get(reverse("events:list"), {"search": "nothing"}).content

    make_event(account, organizer, name="Anniversary", client=person)

    assert b'role="search"' in client.get(reverse("events:list")).content


def test_a_page_that_is_not_there_keeps_the_navigation(client, account, organizer):
    response = client.get("/events/nowhere")

    assert response.status_code == 404
    assert f'href="{reverse("events:list")}"' in response.content.decode()
    assert account.name in words(response)


@pytest.mark.parametrize("template", ["403.html", "404.html"])
def test_error_pages_ask_the_database_nothing(account, organizer, template, django_assert_num_queries):
    request = RequestFactory().get("/")
    request.user, request.account, request.role, request.session = organizer, account, Role.ORGANIZER, {}

    with django_assert_num_queries(0):
        page = render(request, template)

    assert f'href="{reverse("alerts:list")}"' in page.content.decode()


def test_an_error_page_of_a_stranger_has_no_navigation(account):
    response = Client().get("/nowhere")

    assert response.status_code == 404
    assert b'class="nav__link"' not in response.content
