"""A changed number meets line edits, postings and other changes of it: nothing is lost, nothing gets stuck."""

from collections import Counter
from decimal import Decimal

import pytest
from django.db import connection, transaction
from django.utils import timezone

from budgets.models import BudgetLineItem, EntryKind, EventBudget, PlanDriver
from budgets.services import ledger
from budgets.services.driver import create_driver, delete_driver, update_driver
from budgets.services.driver_effects import DriverExists
from budgets.services.event_budget import update_event_budget
from budgets.services.ledger_proof import verify_ledger
from budgets.services.line_item import add_line_item, update_line_item
from budgets.services.problems import LinesExceedTotal, StaleVersion
from budgetsite.accounts.roles import Role
from budgetsite.testing.budgets import make_budget, make_event, make_line
from budgetsite.testing.concurrency import run_at_once
from budgetsite.testing.people import make_member
from events.models import Event
from events.services import update_event

THREADS = 8


@pytest.fixture
def owner(committed_db, account):
    with transaction.atomic():
        return make_member(account, Role.OWNER).user


@pytest.fixture
def budget(owner, account):
    with transaction.atomic():
        return make_budget(account, owner, total="100000", event=make_event(account, owner, expected_guests=100))


@pytest.fixture
def guests(owner, budget):
    with transaction.atomic():
        return create_driver(budget_id=budget.pk, acting_user=owner, name="Guests", follows_guests=True)


@pytest.fixture
def hours(owner, budget):
    with transaction.atomic():
        return create_driver(budget_id=budget.pk, acting_user=owner, name="Hours", quantity=Decimal(8))


@pytest.fixture
def band(owner, budget, hours):
    with transaction.atomic():
        return make_line(budget, owner, name="Band", unit_price="100", driver_id=hours.pk, budgeted_amount=0)


@pytest.fixture
def dinner(owner, budget, guests):
    with transaction.atomic():
        return make_line(budget, owner, name="Dinner", unit_price="10", driver_id=guests.pk, budgeted_amount=0)


def read(query):
    with transaction.atomic():
        return query()


def outcomes(results):
    return Counter(type(result).__name__ for result in results)


def assert_right(budget):
    """Every line is what its price and its number make, and the totals are theirs."""
    with transaction.atomic():
        lines = list(BudgetLineItem.objects.filter(budget=budget).select_related("driver"))
        for line in lines:
            assert line.quantity == line.driver.quantity
            assert line.budgeted_amount == line.quantity * line.unit_price
            assert line.variance_amount == line.budgeted_amount - line.actual_amount
        stored = EventBudget.objects.get(pk=budget.pk)
        assert stored.lines_total_amount == sum((line.budgeted_amount for line in lines), Decimal(0))
        assert all(line.version <= stored.version for line in lines)
        assert verify_ledger() == []


def set_hours(owner, budget, hours, quantity, version):
    return lambda: update_driver(
        budget_id=budget.pk, driver_id=hours.pk, version=version, acting_user=owner, quantity=Decimal(quantity)
    )


def test_of_many_changes_of_one_number_one_wins_and_the_others_are_told(account, owner, budget, hours, band):
    version = read(lambda: EventBudget.objects.get().version)
    results = run_at_once(
        [set_hours(owner, budget, hours, 10 + number, version) for number in range(THREADS)], tenant_id=account.pk
    )
    assert outcomes(results) == {"PlanDriver": 1, StaleVersion.__name__: THREADS - 1}
    [winner] = [result for result in results if isinstance(result, PlanDriver)]
    assert read(lambda: PlanDriver.objects.get(pk=hours.pk).quantity) == winner.quantity
    assert_right(budget)


def test_a_changed_number_and_edits_of_its_line_leave_both(account, owner, budget, hours, band):
    def price(amount, version):
        return lambda: update_line_item(
            budget_id=budget.pk,
            line_item_id=band.pk,
            version=version,
            acting_user=owner,
            unit_price=Decimal(amount),
        )

    for extra in range(5):
        version = read(lambda: EventBudget.objects.get().version)
        results = run_at_once(
            [set_hours(owner, budget, hours, 5 + extra, version), price(200 + extra, version)], tenant_id=account.pk
        )
        # The line follows the number, so that its editor is told when the number was faster; never the other way.
        assert set(outcomes(results)) <= {"PlanDriver", "BudgetLineItem", StaleVersion.__name__}
        assert isinstance(results[0], PlanDriver)
        assert read(lambda: PlanDriver.objects.get(pk=hours.pk).quantity) == 5 + extra
        assert_right(budget)


def test_postings_meanwhile_are_neither_lost_nor_in_the_way(account, owner, budget, hours, band):
    version = read(lambda: EventBudget.objects.get().version)

    def spend():
        return ledger.post(
            budget_id=budget.pk,
            line_item_id=band.pk,
            kind=EntryKind.ACTUAL,
            actual_delta=Decimal("1.25"),
            currency="CAD",
            source="manual",
        )

    results = run_at_once(
        [*[spend] * THREADS, set_hours(owner, budget, hours, 12, version), *[spend] * THREADS], tenant_id=account.pk
    )
    assert outcomes(results) == {"Posting": 2 * THREADS, "PlanDriver": 1}
    line = read(lambda: BudgetLineItem.objects.get(pk=band.pk))
    assert (line.actual_amount, line.budgeted_amount) == (Decimal(20), 1200)
    assert_right(budget)


