"""Numbers that lines of a plan follow: a changed one recomputes its lines, through the signals, all or nothing."""

from contextlib import contextmanager
from datetime import UTC, datetime
from decimal import Decimal

import pytest
from django.db import IntegrityError, connection, transaction
from django.test.utils import CaptureQueriesContext

from alerts.models import BudgetAlert
from budgets.models import BudgetLineItem, EventBudget, PlanDriver
from budgets.selectors.drivers import drivers_of, guests_apart
from budgets.services.driver import (
    DriverInUse,
    QuantityFollowsGuests,
    create_driver,
    delete_driver,
    driver_for_guests,
    insert_drivers,
    update_driver,
)
from budgets.services.driver_effects import DriverExists, DriverNameRefused, GuestsCounted, QuantityOutOfRange
from budgets.services.guards import lock_budget
from budgets.services.ledger_proof import rebuild_totals, verify_ledger
from budgets.services.line_item import (
    add_line_items,
    delete_line_item,
    move_line_item,
    restore_line_item,
    update_line_item,
)
from budgets.services.pricing import PriceOutOfRange, QuantityIsDrivers
from budgets.services.problems import (
    BudgetLocked,
    BudgetNotFound,
    DriverNotFound,
    IncompletePrice,
    LinesExceedTotal,
    PlanFixed,
    PricedLine,
    StaleVersion,
    TotalOutOfRange,
)
from budgets.services.recalculation import recalculation_paused
from budgets.signals import budget_recalculated
from budgetsite.accounts.roles import Role
from budgetsite.money.amounts import InvalidAmount
from budgetsite.tenancy.scope import deleted_rows_visible, tenant_scope
from budgetsite.testing.budgets import make_budget, make_event, make_line, move

NOW = datetime(2026, 5, 1, tzinfo=UTC)


@pytest.fixture
def budget(account, owner):
    return make_budget(account, owner, total="10000")


def count(budget, owner, name="Guests", quantity="100", **options):
    return create_driver(budget_id=budget.pk, acting_user=owner, name=name, quantity=Decimal(quantity), **options)


def follow(budget, owner, driver, unit_price="10", **fields):
    values = {"category": "Food & Beverage", "name": "Dinner", **fields}
    return make_line(budget, owner, driver_id=driver.pk, unit_price=Decimal(unit_price), budgeted_amount=0, **values)


def change(budget, owner, driver, **fields):
    version = EventBudget.objects.get(pk=budget.pk).version
    return update_driver(budget_id=budget.pk, driver_id=driver.pk, version=version, acting_user=owner, **fields)


def save_as_a_model(driver, **values):
    driver = stored(driver)
    for name, value in values.items():
        setattr(driver, name, value)
    driver.save()


def stored(row):
    return type(row).objects.get(pk=row.pk)


def amounts(budget):
    lines = BudgetLineItem.objects.filter(budget=budget).order_by("sort_order", "id")
    return [(line.name, line.quantity, line.budgeted_amount) for line in lines]


@contextmanager
def heard():
    """Collect what `budget_recalculated` says meanwhile."""
    told = []

    def receiver(sender, figures, lines, **kwargs):
        told.append((figures, lines))

    budget_recalculated.connect(receiver)
    try:
        yield told
    finally:
        budget_recalculated.disconnect(receiver)


@contextmanager
def nothing_changes(budget):
    """Whatever is refused inside leaves the plan, its history and its version as they are."""

    def picture():
        with deleted_rows_visible():
            return (
                list(EventBudget.objects.filter(pk=budget.pk).values()),
                list(BudgetLineItem.objects.filter(budget=budget).order_by("pk").values()),
                list(PlanDriver.objects.filter(budget=budget).order_by("pk").values()),
                BudgetLineItem.history.filter(budget_id=budget.pk).count(),
                PlanDriver.history.filter(budget_id=budget.pk).count(),
            )

    before = picture()
    yield
    assert picture() == before


