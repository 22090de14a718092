"""Last year's budget as the beginning of this year's, and its figures beside it."""

from datetime import UTC, datetime
from decimal import Decimal

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from hypothesis import given
from hypothesis import strategies as st

from budgets.models import BudgetLineItem, EventBudget, LedgerEntry, PlanDriver
from budgets.selectors.last_year import LastYear, earlier_budget_of, last_year_of
from budgets.services.budget_copy import (
    CopyBasis,
    CopyExceedsTotal,
    CopyInOtherCurrency,
    InvalidFactor,
    copy_budget,
    parse_factor,
)
from budgets.services.event_budget import delete_event_budget
from budgets.services.ledger_proof import verify_ledger
from budgets.services.line_item import add_line_item, add_line_items, delete_line_item
from budgets.services.problems import BudgetExists, BudgetNotFound
from budgetsite.accounts.roles import Role
from budgetsite.tenancy.scope import tenant_scope
from budgetsite.testing.budgets import make_budget, make_event, make_line, move
from budgetsite.testing.people import make_member

NOW = datetime(2026, 5, 1, 9, 30, tzinfo=UTC)


def line(name, amount, category="Venue", **fields):
    return {"category": category, "name": name, "budgeted_amount": amount, **fields}


def seen(budget: EventBudget) -> dict[str, Decimal]:
    return {found.name: found.budgeted_amount for found in budget.line_items.order_by("sort_order", "id")}


def copy(source: EventBudget, event, user, **options) -> EventBudget:
    return copy_budget(source_id=source.pk, event=event, acting_user=user, **options)


@pytest.fixture
def last_year(account, owner) -> EventBudget:
    return make_budget(
        account,
        owner,
        total="2000",
        event=make_event(account, owner, name="Gala 2025"),
        lines=[
            line("Hall", "1000.50", section="Evening", description="With stage", notes="Ask Ana", actual_amount="1100"),
            line("Band", "333.33", "Entertainment", actual_amount="0"),
            line("Refunded", "10", "Labor", actual_amount="-25"),
            line("Tickets", "700", "Miscellaneous", kind="income", actual_amount="650.75"),
        ],
    )


@pytest.fixture
def this_year(account, owner):
    return make_event(account, owner, name="Gala 2026")


def test_the_plan_times_a_factor_is_rounded_half_up(last_year, this_year, owner):
    budget = copy(last_year, this_year, owner, factor=Decimal("1.05"), notes="New year")

    assert seen(budget) == {
        "Hall": Decimal("1050.53"),
        "Band": Decimal("350.00"),
        "Refunded": Decimal("10.50"),
        "Tickets": Decimal("735.00"),
    }
    assert (budget.total_budget_amount, budget.total_follows_lines) == (Decimal("2100.00"), False)
    assert (budget.copied_from, budget.status, budget.version) == (last_year, "draft", 1)
    assert (budget.notes, budget.projected_income_amount) == ("New year", Decimal(735))
    hall = budget.line_items.select_related("category").get(name="Hall")
    source = last_year.line_items.get(name="Hall")
    assert (hall.category.name, hall.section, hall.description, hall.notes) == ("Venue", "Evening", "With stage", "")
    assert (hall.based_on_id, hall.sort_order, hall.actual_amount) == (source.pk, source.sort_order, 0)
    assert budget.line_items.get(name="Tickets").kind == "income"


def test_a_copy_brings_no_spending_and_leaves_the_earlier_budget_alone(last_year, this_year, owner):
    before = list(EventBudget.objects.filter(pk=last_year.pk).values())
    entries = LedgerEntry.objects.count()

    budget = copy(last_year, this_year, owner)

    assert list(EventBudget.objects.filter(pk=last_year.pk).values()) == before
    assert (LedgerEntry.objects.count(), budget.total_actual_amount, budget.total_income_amount) == (entries, 0, 0)
    assert verify_ledger() == []


def test_what_came_of_it_can_be_the_beginning_instead(last_year, this_year, owner):
    budget = copy(last_year, this_year, owner, factor=Decimal("2"), basis=CopyBasis.ACTUAL)

    assert seen(budget) == {
        "Hall": Decimal(2200),
        "Band": Decimal(0),
        # More came back than was spent: nothing is planned for that.
        "Refunded": Decimal(0),
        "Tickets": Decimal("1301.50"),
    }
    # 1,075 were spent in all, and the lines come to 2,200.
    assert budget.total_budget_amount == Decimal(2200)


def test_a_total_that_followed_the_lines_follows_them_again(account, owner, this_year):
    source = make_budget(account, owner, total=None, lines=[line("A", "0.01"), line("B", "0.01"), line("C", "0.01")])
    budget = copy(source, this_year, owner, factor=Decimal("0.5"))
    assert (budget.total_budget_amount, budget.total_follows_lines) == (Decimal("0.03"), True)


