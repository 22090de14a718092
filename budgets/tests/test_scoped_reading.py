"""How budgets stand, read with them in one statement, is what their calendar says; and what is over, is over."""

from datetime import UTC, date, datetime, timedelta
from decimal import Decimal

import pytest
from django.db import connection, transaction
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from budgets.models import BudgetWindow, Period, Reservation, ScopedBudget
from budgets.selectors.scoped_budgets import not_over, over
from budgets.selectors.scoped_status import chain_standings, standing_of, standings
from budgets.services.hierarchy import read_chain
from budgets.services.windows import current_window, last_day_after, today, window_at
from budgetsite.accounts.roles import Role
from budgetsite.testing.people import PASSWORD, make_member
from budgetsite.testing.rest import RestClient
from budgetsite.testing.scoped_budgets import make_scoped_budget, make_tree, spend

FRAME = ("BEGIN", "COMMIT", "ROLLBACK")
FIRST = datetime(2025, 9, 1, tzinfo=UTC)
ZONES = ["UTC", "Pacific/Kiritimati", "Etc/GMT+12", "America/Sao_Paulo", "Europe/Vienna", "Pacific/Apia"]
CALENDARS = st.fixed_dictionaries(
    {
        "period": st.sampled_from(Period.values),
        "timezone": st.sampled_from(ZONES),
        "recurring": st.booleans(),
        "start_date": st.dates(date(2025, 10, 1), date(2026, 3, 31)),
        "length": st.one_of(st.none(), st.integers(1, 100)),
        "now": st.integers(0, 300 * 24).map(lambda hours: FIRST + timedelta(hours=hours)),
    }
)


@settings(max_examples=25, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(calendar=CALENDARS)
def test_one_statement_finds_the_window_that_a_budget_is_in(account, owner, calendar):
    now, length = calendar.pop("now"), calendar.pop("length")
    if calendar["period"] == Period.CUSTOM and length is None:
        length = 7
    end = None if length is None else calendar["start_date"] + timedelta(days=length)
    with transaction.atomic():
        budget = make_scoped_budget(account, owner, end_date=end, **calendar)
        current = current_window(budget, now)
        windows = {current.start: current}
        # Whatever was counted around it, before and after, in every window near.
        for hours in range(-100, 101, 12):
            window = window_at(budget, current.start + timedelta(hours=hours))
            windows[window.start] = window
        BudgetWindow.objects.bulk_create(
            BudgetWindow(
                budget=budget, window_start=start, window_end=window.end, shard=shard, actual_amount=10, entries_count=1
            )
            for start, window in windows.items()
            for shard in ((0, 1, 2) if start == current.start else (0,))
        )
        [stands] = chain_standings([budget.pk], now=now)
        assert (stands.window, stands.figures.actual) == (current, 30)
        assert stands == standing_of(budget.pk, now=now) == standings(read_chain(budget.pk), now=now)[0]

        last = last_day_after(budget)
        is_over = last is not None and today(budget, now) >= last
        everything = ScopedBudget.objects.filter(pk=budget.pk)
        assert (over(everything, now=now).exists(), not_over(everything, now=now).exists()) == (is_over, not is_over)
        transaction.set_rollback(True)


def test_what_has_expired_is_left_out_of_each_budget_above(account, owner):
    now = timezone.now()
    top, *_rest, leaf = make_tree(account, owner, start_date=date(now.year, 1, 1), period="annual")
    for budget, amount in ((leaf, 5), (top, 7)):
        Reservation.objects.create(
            budget=budget,
            currency="USD",
            amount=amount,
            held_amount=amount,
            held_at=now - timedelta(seconds=2),
            expires_at=now - timedelta(seconds=1),
        )
    start = current_window(top, now)
    for budget in ScopedBudget.objects.all():
        BudgetWindow.objects.create(
            budget=budget, window_start=start.start, window_end=start.end, reserved_amount=20, actual_amount=1
        )
    reserved = [stands.figures.reserved for stands in chain_standings([leaf.pk], now=now)]
    assert reserved == [Decimal(15), Decimal(15), Decimal(15), Decimal(8)]


@pytest.fixture
def token_client(committed_db, account):
    with transaction.atomic():
        user = make_member(account, Role.OWNER).user
    client = RestClient(Client(), user)
    answer = client.post("/auth/token", {"username": user.email, "password": PASSWORD, "account": account.slug})
    client.headers = {"Authorization": f"Bearer {answer.json['access']}"}
    client.get("/events")
    return client


def test_how_many_statements_a_request_takes(token_client, account):
    """The one that sets the tenant, and those that recognise who asks, included."""
    now = timezone.now()
    with transaction.atomic():
        top, *_rest, leaf = make_tree(account, token_client.user, start_date=date(now.year, 1, 1), period="annual")

    def statements(call):
        with CaptureQueriesContext(connection) as captured:
            answer = call()
        assert answer.status < 300, answer.json
        return len([query for query in captured if query["sql"] not in FRAME])

    one = f"/budgets/{leaf.pk}"
    usage = {"amount": "1", "currency": "USD", "source": "api"}
    scopes = {"organization": "organization", "team": "team", "user": "user", "project": "project"}
    calls = {
        "record": lambda: token_client.post(f"{one}/usage", usage),
        "reserve": lambda: token_client.post(f"{one}/reservations", {"amount": "1", "ttl_seconds": 60}),
        "record beside reservations": lambda: token_client.post(f"{one}/usage", usage),
        "record once": lambda: token_client.post(f"{one}/usage", usage, Idempotency_Key="once"),
        "status": lambda: token_client.get(f"{one}/status"),
        "check": lambda: token_client.post(f"{one}/check-constraints", {"estimated_cost": "1"}),
        "check scopes": lambda: token_client.post(
            "/budgets/check-constraints", {"scopes": scopes, "estimated_cost": "1"}
        ),
        "list": lambda: token_client.get("/budgets"),
        "usage": lambda: token_client.get(f"/budgets/{top.pk}/usage"),
        "hierarchy": lambda: token_client.get("/budgets/hierarchy/organization/organization"),
    }
    few = {name: statements(call) for name, call in calls.items()}
    assert few == {
        "record": 8,
        "reserve": 10,
        "record beside reservations": 9,
        "record once": 13,
        "status": 3,
        "check": 3,
        "check scopes": 4,
        "list": 4,
        "usage": 9,
        "hierarchy": 6,
    }

    with transaction.atomic():
        for number in range(20):
            fields = {"parent_id": top.pk, "scope_type": "team", "scope_id": f"team {number}"}
            below = make_scoped_budget(account, token_client.user, start_date=date(now.year, 1, 1), **fields)
            spend(below, token_client.user, 1, now=now)
    reads = ("status", "check", "check scopes", "list", "usage", "hierarchy")
    assert {name: statements(calls[name]) for name in reads} == {name: few[name] for name in reads}