# --- A changed number ---


def test_a_changed_driver_recomputes_the_lines_that_follow_it(account, owner, budget):
    guests, hours = count(budget, owner), count(budget, owner, "Hours", "8")
    dinner = follow(budget, owner, guests, "45.50")
    follow(budget, owner, hours, "120", name="Band", category="Music")
    make_line(budget, owner, name="Hall", budgeted_amount="1000")
    assert amounts(budget) == [("Dinner", 100, 4550), ("Band", 8, 960), ("Hall", None, 1000)]
    before = stored(budget)
    with heard() as told:
        driver = change(budget, owner, guests, quantity=Decimal(120))
    assert amounts(budget) == [("Dinner", 120, 5460), ("Band", 8, 960), ("Hall", None, 1000)]
    after = stored(budget)
    assert (after.lines_total_amount, after.version) == (7420, before.version + 1)
    assert (driver.version, stored(dinner).version) == (after.version, after.version)
    [(figures, lines)] = told
    assert figures.lines_total == 7420
    assert [(line.name, line.budgeted, line.variance) for line in lines] == [("Dinner", 5460, 5460)]
    assert verify_ledger() == []


def test_the_lines_history_says_which_number_and_who(account, owner, budget):
    guests = count(budget, owner)
    dinner = follow(budget, owner, guests)
    with tenant_scope(account.pk, user_id=owner.pk):
        change(budget, owner, guests, quantity=Decimal("120.5"))
    record = BudgetLineItem.history.filter(id=dinner.pk).order_by("-history_id").first()
    assert (record.history_change_reason, record.history_user_id) == ("Guests: 120.5", owner.pk)
    assert (record.quantity, record.budgeted_amount, record.version) == (Decimal("120.5"), 1205, 4)
    [last, first] = PlanDriver.history.filter(id=guests.pk).order_by("-history_id")
    assert (first.quantity, last.quantity, last.history_user_id, last.version) == (100, Decimal("120.5"), owner.pk, 4)


def test_every_way_of_saving_a_driver_has_the_effect(account, owner, budget):
    guests = count(budget, owner)
    follow(budget, owner, guests)
    driver = PlanDriver.objects.get(pk=guests.pk)
    driver.quantity = Decimal(7)
    driver.save()
    assert amounts(budget) == [("Dinner", 7, 70)]
    assert (stored(budget).lines_total_amount, stored(budget).version, stored(guests).version) == (70, 4, 4)
    # A row read a moment ago does not put yesterday's number back.
    stale = guests
    stale.name = "People"
    stale.save()
    assert (stored(guests).name, stored(guests).quantity) == ("People", 7)
    assert amounts(budget) == [("Dinner", 7, 70)]
    version = stored(budget).version
    stored(guests).save()
    assert stored(budget).version == version


@pytest.mark.parametrize(
    ("currency", "unit_price", "quantity", "amount"),
    [
        ("USD", "0.01", "0.5", "0.01"),
        ("USD", "0.01", "0.499", "0.00"),
        ("USD", "33.33", "2.5", "83.33"),
        ("JPY", "3", "1.5", "5"),
        ("JPY", "1", "0.5", "1"),
        ("KWD", "0.001", "1.5", "0.002"),
        ("USD", "12.34", "0", "0.00"),
        ("USD", "12.34", "1000000", "12340000.00"),
    ],
)
def test_amounts_are_rounded_half_up_in_the_currencys_decimals(account, owner, currency, unit_price, quantity, amount):
    budget = make_budget(account, owner, total=None, event=make_event(account, owner, currency=currency))
    guests = count(budget, owner, quantity="1")
    follow(budget, owner, guests, unit_price)
    change(budget, owner, guests, quantity=Decimal(quantity))
    [(_, _, by_sql)] = amounts(budget)
    line = follow(budget, owner, guests, unit_price, name="Again")
    assert (by_sql, line.budgeted_amount) == (Decimal(amount), Decimal(amount))


