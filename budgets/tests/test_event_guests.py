"""The guests that an event expects: a draft that counts them follows, a fixed plan does not."""

from datetime import UTC, datetime
from decimal import Decimal

import pytest
from django.core.exceptions import ValidationError
from django.db import IntegrityError, transaction

from budgets.models import BudgetLineItem, EventBudget, PlanDriver
from budgets.selectors.drivers import GuestsApart, guests_apart
from budgets.services.driver import create_driver, update_driver
from budgets.services.event_budget import delete_event_budget
from budgets.services.event_changes import change_event
from budgets.services.ledger_proof import verify_ledger
from budgetsite.accounts.roles import Role
from budgetsite.tenancy.scope import deleted_rows_visible, tenant_scope
from budgetsite.testing.budgets import make_budget, make_event, make_line, move
from events.models import Event
from events.services import update_event

NOW = datetime(2026, 5, 1, tzinfo=UTC)


@pytest.fixture
def event(account, owner):
    return make_event(account, owner, expected_guests=100)


@pytest.fixture
def budget(account, owner, event):
    """Of 5,000.00, with dinner for each guest at 40.00."""
    budget = make_budget(account, owner, total="5000", event=event)
    driver = create_driver(budget_id=budget.pk, acting_user=owner, name="Guests", follows_guests=True)
    make_line(budget, owner, name="Dinner", unit_price="40", driver_id=driver.pk, budgeted_amount=0)
    return budget


def expect(event, owner, number):
    return update_event(event=Event.objects.get(pk=event.pk), acting_user=owner, expected_guests=number)


def planned(budget):
    budget = EventBudget.objects.get(pk=budget.pk)
    [driver] = PlanDriver.objects.filter(budget=budget)
    [line] = BudgetLineItem.objects.filter(budget=budget)
    assert budget.lines_total_amount == line.budgeted_amount
    return driver.quantity, line.quantity, line.budgeted_amount, budget.version


def approve(account, owner, manager, budget):
    move(budget, "submit", user=owner, role=Role.OWNER, account=account)
    move(budget, "approve", user=manager, role=Role.MANAGER, account=account)


def test_a_draft_follows_the_expected_guests(account, owner, event, budget):
    assert planned(budget) == (100, 100, 4000, 3)
    with tenant_scope(account.pk, user_id=owner.pk):
        expect(event, owner, 120)
    assert planned(budget) == (120, 120, 4800, 4)
    assert Event.objects.get(pk=event.pk).expected_guests == 120
    record = BudgetLineItem.history.filter(budget_id=budget.pk).latest("history_id")
    assert (record.history_change_reason, record.history_user_id) == ("Guests: 120", owner.pk)
    expect(event, owner, 0)
    assert planned(budget) == (0, 0, 0, 5)
    assert guests_apart(EventBudget.objects.get(pk=budget.pk)) is None
    assert verify_ledger() == []


def test_what_does_not_change_the_number_changes_no_plan(account, owner, event, budget):
    update_event(event=event, acting_user=owner, name="Winter gala")
    expect(event, owner, 100)
    assert planned(budget) == (100, 100, 4000, 3)
    # Nobody knows how many come: the plan keeps what it counted.
    expect(event, owner, None)
    assert planned(budget) == (100, 100, 4000, 3)
    named = Event.objects.get(pk=event.pk)
    named.name, named.expected_guests = "Autumn gala", 55
    named.save(update_fields=["name"])
    assert planned(budget) == (100, 100, 4000, 3)
    expect(event, owner, 101)
    assert planned(budget) == (101, 101, 4040, 4)


def test_a_number_of_its_own_does_not_follow(account, owner, event):
    budget = make_budget(account, owner, total=None, event=event)
    driver = create_driver(budget_id=budget.pk, acting_user=owner, name="Guests", quantity=Decimal(90))
    make_line(budget, owner, name="Dinner", unit_price="40", driver_id=driver.pk, budgeted_amount=0)
    expect(event, owner, 120)
    assert planned(budget) == (90, 90, 3600, 3)