def test_rounded_lines_never_stand_above_the_total_that_came_of_the_factor(account, owner, this_year):
    source = make_budget(account, owner, total="0.03", lines=[line("A", "0.01"), line("B", "0.01"), line("C", "0.01")])
    budget = copy(source, this_year, owner, factor=Decimal("0.5"))
    assert (budget.total_budget_amount, budget.total_follows_lines) == (Decimal("0.03"), False)


def test_a_total_may_be_given_and_the_lines_must_fit_it(last_year, this_year, owner):
    with pytest.raises(CopyExceedsTotal, match=r"add up to 1,343\.83 CAD, 343\.83 more than the total of 1,000\.00"):
        copy(last_year, this_year, owner, total_budget_amount=Decimal(1000))
    assert EventBudget.objects.count() == 1
    budget = copy(last_year, this_year, owner, total_budget_amount=Decimal(5000))
    assert budget.total_budget_amount == 5000


def test_quantities_come_along_and_guests_are_this_years(account, owner):
    source = make_budget(account, owner, event=make_event(account, owner, expected_guests=80))
    guests = PlanDriver.objects.create(budget=source, name="Guests", quantity=Decimal(80), follows_guests=True)
    days = PlanDriver.objects.create(budget=source, name="Days", quantity=Decimal(3))
    make_line(source, owner, name="Dinner", budgeted_amount=0, unit_price="45.25", driver_id=guests.pk)
    make_line(source, owner, name="Crew", budgeted_amount=0, unit_price="100", driver_id=days.pk)
    make_line(source, owner, name="Chairs", budgeted_amount=0, unit_price="2.50", quantity="40")
    event = make_event(account, owner, expected_guests=100)

    budget = copy(source, event, owner, factor=Decimal("1.1"))

    copied = {driver.name: driver for driver in PlanDriver.objects.filter(budget=budget)}
    assert {name: (driver.quantity, driver.follows_guests) for name, driver in copied.items()} == {
        "Guests": (Decimal(100), True),
        "Days": (Decimal(3), False),
    }
    lines = {found.name: found for found in budget.line_items.all()}
    assert {
        name: (found.quantity, found.unit_price, found.driver_id, found.budgeted_amount)
        for name, found in lines.items()
    } == {
        # 49.775 is rounded half up.
        "Dinner": (Decimal(100), Decimal("49.78"), copied["Guests"].pk, Decimal("4978.00")),
        "Crew": (Decimal(3), Decimal("110.00"), copied["Days"].pk, Decimal("330.00")),
        "Chairs": (Decimal(40), Decimal("2.75"), None, Decimal("110.00")),
    }
    assert [row.history_type for row in copied["Guests"].history.all()] == ["+"]


def test_guests_stay_last_years_where_the_event_does_not_say(account, owner, this_year):
    source = make_budget(account, owner, event=make_event(account, owner, expected_guests=80))
    guests = PlanDriver.objects.create(budget=source, name="Guests", quantity=Decimal(80), follows_guests=True)
    make_line(source, owner, name="Dinner", budgeted_amount=0, unit_price="10", driver_id=guests.pk)
    assert seen(copy(source, this_year, owner)) == {"Dinner": Decimal(800)}


def test_a_unit_costs_what_it_came_to(account, owner, this_year):
    source = make_budget(account, owner)
    make_line(source, owner, name="Chairs", budgeted_amount=0, unit_price="2", quantity="40", actual_amount="90")
    make_line(source, owner, name="Spare", budgeted_amount=0, unit_price="2", quantity="0", actual_amount="5")
    budget = copy(source, this_year, owner, basis=CopyBasis.ACTUAL)
    assert list(budget.line_items.order_by("name").values_list("name", "quantity", "unit_price")) == [
        ("Chairs", Decimal(40), Decimal("2.25")),
        # Of none, no price per unit can be told.
        ("Spare", Decimal(0), Decimal(2)),
    ]


@pytest.mark.parametrize("factor", ["0", "-1", "10.0001", "1.00001", "NaN", "Infinity", "a lot", "1e9", ""])
def test_a_factor_beyond_reason_is_refused(last_year, this_year, owner, factor):
    with pytest.raises(InvalidFactor):
        copy(last_year, this_year, owner, factor=factor)
    assert EventBudget.objects.count() == 1


@pytest.mark.parametrize("factor", ["0.0001", "10", "1.05"])
def test_a_factor_within_reason_is_taken(factor):
    assert parse_factor(f" {factor} ") == Decimal(factor)


def test_another_currency_is_never_taken_over(last_year, account, owner):
    with pytest.raises(CopyInOtherCurrency, match="kept in CAD and the event's money is in USD"):
        copy(last_year, make_event(account, owner, currency="USD"), owner)
    assert EventBudget.objects.count() == 1


def test_an_event_that_has_a_budget_keeps_it(last_year, account, owner):
    other = make_budget(account, owner, total="5")
    with pytest.raises(BudgetExists):
        copy(last_year, other.event, owner)
    assert seen(EventBudget.objects.get(pk=other.pk)) == {}