def test_what_transfers_have_moved_stays_and_no_plan_falls_below_zero(account, owner, budget):
    guests = count(budget, owner)
    more, less = follow(budget, owner, guests), follow(budget, owner, guests, name="Drinks")
    BudgetLineItem.objects.filter(pk=more.pk).update(transferred_amount=300, budgeted_amount=1300)
    BudgetLineItem.objects.filter(pk=less.pk).update(transferred_amount=-300, budgeted_amount=700)
    change(budget, owner, guests, quantity=Decimal(120))
    assert amounts(budget) == [("Dinner", 120, 1500), ("Drinks", 120, 900)]
    change(budget, owner, guests, quantity=Decimal(20))
    assert amounts(budget) == [("Dinner", 20, 500), ("Drinks", 20, 0)]
    assert stored(less).transferred_amount == -200
    change(budget, owner, guests, quantity=Decimal(30))
    assert amounts(budget) == [("Dinner", 30, 600), ("Drinks", 30, 100)]
    assert verify_ledger() == []


def test_a_revision_is_measured_against_the_plan_in_force(account, owner, manager, budget):
    guests = count(budget, owner)
    dinner = follow(budget, owner, guests, actual_amount="400")
    move(budget, "submit", user=owner, role=Role.OWNER, account=account)
    move(budget, "approve", user=manager, role=Role.MANAGER, account=account)
    move(budget, "revise", user=owner, role=Role.OWNER, account=account, reason="more guests")
    change(budget, owner, guests, quantity=Decimal(150))
    line = stored(dinner)
    assert (line.budgeted_amount, line.approved_amount, line.variance_amount) == (1500, 1000, 600)
    assert verify_ledger() == []


def test_alerts_follow_a_changed_number(account, owner, budget):
    guests = count(budget, owner)
    dinner = follow(budget, owner, guests, actual_amount="1000")
    assert not BudgetAlert.objects.filter(line_item=dinner, resolved=False).exists()
    change(budget, owner, guests, quantity=Decimal(80))
    [alert] = BudgetAlert.objects.filter(line_item=dinner, resolved=False)
    assert alert.alert_type == "line_item_overrun"
    change(budget, owner, guests, quantity=Decimal(100))
    assert not BudgetAlert.objects.filter(line_item=dinner, resolved=False).exists()


def test_income_follows_too_and_is_no_part_of_the_total(account, owner, budget):
    guests = count(budget, owner)
    follow(budget, owner, guests, "25", kind="income", name="Tickets")
    change(budget, owner, guests, quantity=Decimal(1000))
    assert (stored(budget).projected_income_amount, stored(budget).lines_total_amount) == (25000, 0)


def test_one_change_of_several_numbers_recomputes_once(account, owner, budget):
    guests, hours = count(budget, owner), count(budget, owner, "Hours", "8")
    follow(budget, owner, guests)
    follow(budget, owner, hours, name="Band")
    version = stored(budget).version
    with heard() as told, recalculation_paused():
        change(budget, owner, guests, quantity=Decimal(10))
        change(budget, owner, hours, quantity=Decimal(9))
    assert amounts(budget) == [("Dinner", 10, 100), ("Band", 9, 90)]
    assert [figures.lines_total for figures, _ in told] == [190]
    assert (stored(budget).version, stored(guests).version, stored(hours).version) == (version + 1,) * 3