def test_commitments_meanwhile_never_exceed_what_is_available(account, owner, budget, hours, band):
    with transaction.atomic():
        # Its total follows the lines from now on: 800.00 for eight hours.
        version = EventBudget.objects.get().version
        update_event_budget(budget_id=budget.pk, version=version, acting_user=owner, total_budget_amount=Decimal(0))
    version = read(lambda: EventBudget.objects.get().version)

    def promise():
        return ledger.post(
            budget_id=budget.pk,
            kind=EntryKind.COMMIT,
            committed_delta=Decimal(150),
            currency="CAD",
            source="manual",
        )

    results = run_at_once([*[promise] * THREADS, set_hours(owner, budget, hours, 9, version)], tenant_id=account.pk)
    assert set(outcomes(results)) <= {"Posting", "AmountDoesNotFit", "PlanDriver"}
    assert read(lambda: EventBudget.objects.get().available_amount) >= 0
    assert_right(budget)


def test_guests_lines_and_numbers_change_at_once_without_deadlock(account, owner, budget, guests, hours, dinner, band):
    def expect(number):
        return lambda: update_event(event=Event.objects.get(), acting_user=owner, expected_guests=number)

    def add():
        return add_line_item(
            budget_id=budget.pk,
            acting_user=owner,
            category="Venue",
            name="More",
            unit_price=Decimal(1),
            driver_id=guests.pk,
        )

    for number in (110, 120, 130):
        version = read(lambda: EventBudget.objects.get().version)
        results = run_at_once(
            [expect(number), set_hours(owner, budget, hours, number, version), add, expect(number)],
            tenant_id=account.pk,
        )
        assert set(outcomes(results)) == {"Event", "PlanDriver", "BudgetLineItem"}
        assert read(lambda: PlanDriver.objects.get(pk=guests.pk).quantity) == number
        assert_right(budget)
    assert read(BudgetLineItem.objects.count) == 5


def test_a_number_taken_into_use_meanwhile_is_not_deleted(account, owner, budget, hours):
    def delete():
        return delete_driver(budget_id=budget.pk, driver_id=hours.pk, acting_user=owner, now=timezone.now())

    def follow():
        return add_line_item(
            budget_id=budget.pk,
            acting_user=owner,
            category="Music",
            name="Band",
            unit_price=Decimal(100),
            driver_id=hours.pk,
        )

    results = run_at_once([delete, follow], tenant_id=account.pk)
    told = outcomes(results)
    assert told in ({"NoneType": 1, "DriverNotFound": 1}, {"DriverInUse": 1, "BudgetLineItem": 1})
    assert_right(budget)


def test_of_one_name_one_number_is_made(account, owner, budget):
    results = run_at_once(
        [lambda: create_driver(budget_id=budget.pk, acting_user=owner, name="Days", quantity=Decimal(2))] * THREADS,
        tenant_id=account.pk,
    )
    assert outcomes(results) == {"PlanDriver": 1, DriverExists.__name__: THREADS - 1}


def test_together_the_lines_never_exceed_the_total(account, owner, budget, hours, band):
    """800 of 100,000 is planned; two changes that fit alone do not fit together."""
    version = read(lambda: EventBudget.objects.get().version)

    def add():
        return add_line_item(
            budget_id=budget.pk, acting_user=owner, category="Venue", name="Hall", budgeted_amount=Decimal(60_000)
        )

    results = run_at_once([set_hours(owner, budget, hours, 600, version), add], tenant_id=account.pk)
    assert outcomes(results)[LinesExceedTotal.__name__] == 1
    stored = read(EventBudget.objects.get)
    assert stored.lines_total_amount in (60_000, 60_800)


def test_without_the_lock_a_number_and_its_line_part(account, owner, budget, hours, band):
    """The negative control: each reads, waits and writes back what it made of that, as naive services would."""

    def naive_number():
        price = BudgetLineItem.objects.get(pk=band.pk).unit_price
        _wait()
        PlanDriver.objects.filter(pk=hours.pk).update(quantity=20)
        BudgetLineItem.objects.filter(pk=band.pk).update(quantity=20, budgeted_amount=20 * price)

    def naive_price():
        quantity = PlanDriver.objects.get(pk=hours.pk).quantity
        _wait()
        BudgetLineItem.objects.filter(pk=band.pk).update(unit_price=300, budgeted_amount=quantity * 300)

    run_at_once([naive_number, naive_price], tenant_id=account.pk)
    line = read(lambda: BudgetLineItem.objects.get(pk=band.pk))
    assert line.budgeted_amount != line.quantity * line.unit_price


def _wait():
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_sleep(0.1)")