def test_deleted_and_strangers_budgets_are_not_copied(last_year, this_year, owner, other_account):
    with tenant_scope(other_account.pk):
        stranger = make_member(other_account, Role.OWNER).user
        theirs = make_budget(other_account, stranger, lines=[line("Secret", "9")])
    delete_event_budget(budget_id=last_year.pk, acting_user=owner, now=NOW)
    for source in (theirs, last_year):
        with pytest.raises(BudgetNotFound):
            copy(source, this_year, owner)
    assert not BudgetLineItem.objects.filter(budget__event=this_year).exists()


def test_two_hundred_lines_cost_no_more_statements_than_one(account, owner):
    def statements(count: int) -> tuple[int, int]:
        source = make_budget(account, owner, total=None)
        driver = PlanDriver.objects.create(budget=source, name="Days", quantity=Decimal(2))
        for_each = [
            {"category": "Venue", "name": f"Line {n}", "unit_price": "3", "driver_id": driver.pk} for n in range(count)
        ]
        add_line_items(budget_id=source.pk, acting_user=owner, line_items=for_each)
        event = make_event(account, owner)
        with CaptureQueriesContext(connection) as copying:
            budget = copy(source, event, owner)
        assert budget.total_budget_amount == 6 * count
        with CaptureQueriesContext(connection) as reading:
            assert len(last_year_of(budget, user_id=owner.pk, role=Role.OWNER)) == count
        return len(copying), len(reading)

    one, many = statements(1), statements(200)
    assert one == many
    assert one[1] == 1


# --- Last year's figures beside this year's ---------------------------------------------------------------------------


def test_last_years_plan_and_actual_stand_beside_each_line(last_year, this_year, owner):
    budget = copy(last_year, this_year, owner, factor=Decimal(2))
    new = add_line_item(budget_id=budget.pk, acting_user=owner, **line("New", "1"))
    by_name = {found.name: found.pk for found in budget.line_items.all()}

    beside = last_year_of(budget, user_id=owner.pk, role=Role.OWNER)

    assert beside == {
        by_name["Hall"]: LastYear(Decimal("1000.50"), Decimal(1100)),
        by_name["Band"]: LastYear(Decimal("333.33"), Decimal(0)),
        by_name["Refunded"]: LastYear(Decimal(10), Decimal(-25)),
        by_name["Tickets"]: LastYear(Decimal(700), Decimal("650.75")),
    }
    assert new.pk not in beside
    assert earlier_budget_of(budget, user_id=owner.pk, role=Role.OWNER) == last_year


def test_while_last_years_plan_is_revised_its_figures_are_those_in_force(account, owner, manager, this_year):
    source = make_budget(account, owner, lines=[line("Hall", "100")])
    for action, user, role in (("submit", owner, Role.OWNER), ("approve", manager, Role.MANAGER)):
        move(source, action, user=user, role=role, account=account)
    budget = copy(source, this_year, owner)
    move(source, "revise", user=owner, role=Role.OWNER, account=account, reason="More guests")
    hall = source.line_items.get()
    BudgetLineItem.objects.filter(pk=hall.pk).update(budgeted_amount=Decimal(250))
    (figures,) = last_year_of(budget, user_id=owner.pk, role=Role.OWNER).values()
    assert figures.planned == 100


def test_a_budget_that_was_not_copied_has_no_last_year(account, owner):
    budget = make_budget(account, owner, lines=[line("Hall", "1")])
    assert last_year_of(budget, user_id=owner.pk, role=Role.OWNER) == {}
    assert earlier_budget_of(budget, user_id=owner.pk, role=Role.OWNER) is None


def test_who_may_not_see_last_years_budget_sees_none_of_its_figures(last_year, account, owner):
    client, organizer = make_member(account, Role.CLIENT).user, make_member(account, Role.ORGANIZER).user
    event = make_event(account, owner, client=client, organizer=organizer)
    budget = copy(last_year, event, owner)
    for user, role in ((client, Role.CLIENT), (organizer, Role.ORGANIZER)):
        assert last_year_of(budget, user_id=user.pk, role=role) == {}
        assert earlier_budget_of(budget, user_id=user.pk, role=role) is None


def test_what_was_deleted_last_year_is_no_longer_beside(last_year, this_year, owner):
    budget = copy(last_year, this_year, owner)
    band = last_year.line_items.get(name="Band")
    delete_line_item(budget_id=last_year.pk, line_item_id=band.pk, acting_user=owner, now=NOW)
    assert len(last_year_of(budget, user_id=owner.pk, role=Role.OWNER)) == 3
    delete_event_budget(budget_id=last_year.pk, acting_user=owner, now=NOW)
    assert last_year_of(budget, user_id=owner.pk, role=Role.OWNER) == {}


@given(value=st.decimals(allow_nan=True, allow_infinity=True))
def test_whatever_is_sent_as_a_factor_is_a_factor_or_refused(value):
    try:
        factor = parse_factor(value)
    except InvalidFactor:
        assert not (value.is_finite() and 0 < value <= 10 and value == round(value, 4))
    else:
        assert 0 < factor <= 10