def test_many_lines_cost_as_many_statements_as_one(account, owner):
    counts = []
    for lines in (1, 200):
        budget = make_budget(account, owner, total=None)
        guests = count(budget, owner)
        planned = [
            {"category": "Venue", "name": f"Line {n}", "unit_price": "1", "driver_id": guests.pk} for n in range(lines)
        ]
        with CaptureQueriesContext(connection) as adding:
            add_line_items(budget_id=budget.pk, acting_user=owner, line_items=planned)
        version = stored(budget).version
        with CaptureQueriesContext(connection) as changing:
            update_driver(
                budget_id=budget.pk, driver_id=guests.pk, version=version, acting_user=owner, quantity=Decimal(120)
            )
        assert stored(budget).lines_total_amount == 120 * lines
        counts.append((len(adding), len(changing)))
    assert counts[0] == counts[1]
    assert counts[0][1] <= 20


# --- Refused, and nothing changed ---


def test_lines_above_the_total_are_refused(account, owner, budget):
    guests = count(budget, owner)
    follow(budget, owner, guests, "50")
    make_line(budget, owner, budgeted_amount="5000")
    with nothing_changes(budget), pytest.raises(LinesExceedTotal) as refused, transaction.atomic():
        change(budget, owner, guests, quantity=Decimal("100.001"))
    assert (refused.value.lines_total, refused.value.total) == (Decimal("10000.05"), 10000)
    with nothing_changes(budget), pytest.raises(LinesExceedTotal), transaction.atomic():
        save_as_a_model(guests, quantity=Decimal(200))


def test_more_than_can_be_kept_is_refused_for_all_lines(account, owner):
    budget = make_budget(account, owner, total=None)
    guests = count(budget, owner, quantity="1")
    follow(budget, owner, guests, "999998")
    follow(budget, owner, guests, "1", name="Cheap")
    with nothing_changes(budget), pytest.raises(QuantityOutOfRange, match="With 1000003 as “Guests”"):
        change(budget, owner, guests, quantity=Decimal(1_000_003))
    with nothing_changes(budget), pytest.raises(TotalOutOfRange), transaction.atomic():
        change(budget, owner, guests, quantity=Decimal(1_000_002))
    change(budget, owner, guests, quantity=Decimal(1_000_000))
    assert stored(budget).lines_total_amount == Decimal("999999000000")


@pytest.mark.parametrize("quantity", ["-1", "-0.001", "NaN", "Infinity", "1.0001", "1000000000"])
def test_a_quantity_that_is_none_is_refused(account, owner, budget, quantity):
    guests = count(budget, owner)
    with nothing_changes(budget):
        with pytest.raises(InvalidAmount), transaction.atomic():
            change(budget, owner, guests, quantity=Decimal(quantity))
        with pytest.raises(InvalidAmount), transaction.atomic():
            count(budget, owner, "Days", quantity)


def test_the_database_refuses_a_negative_quantity(account, owner, budget):
    guests = count(budget, owner)
    with nothing_changes(budget), pytest.raises(IntegrityError), transaction.atomic():
        PlanDriver.objects.filter(pk=guests.pk).update(quantity=-1)


def test_a_fixed_plan_keeps_its_numbers(account, owner, manager, budget):
    guests = count(budget, owner)
    follow(budget, owner, guests)
    idle = count(budget, owner, "Days", "2")
    for action, user, role, problem in (
        ("submit", owner, Role.OWNER, PlanFixed),
        ("approve", manager, Role.MANAGER, PlanFixed),
        ("activate", owner, Role.OWNER, PlanFixed),
        ("finalize", owner, Role.OWNER, BudgetLocked),
    ):
        options = {"override": True, "reason": "done"} if action == "finalize" else {}
        move(budget, action, user=user, role=role, account=account, **options)
        attempts = (
            lambda: change(budget, owner, guests, quantity=Decimal(120)),
            lambda: change(budget, owner, guests, name="People"),
            lambda: count(budget, owner, "Hours"),
            lambda: delete_driver(budget_id=budget.pk, driver_id=idle.pk, acting_user=owner, now=NOW),
            lambda: save_as_a_model(guests, quantity=Decimal(3)),
        )
        with nothing_changes(budget):
            for attempt in attempts:
                with pytest.raises(problem), transaction.atomic():
                    attempt()


