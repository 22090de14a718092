"""How many guests are expected: over the API, on the organizer's page and in the back office."""

from decimal import Decimal

import pytest
from django.urls import reverse

from budgets.models import BudgetLineItem, EventBudget
from budgets.services.driver import create_driver
from budgetsite.accounts.roles import Role
from budgetsite.testing.budgets import make_budget, make_event, make_line, move
from budgetsite.testing.people import sign_in
from budgetsite.testing.rest import rest_client, rest_client_of
from events.models import Event
from events.tests.test_admin import page as admin_page
from events.tests.test_admin import typed
from events.tests.test_api import GALA
from events.tests.test_pages import FORM


@pytest.fixture
def dinner(account, owner):
    """Dinner for each of 100 guests at 10.00, in a budget of 1,500.00."""
    budget = make_budget(account, owner, total="1500", event=make_event(account, owner, expected_guests=100))
    guests = create_driver(budget_id=budget.pk, acting_user=owner, name="Guests", follows_guests=True)
    return make_line(budget, owner, name="Dinner", unit_price="10", driver_id=guests.pk, budgeted_amount=0)


def planned(dinner):
    line = BudgetLineItem.objects.get(pk=dinner.pk)
    return line.quantity, line.budgeted_amount


def test_the_api_takes_and_answers_the_number(account, owner):
    rest = rest_client_of(owner, account)
    unknown = rest.post("/events", GALA).json
    assert unknown["expected_guests"] is None
    event = rest.post("/events", {**GALA, "expected_guests": 120}).json
    path = f"/events/{event['id']}"
    assert (event["expected_guests"], rest.get(path).json["expected_guests"]) == (120, 120)
    assert rest.patch(path, {"expected_guests": 0}).json["expected_guests"] == 0
    assert rest.patch(path, {"expected_guests": 10_000_000}).json["expected_guests"] == 10_000_000
    assert rest.patch(path, {"expected_guests": None}).json["expected_guests"] is None
    assert rest_client(account, Role.CLIENT).patch(path, {"expected_guests": 5}).status == 403


@pytest.mark.parametrize(
    ("number", "code"),
    [(-1, "min_value"), (10_000_001, "max_value"), ("many", "invalid"), (1.5, "invalid"), (True, "invalid")],
)
def test_the_api_refuses_what_is_no_number_of_guests(account, owner, dinner, number, code):
    rest = rest_client_of(owner, account)
    path = f"/events/{dinner.budget.event_id}"
    for answer in (
        rest.patch(path, {"expected_guests": number}),
        rest.post("/events", GALA | {"expected_guests": number}),
    ):
        assert (answer.status, answer.fields) == (400, {"expected_guests": code})
    assert rest.get(path).json["expected_guests"] == 100
    assert planned(dinner) == (100, 1000)


def test_guests_and_ceiling_are_raised_in_one_request(account, owner, dinner):
    rest = rest_client_of(owner, account)
    path = f"/events/{dinner.budget.event_id}"
    assert rest.patch(path, {"expected_guests": 200}).fields == {"expected_guests": "lines_exceed_total"}
    answer = rest.patch(path, {"expected_guests": 200, "event_budget_amount": "2000"})
    assert (answer.status, answer.json["event_budget_amount"]) == (200, "2000.00")
    assert planned(dinner) == (200, 2000)
    both = rest.patch(path, {"expected_guests": 50, "event_budget_amount": "499.99"})
    assert (both.status, both.fields) == (400, {"event_budget_amount": "lines_exceed_total"})
    assert planned(dinner) == (200, 2000)
    assert EventBudget.objects.get().total_budget_amount == Decimal(2000)


def test_the_page_saves_the_number_and_the_draft_follows(account, owner, dinner):
    client = sign_in(owner, account)
    url = reverse("events:edit", args=[dinner.budget.event_id])
    shown = client.get(url).content.decode()
    assert 'name="expected_guests"' in shown
    assert 'value="100"' in shown
    assert client.post(url, FORM | {"expected_guests": "1200"}).status_code == 422
    refused = client.post(url, FORM | {"expected_guests": "151"})
    assert refused.status_code == 422
    assert "The lines add up to 1,510.00 CAD, 10.00 more" in refused.content.decode()
    assert planned(dinner) == (100, 1000)
    assert client.post(url, FORM | {"expected_guests": "150"}).status_code == 302
    assert planned(dinner) == (150, 1500)
    detail = client.get(reverse("events:detail", args=[dinner.budget.event_id])).content.decode()
    assert "Expected guests" in detail


def test_the_page_says_when_the_plan_counts_others(account, owner, dinner):
    client = sign_in(owner, account)
    detail = reverse("events:detail", args=[dinner.budget.event_id])
    assert "plan counts" not in client.get(detail).content.decode()
    move(dinner.budget, "submit", user=owner, role=Role.OWNER, account=account)
    url = reverse("events:edit", args=[dinner.budget.event_id])
    assert client.post(url, FORM | {"expected_guests": "1200"}).status_code == 302
    assert planned(dinner) == (100, 1000)
    shown = " ".join(client.get(detail).content.decode().split())
    assert "1,200 (the budget's plan counts 100)" in shown


def test_the_page_refuses_what_is_no_number_of_guests(account, owner, dinner):
    client = sign_in(owner, account)
    url = reverse("events:edit", args=[dinner.budget.event_id])
    for number, words in (
        ("-1", "Expect 0 guests or more."),
        ("10000001", "Expect 10,000,000 at most."),
        ("many", "Write a whole number, such as 120."),
    ):
        refused = client.post(url, FORM | {"expected_guests": number})
        assert (refused.status_code, words in refused.content.decode()) == (422, True)
    assert Event.objects.get().expected_guests == 100


def test_a_number_that_is_cleared_on_the_page_leaves_the_plan(account, owner, dinner):
    client = sign_in(owner, account)
    assert client.post(reverse("events:edit", args=[dinner.budget.event_id]), FORM).status_code == 302
    assert Event.objects.get().expected_guests is None
    assert planned(dinner) == (100, 1000)


def test_the_back_office_saves_the_number_and_refuses_what_the_plan_does_not_allow(account, staff, dinner):
    client = sign_in(staff, account)
    event = dinner.budget.event
    values = typed(currency=event.currency)
    refused = client.post(admin_page(event), values | {"expected_guests": "151"})
    assert refused.status_code == 200
    assert "The lines add up to 1,510.00 CAD, 10.00 more" in refused.content.decode()
    assert planned(dinner) == (100, 1000)
    saved = client.post(admin_page(event), values | {"expected_guests": "120"})
    assert saved.status_code == 302
    assert planned(dinner) == (120, 1200)
