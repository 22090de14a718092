"""Applying templates: what their lines come to, and the budgets opened with them."""

from decimal import Decimal
from uuid import UUID

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from hypothesis import given
from hypothesis import strategies as st

from budgets.models import BudgetLineItem, BudgetTemplate, Category, EventBudget, PlanDriver, TemplateLine
from budgets.services.built_in_templates import EVENT_TEMPLATE, WEDDING_TEMPLATE
from budgets.services.problems import BudgetExists, TotalOutOfRange
from budgets.services.template import SharesExceedWhole, TemplateNotFound, create_template
from budgets.services.template_use import (
    GuestsNeeded,
    TemplateExceedsTotal,
    TemplateInOtherCurrency,
    TotalNeeded,
    lines_from_template,
    open_budget_from_template,
)
from budgetsite.money.amounts import InvalidAmount
from budgetsite.tenancy.scope import tenant_scope
from budgetsite.testing.budgets import make_budget, make_event

NOBODYS_ACCOUNT = UUID(int=0)


def line(name="Hall", category="Venue", basis="amount", value="100", **fields):
    return {"category": category, "name": name, "basis": basis, "value": Decimal(value), **fields}


def make_template(owner, *lines, name="Gala", currency="CAD"):
    return create_template(acting_user=owner, name=name, currency=currency, lines=lines)


def amounts(template, *, total=None, guests=None, currency="CAD"):
    planned = lines_from_template(
        template, total=None if total is None else Decimal(total), expected_guests=guests, currency=currency
    )
    return [(found.name, found.amount) for found in planned]


def built_in(name: str) -> BudgetTemplate:
    return BudgetTemplate.objects.get(name=name)


@pytest.mark.parametrize(
    ("currency", "total", "expected"),
    [
        ("USD", "100.00", ["33.34", "33.33", "33.33"]),
        ("JPY", "100", ["34", "33", "33"]),
        ("KWD", "0.100", ["0.034", "0.033", "0.033"]),
    ],
)
def test_shares_of_the_whole_add_up_to_the_total_in_every_currency(account, owner, currency, total, expected):
    template = make_template(
        owner,
        line("A", basis="share", value="33.334"),
        line("B", basis="share", value="33.333"),
        line("C", basis="share", value="33.333"),
        currency="",
    )
    assert [str(amount) for _, amount in amounts(template, total=total, currency=currency)] == expected


def test_the_wedding_template_allots_a_total_to_the_last_cent(account):
    planned = dict(amounts(built_in(WEDDING_TEMPLATE), total="20000", currency="USD"))
    assert list(planned.items())[:3] == [
        ("Venue", Decimal("6153.80")),
        ("Catering", Decimal("4615.40")),
        ("Photography", Decimal("1538.40")),
    ]
    assert sum(planned.values()) == Decimal("20000.00")


def test_the_event_template_leaves_the_amounts_to_fill_in_under_the_total_given(account, owner):
    event = make_event(account, owner, currency="JPY")
    budget = open_budget_from_template(
        event=event, template_id=built_in(EVENT_TEMPLATE).pk, acting_user=owner, total_budget_amount=Decimal(500000)
    )
    assert (budget.total_budget_amount, budget.total_follows_lines, budget.lines_total_amount) == (500000, False, 0)
    assert list(budget.line_items.order_by("sort_order").values_list("name", flat=True))[:2] == [
        "Food & Beverage",
        "Labor",
    ]
    assert budget.line_items.count() == 8


def test_a_part_of_the_total_stays_a_part(account, owner):
    template = make_template(owner, line("A", basis="share", value="12.5"), line("B", basis="share", value="30"))
    assert amounts(template, total="999.99") == [("A", Decimal("125.00")), ("B", Decimal("300.00"))]


def test_income_is_rounded_apart_from_the_cost(account, owner):
    template = make_template(
        owner,
        line("A", basis="share", value="50"),
        line("Fee", basis="share", value="50", kind="income"),
        line("B", basis="share", value="50"),
        line("Tickets", basis="share", value="50", kind="income"),
    )
    assert [amount for _, amount in amounts(template, total="0.03")] == [
        Decimal("0.02"),
        Decimal("0.02"),
        Decimal("0.01"),
        Decimal("0.01"),
    ]