def test_a_stale_writer_is_told(account, owner, budget):
    guests = count(budget, owner)
    read = guests.version
    change(budget, owner, guests, quantity=Decimal(120))
    with nothing_changes(budget):
        for version in (read, stored(budget).version + 1):
            with pytest.raises(StaleVersion), transaction.atomic():
                update_driver(
                    budget_id=budget.pk, driver_id=guests.pk, version=version, acting_user=owner, quantity=Decimal(5)
                )
        with pytest.raises(StaleVersion), transaction.atomic():
            delete_driver(budget_id=budget.pk, driver_id=guests.pk, version=read, acting_user=owner, now=NOW)
        with pytest.raises(StaleVersion), transaction.atomic():
            count(budget, owner, "Hours", version=read)
    # What changed of other lines and numbers since does not make it stale.
    make_line(budget, owner)
    update_driver(budget_id=budget.pk, driver_id=guests.pk, version=3, acting_user=owner, quantity=Decimal(5))
    assert stored(guests).quantity == 5


def test_names_are_one_each_and_say_something(account, owner, budget):
    guests, hours = count(budget, owner), count(budget, owner, "Hours", "8")
    with nothing_changes(budget):
        for attempt in (
            lambda: count(budget, owner, "GUESTS"),
            lambda: change(budget, owner, hours, name=" guests "),
        ):
            with pytest.raises(DriverExists), transaction.atomic():
                attempt()
        for name in ("", "   ", "x" * 61):
            with pytest.raises(DriverNameRefused), transaction.atomic():
                change(budget, owner, hours, name=name)
    assert change(budget, owner, guests, name="Guests  at table").name == "Guests at table"
    # Another budget has names of its own.
    assert count(make_budget(account, owner), owner, "Hours").name == "Hours"


def test_a_driver_in_use_is_not_deleted_and_deleted_lines_let_go_of_it(account, owner, budget):
    guests = count(budget, owner)
    dinner, drinks = follow(budget, owner, guests), follow(budget, owner, guests, name="Drinks")
    with nothing_changes(budget), pytest.raises(DriverInUse, match="2 lines follow “Guests”") as refused:
        delete_driver(budget_id=budget.pk, driver_id=guests.pk, acting_user=owner, now=NOW)
    assert refused.value.lines == 2
    delete_line_item(budget_id=budget.pk, line_item_id=drinks.pk, acting_user=owner, now=NOW)
    version = stored(budget).version
    update_line_item(budget_id=budget.pk, line_item_id=dinner.pk, version=version, acting_user=owner, driver_id=None)
    delete_driver(budget_id=budget.pk, driver_id=guests.pk, acting_user=owner, now=NOW)
    assert stored(budget).version == version + 2
    assert amounts(budget) == [("Dinner", 100, 1000)]
    with deleted_rows_visible():
        gone = BudgetLineItem.objects.get(pk=drinks.pk)
    restore_line_item(line=gone, acting_user=owner)
    assert (stored(drinks).driver_id, stored(drinks).quantity, stored(drinks).budgeted_amount) == (None, 100, 1000)
    with pytest.raises(DriverNotFound):
        delete_driver(budget_id=budget.pk, driver_id=guests.pk, acting_user=owner, now=NOW)
    assert count(budget, owner).name == "Guests"
    assert verify_ledger() == []


def test_a_line_that_returns_takes_the_present_number(account, owner, budget):
    guests = count(budget, owner)
    dinner = follow(budget, owner, guests, actual_amount="30")
    delete_line_item(budget_id=budget.pk, line_item_id=dinner.pk, acting_user=owner, now=NOW)
    change(budget, owner, guests, quantity=Decimal(120))
    with deleted_rows_visible():
        gone = BudgetLineItem.objects.get(pk=dinner.pk)
        assert gone.quantity == 100
    restore_line_item(line=gone, acting_user=owner)
    line = stored(dinner)
    assert (line.quantity, line.budgeted_amount, line.actual_amount, line.variance_amount) == (120, 1200, 30, 1170)
    assert verify_ledger() == []
    assert rebuild_totals().changed == 0