def test_a_fixed_plan_keeps_what_it_counts_and_says_so(account, owner, manager, event, budget):
    approve(account, owner, manager, budget)
    before = planned(budget)
    expect(event, owner, 120)
    assert planned(budget) == before
    [driver] = PlanDriver.objects.filter(budget=budget)
    apart = guests_apart(EventBudget.objects.get(pk=budget.pk))
    assert apart == GuestsApart(driver_id=driver.pk, counted=Decimal(100), expected=120, may_take_over=False)
    # Once it is revised, someone takes the number over; until then it stays.
    revised = move(budget, "revise", user=owner, role=Role.OWNER, account=account, reason="more guests")
    assert guests_apart(revised).may_take_over
    expect(event, owner, 120)
    assert planned(budget)[:3] == (100, 100, 4000)
    update_driver(
        budget_id=budget.pk, driver_id=driver.pk, version=revised.version, acting_user=owner, quantity=Decimal(120)
    )
    assert planned(budget)[:3] == (120, 120, 4800)
    assert guests_apart(EventBudget.objects.get(pk=budget.pk)) is None


def test_more_guests_than_the_total_allows_are_refused_and_nothing_changes(account, owner, event, budget):
    before = planned(budget)
    with pytest.raises(ValidationError) as refused:
        expect(event, owner, 126)
    [error] = refused.value.error_dict["expected_guests"]
    assert error.code == "lines_exceed_total"
    assert "5,040.00 CAD, 40.00 more than the budget's total of 5,000.00" in str(error.message)
    assert planned(budget) == before
    assert Event.objects.get(pk=event.pk).expected_guests == 100
    expect(event, owner, 125)
    assert planned(budget)[2] == 5000


def test_guests_and_ceiling_change_together_in_the_order_that_fits(account, owner, event, budget):
    change_event(event=event, acting_user=owner, expected_guests=200, event_budget_amount=Decimal(8000))
    assert (planned(budget)[2], EventBudget.objects.get().total_budget_amount) == (8000, 8000)
    change_event(event=event, acting_user=owner, expected_guests=50, event_budget_amount=Decimal(2000))
    assert (planned(budget)[2], EventBudget.objects.get().total_budget_amount) == (2000, 2000)
    change_event(event=event, acting_user=owner, expected_guests=70, event_budget_amount=Decimal(0))
    assert (planned(budget)[2], EventBudget.objects.get().total_budget_amount) == (2800, 2800)


def test_a_deleted_budget_does_not_follow(account, owner, event, budget):
    delete_event_budget(budget_id=budget.pk, acting_user=owner, now=NOW)
    expect(event, owner, 120)
    with deleted_rows_visible():
        assert PlanDriver.objects.get(budget=budget).quantity == 100


@pytest.mark.parametrize(("number", "code"), [(-1, "min_value"), (10_000_001, "max_value"), ("many", "invalid")])
def test_a_number_that_is_none_is_refused(account, owner, event, budget, number, code):
    before = planned(budget)
    with pytest.raises(ValidationError) as refused:
        expect(event, owner, number)
    assert [error.code for error in refused.value.error_dict["expected_guests"]] == [code]
    assert planned(budget) == before


def test_the_database_refuses_more_guests_than_there_are(account, owner, event):
    with pytest.raises(IntegrityError, match="events_event_guests_within_bounds"), transaction.atomic():
        Event.objects.filter(pk=event.pk).update(expected_guests=10_000_001)


def test_a_strangers_plan_stays_as_it_is(account, owner, other_account, event, budget):
    with tenant_scope(other_account.pk):
        theirs = make_event(other_account, owner, expected_guests=100)
        rival = make_budget(other_account, owner, total=None, event=theirs)
        driver = create_driver(budget_id=rival.pk, acting_user=owner, name="Guests", follows_guests=True)
        make_line(rival, owner, name="Dinner", unit_price="40", driver_id=driver.pk, budgeted_amount=0)
    expect(event, owner, 120)
    with tenant_scope(other_account.pk):
        assert planned(rival)[:3] == (100, 100, 4000)
