"""How many statements a request takes, all told: signing in, the tenant's scope, savepoints and the answer included."""

from datetime import timedelta

import pytest
from django.db import connection, transaction
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from budgetsite.accounts.roles import Role
from budgetsite.testing.people import PASSWORD, make_member
from budgetsite.testing.registrations import ask, make_open_event, make_option
from budgetsite.testing.rest import RestClient
from registrations.models import EventRegistration
from registrations.tests.registrations import approved, guest, slots_of

FRAME = ("BEGIN", "COMMIT", "ROLLBACK")


@pytest.fixture
def runner(committed_db, account):
    """Who runs the event. Each request is a transaction of its own here, as it is on the site."""
    with transaction.atomic():
        return make_member(account, Role.OWNER).user


@pytest.fixture
def event(runner, account):
    now = timezone.now()
    dates = {
        "event_date": now + timedelta(days=9),
        "registration_start_date": now - timedelta(days=1),
        "registration_end_date": now + timedelta(days=1),
    }
    with transaction.atomic():
        return make_open_event(account, runner, **dates)


@pytest.fixture
def option(event, runner):
    with transaction.atomic():
        return make_option(event, runner)


@pytest.fixture
def slot(event):
    with transaction.atomic():
        return slots_of(event)[0]


def ask_now(account, event, option=None, **fields):
    with transaction.atomic():
        return ask(event, guest(account), option, now=timezone.now(), **fields)


def token_client(account, role):
    """Return a client with a token, as programs have, that has asked once already."""
    with transaction.atomic():
        user = make_member(account, role).user
    client = RestClient(Client(), user)
    answer = client.post("/auth/token", {"username": user.email, "password": PASSWORD, "account": account.slug})
    client.headers = {"Authorization": f"Bearer {answer.json['access']}"}
    client.get("/events")
    return client


def statements(work):
    with CaptureQueriesContext(connection) as captured:
        answer = work()
    assert answer.status < 300, answer.json
    said = [query["sql"] for query in captured if query["sql"] not in FRAME]
    return len(said), "\n".join(said)


def test_registering(account, event, option, slot):
    client = token_client(account, Role.ATTENDEE)
    body = {"event_option_id": str(option.pk), "preferred_pickup_slot": str(slot.pk)}
    count, said = statements(lambda: client.post(f"/events/{event.pk}/register", body))
    assert count <= 10, said


def test_approving(account, event, option, slot):
    client = token_client(account, Role.MANAGER)
    row = ask_now(account, event, option, slot_id=slot.pk)
    path = f"/events/{event.pk}/registrations/{row.pk}"
    count, said = statements(lambda: client.put(path, {"status": "APPROVED"}))
    assert count <= 12, said
    with transaction.atomic():
        assert EventRegistration.objects.get().status == "APPROVED"


@pytest.mark.parametrize("rows", [1, 7])
def test_listing(account, event, option, slot, rows):
    client = token_client(account, Role.MANAGER)
    for _ in range(rows):
        ask_now(account, event, option, slot_id=slot.pk)
    count, said = statements(lambda: client.get(f"/events/{event.pk}/registrations", limit=50))
    assert count <= 5, said


@pytest.mark.parametrize("options", [1, 5])
def test_the_report(account, runner, event, options):
    client = token_client(account, Role.MANAGER)
    for number in range(options):
        with transaction.atomic():
            made = make_option(event, runner, option_name=f"Option {number}")
        ask_now(account, event, made)
    count, said = statements(lambda: client.get(f"/events/{event.pk}/budget-variance"))
    assert count <= 8, said


def test_the_preflight(account, event, option, slot):
    client = token_client(account, Role.ATTENDEE)
    body = {"event_option_id": str(option.pk), "preferred_pickup_slot": str(slot.pk)}
    count, said = statements(lambda: client.post(f"/events/{event.pk}/check-conflicts", body))
    assert count <= 6, said


def test_a_scan(account, runner, event, option):
    client = token_client(account, Role.MANAGER)
    row = ask_now(account, event, option)
    with transaction.atomic():
        approved(row, event, runner)
    body = {"qr_token": row.qr_token, "nonce": "1"}
    count, said = statements(lambda: client.post(f"/events/{event.pk}/check-in", body))
    assert count <= 12, said


def test_a_pages_rows_come_by_keyset(account, event, option):
    client = token_client(account, Role.MANAGER)
    asked = [str(ask_now(account, event, option).pk) for _ in range(5)]
    seen, path = [], f"/events/{event.pk}/registrations?limit=2"
    while path:
        page = client.get(path)
        seen += [row["id"] for row in page.json["results"]]
        path = page.json["next"] and page.json["next"].split("/api/v1")[1]
        assert "count" not in page.json
    assert seen == asked[::-1]