def test_a_line_that_moves_keeps_its_last_quantity(account, owner, budget):
    guests = count(budget, owner)
    dinner = follow(budget, owner, guests)
    other = make_budget(account, owner, total=None)
    move_line_item(budget_id=budget.pk, line_item_id=dinner.pk, to_budget_id=other.pk, acting_user=owner)
    line = stored(dinner)
    assert (line.budget_id, line.driver_id, line.quantity, line.budgeted_amount) == (other.pk, None, 100, 1000)
    change(budget, owner, guests, quantity=Decimal(1))
    assert amounts(other) == [("Dinner", 100, 1000)]


# --- Lines: price, quantity, driver, amount are one ---


def edit(budget, owner, line, **fields):
    return update_line_item(
        budget_id=budget.pk, line_item_id=line.pk, version=stored(budget).version, acting_user=owner, **fields
    )


def test_a_price_taken_away_leaves_the_amount(account, owner, budget):
    guests = count(budget, owner)
    dinner = follow(budget, owner, guests)
    # With everything else as it was read.
    edit(budget, owner, dinner, unit_price=None, quantity=Decimal(100), driver_id=guests.pk, budgeted_amount=1000)
    line = stored(dinner)
    assert (line.unit_price, line.quantity, line.driver_id, line.budgeted_amount) == (None, None, None, 1000)
    edit(budget, owner, dinner, budgeted_amount=Decimal(900))
    edit(budget, owner, dinner, unit_price=Decimal(3), quantity=Decimal(0))
    assert stored(dinner).budgeted_amount == 0


def test_what_was_transferred_to_a_line_is_not_added_to_a_price_that_is_new(account, owner, budget):
    line = make_line(budget, owner, budgeted_amount="700")
    BudgetLineItem.objects.filter(pk=line.pk).update(transferred_amount=200)
    edit(budget, owner, line, unit_price=Decimal(10), quantity=Decimal(50))
    assert (stored(line).budgeted_amount, stored(line).transferred_amount) == (500, 0)


@pytest.mark.parametrize(
    ("fields", "problem"),
    [
        ({"quantity": None}, IncompletePrice),
        ({"unit_price": None, "quantity": Decimal(3)}, IncompletePrice),
        ({"budgeted_amount": Decimal(999)}, PricedLine),
        ({"budgeted_amount": Decimal(999), "unit_price": Decimal(4)}, PricedLine),
        ({"unit_price": Decimal("999999999999.99"), "quantity": Decimal(2)}, PriceOutOfRange),
        ({"quantity": Decimal(-1)}, InvalidAmount),
        ({"unit_price": Decimal(-1)}, InvalidAmount),
    ],
)
def test_half_a_price_or_another_amount_is_refused(account, owner, budget, fields, problem):
    line = make_line(budget, owner, quantity="5", unit_price="10", budgeted_amount=0)
    with nothing_changes(budget), pytest.raises(problem), transaction.atomic():
        edit(budget, owner, line, **fields)


def test_the_quantity_of_a_line_that_follows_is_not_its_own(account, owner, budget):
    guests = count(budget, owner)
    dinner = follow(budget, owner, guests)
    with nothing_changes(budget):
        with pytest.raises(QuantityIsDrivers), transaction.atomic():
            edit(budget, owner, dinner, quantity=Decimal(99))
        with pytest.raises(DriverNotFound), transaction.atomic():
            edit(budget, owner, dinner, driver_id=count(make_budget(account, owner), owner).pk)
        # What was read may be sent back.
        edit(budget, owner, dinner, quantity=Decimal(100), budgeted_amount=Decimal(1000), driver_id=guests.pk)
    edit(budget, owner, dinner, unit_price=Decimal(12), budgeted_amount=Decimal(1000))
    assert stored(dinner).budgeted_amount == 1200
    edit(budget, owner, dinner, driver_id=None, quantity=Decimal(99))
    assert (stored(dinner).driver_id, stored(dinner).budgeted_amount) == (None, 1188)