def test_shares_need_a_total(account):
    wedding = built_in(WEDDING_TEMPLATE)
    for total in (None, "0"):
        with pytest.raises(TotalNeeded, match="has shares of the total: say how much the total is"):
            amounts(wedding, total=total)


def test_amounts_per_guest_need_the_number_of_guests(account, owner):
    template = make_template(owner, line("Dinner", basis="per_head", value="45.25"))
    with pytest.raises(GuestsNeeded, match=r"“Dinner” is planned per guest.*Edit the event first"):
        amounts(template)
    assert amounts(template, guests=80) == [("Dinner", Decimal("3620.00"))]
    assert amounts(template, guests=0) == [("Dinner", Decimal("0.00"))]


def test_amounts_of_another_currency_are_never_taken_over(account, owner):
    event = make_event(account, owner, currency="USD", expected_guests=10)
    for basis in ("amount", "per_head"):
        template = make_template(owner, line(basis=basis), name=basis)
        with pytest.raises(TemplateInOtherCurrency, match="in CAD and the event's money is in USD"):
            open_budget_from_template(event=event, template_id=template.pk, acting_user=owner)
    assert not EventBudget.objects.exists()
    shares = make_template(owner, line(basis="share", value="50"), name="Shares")
    assert amounts(shares, total="10", currency="USD") == [("Hall", Decimal("5.00"))]


def test_more_than_the_total_is_refused_by_how_much(account, owner):
    template = make_template(
        owner, line("Hall", value="18000"), line("Dinner", basis="per_head", value="62.50"), line("Fee", kind="income")
    )
    event = make_event(account, owner, expected_guests=80)
    with pytest.raises(TemplateExceedsTotal) as refusal:
        open_budget_from_template(
            event=event, template_id=template.pk, acting_user=owner, total_budget_amount=Decimal(20000)
        )
    assert str(refusal.value) == (
        "With this template the lines add up to 23,000.00 CAD, 3,000.00 more than the total of 20,000.00. "
        "Raise the total to 23,000.00 at least, or choose another template."
    )
    assert not EventBudget.objects.exists()
    assert not PlanDriver.objects.exists()
    assert amounts(template, total="23000", guests=80)[1] == ("Dinner", Decimal("5000.00"))


def test_what_is_too_large_to_be_kept_is_refused(account, owner):
    template = make_template(owner, line("A", value="999999999999.99"), line("B", value="1"))
    with pytest.raises(TotalOutOfRange):
        amounts(template)
    heads = make_template(owner, line("A", basis="per_head", value="999999999"), name="Heads")
    with pytest.raises(InvalidAmount):
        amounts(heads, guests=2_000_000)


def test_shares_above_the_whole_after_a_category_came_back_are_refused(account, owner):
    template = make_template(owner, line("A", basis="share", value="90"))
    # As it is when a line comes back with its category beside others raised meanwhile.
    TemplateLine.objects.create(
        template=template, category=Category.objects.get(name="Labor"), name="B", basis="share", value=Decimal(20)
    )
    with pytest.raises(SharesExceedWhole, match="110%, 10% more"):
        amounts(template, total="100")


def test_a_budget_is_opened_with_the_lines_and_lines_per_guest_follow_the_guests(account, owner):
    template = make_template(
        owner,
        line("Hall", value="1000", section="Evening", description="With stage"),
        line("Dinner", "Food & Beverage", "per_head", "45.50"),
        line("Sponsor", "Miscellaneous", value="300", kind="income"),
        line("Band", "Entertainment", "share", "10"),
    )
    event = make_event(account, owner, expected_guests=80)

    budget = open_budget_from_template(
        event=event, template_id=template.pk, acting_user=owner, total_budget_amount=Decimal(6000), notes="Mind this"
    )

    driver = PlanDriver.objects.get(budget=budget)
    assert (driver.name, driver.quantity, driver.follows_guests) == ("Guests", Decimal(80), True)
    stored = [
        (found.kind, found.category.name, found.section, found.name, found.description, found.budgeted_amount)
        for found in budget.line_items.select_related("category").order_by("sort_order")
    ]
    assert stored == [
        ("cost", "Venue", "Evening", "Hall", "With stage", Decimal(1000)),
        ("cost", "Food & Beverage", "", "Dinner", "", Decimal(3640)),
        ("income", "Miscellaneous", "", "Sponsor", "", Decimal(300)),
        ("cost", "Entertainment", "", "Band", "", Decimal(600)),
    ]
    dinner = budget.line_items.get(name="Dinner")
    assert (dinner.quantity, dinner.unit_price, dinner.driver_id) == (Decimal(80), Decimal("45.50"), driver.pk)
    assert (budget.version, budget.lines_total_amount, budget.projected_income_amount) == (1, Decimal(5240), 300)
    assert (budget.total_budget_amount, budget.available_amount, budget.notes) == (6000, 6000, "Mind this")
    assert [row.history_type for row in dinner.history.all()] == ["+"]