# --- Guests ---


def test_there_is_one_driver_for_the_guests(account, owner):
    budget = make_budget(account, owner, event=make_event(account, owner, expected_guests=80))
    driver = driver_for_guests(lock_budget(budget.pk))
    assert (driver.name, driver.quantity, driver.follows_guests, driver.version) == ("Guests", 80, True, 1)
    assert driver_for_guests(lock_budget(budget.pk)) == driver
    assert stored(budget).version == 1
    with nothing_changes(budget), pytest.raises(GuestsCounted), transaction.atomic():
        count(budget, owner, "People", "80", follows_guests=True)


def test_a_name_that_is_taken_is_left_to_whoever_has_it(account, owner, budget):
    count(budget, owner, "guests", "5")
    assert driver_for_guests(lock_budget(budget.pk)).name == "Expected guests"
    other = make_budget(account, owner)
    insert_drivers(lock_budget(other.pk), [{"name": "Guests", "quantity": 5}, {"name": "Expected guests"}])
    assert driver_for_guests(lock_budget(other.pk)).name == "Expected guests 2"


def test_a_driver_that_follows_the_guests_has_their_number(account, owner):
    budget = make_budget(account, owner, event=make_event(account, owner, expected_guests=80))
    driver = create_driver(budget_id=budget.pk, acting_user=owner, name="Guests", follows_guests=True)
    assert driver.quantity == 80
    with nothing_changes(budget):
        with pytest.raises(QuantityFollowsGuests, match="which expects 80"), transaction.atomic():
            change(budget, owner, driver, quantity=Decimal(81))
        change(budget, owner, driver, quantity=Decimal(80), name="Guests", follows_guests=True)
    change(budget, owner, driver, follows_guests=False, quantity=Decimal(81))
    assert (stored(driver).quantity, stored(driver).follows_guests) == (81, False)
    assert change(budget, owner, driver, follows_guests=True).quantity == 80


def test_drivers_are_listed_with_their_lines(account, owner, budget):
    hours, guests = count(budget, owner, "Hours", "8"), count(budget, owner)
    follow(budget, owner, guests)
    gone = follow(budget, owner, guests, name="Gone")
    delete_line_item(budget_id=budget.pk, line_item_id=gone.pk, acting_user=owner, now=NOW)
    count(make_budget(account, owner), owner, "Of another")
    with CaptureQueriesContext(connection) as queries:
        found = [(driver.pk, driver.lines_count) for driver in drivers_of(budget.pk)]
    assert found == [(guests.pk, 1), (hours.pk, 0)]
    assert len(queries) == 1
    assert guests_apart(budget) is None


def test_a_stranger_reaches_no_driver(account, owner, other_account, budget):
    guests = count(budget, owner)
    dinner = follow(budget, owner, guests)
    with nothing_changes(budget):
        with tenant_scope(other_account.pk):
            rival = make_budget(other_account, owner, total=None)
            for attempt in (
                lambda: update_driver(
                    budget_id=budget.pk, driver_id=guests.pk, version=3, acting_user=owner, quantity=Decimal(1)
                ),
                lambda: count(budget, owner, "Theirs"),
            ):
                with pytest.raises(BudgetNotFound), transaction.atomic():
                    attempt()
            with pytest.raises(DriverNotFound), transaction.atomic():
                update_driver(
                    budget_id=rival.pk, driver_id=guests.pk, version=1, acting_user=owner, quantity=Decimal(1)
                )
            assert not drivers_of(budget.pk).exists()
            count(rival, owner, "Guests", "7")
        assert stored(dinner).quantity == 100