def test_without_a_total_it_follows_the_lines(account, owner):
    template = make_template(owner, line("Hall", value="1000"), line("Crew", value="250.50"))
    budget = open_budget_from_template(event=make_event(account, owner), template_id=template.pk, acting_user=owner)
    assert (budget.total_budget_amount, budget.total_follows_lines) == (Decimal("1250.50"), True)
    assert not PlanDriver.objects.exists()


def test_a_template_without_lines_opens_an_empty_budget(account, owner):
    template = make_template(owner)
    budget = open_budget_from_template(event=make_event(account, owner), template_id=template.pk, acting_user=owner)
    assert (budget.line_items.count(), budget.total_budget_amount) == (0, 0)


def test_an_event_that_has_a_budget_keeps_it(account, owner):
    budget = make_budget(account, owner, total="70")
    template = make_template(owner, line())
    with pytest.raises(BudgetExists):
        open_budget_from_template(event=budget.event, template_id=template.pk, acting_user=owner)
    assert list(EventBudget.objects.values_list("total_budget_amount", flat=True)) == [Decimal(70)]
    assert not BudgetLineItem.objects.exists()


def test_another_accounts_template_is_not_there(account, owner, other_account):
    with tenant_scope(other_account.pk):
        theirs = create_template(acting_user=None, name="Rival", lines=[line(basis="share", value="5")])
    with pytest.raises(TemplateNotFound):
        open_budget_from_template(event=make_event(account, owner), template_id=theirs.pk, acting_user=owner)
    assert not EventBudget.objects.exists()


def test_two_hundred_lines_cost_no_more_statements_than_one(account, owner):
    def statements(count: int) -> int:
        lines = [line(f"Line {n}", basis="per_head", value="1") for n in range(count)]
        template = make_template(owner, *lines, name=f"With {count}")
        event = make_event(account, owner, expected_guests=3)
        with CaptureQueriesContext(connection) as used:
            budget = open_budget_from_template(event=event, template_id=template.pk, acting_user=owner)
        assert budget.total_budget_amount == 3 * count
        return len(used)

    assert statements(1) == statements(200)


def lines_of_shares(shares: list[int]) -> list[TemplateLine]:
    """Return lines with these shares in thousandths, cut where the whole is full; the last fills it up."""
    left, lines, category = 100_000, [], Category(name="Venue")
    for number, share in enumerate(shares, start=1):
        share = left if number == len(shares) else min(share, left)
        left -= share
        value = Decimal(share) / 1000
        lines.append(TemplateLine(name=str(number), category=category, basis="share", value=value))
    return lines


@given(
    shares=st.lists(st.integers(min_value=0, max_value=60_000), min_size=1, max_size=40),
    units=st.integers(min_value=1, max_value=999_999_999_999),
    currency=st.sampled_from([("JPY", 0), ("USD", 2), ("KWD", 3)]),
)
def test_shares_of_any_total_in_any_currency_add_up_exactly(shares, units, currency):
    code, decimals = currency
    total = Decimal(units).scaleb(-decimals)

    with tenant_scope(NOBODYS_ACCOUNT):
        planned = lines_from_template(
            BudgetTemplate(name="Any"),
            total=total,
            expected_guests=None,
            currency=code,
            lines=lines_of_shares(shares),
        )

    assert sum(found.amount for found in planned) == total
    for found in planned:
        assert abs(found.amount - total * found.value / 100) < Decimal(1).scaleb(-decimals)
        assert found.amount >= 0
        assert found.amount.as_tuple().exponent == -decimals
