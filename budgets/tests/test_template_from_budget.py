"""Saving a budget's plan as a template: as amounts, as shares, per guest, and mixed."""

from decimal import Decimal

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from budgets.models import BudgetTemplate, PlanDriver, TemplateBasis
from budgets.services.problems import BudgetNotFound, LineNotFound
from budgets.services.template import TemplateExists, create_template
from budgets.services.template_from_budget import (
    GuestsUnknown,
    NothingToSave,
    NothingToShare,
    ShareTooLarge,
    save_budget_as_template,
)
from budgets.services.template_use import lines_from_template, template_lines
from budgetsite.accounts.roles import Role
from budgetsite.tenancy.scope import tenant_scope
from budgetsite.testing.budgets import make_budget, make_event, make_line
from budgetsite.testing.people import make_member


def line(name, amount, category="Venue", **fields):
    return {"category": category, "name": name, "budgeted_amount": amount, **fields}


def seen(template: BudgetTemplate) -> list[tuple[str, str, Decimal]]:
    return [(found.name, found.basis, found.value) for found in template_lines(template)]


def ours() -> int:
    return BudgetTemplate.objects.exclude(created_by=None).count()


def test_lines_are_kept_as_amounts_with_what_is_said_of_them(account, owner):
    budget = make_budget(
        account,
        owner,
        lines=[
            line("Hall", "1000.50", section="Evening", description="With stage", notes="Call them"),
            line("Sponsor", "300", "Miscellaneous", kind="income"),
        ],
    )

    template = save_budget_as_template(budget_id=budget.pk, acting_user=owner, name="Gala", description="As in 2026")

    assert (template.name, template.description, template.currency) == ("Gala", "As in 2026", "CAD")
    assert template.created_by == owner
    hall, sponsor = template_lines(template)
    assert (hall.kind, hall.category.name, hall.section, hall.description) == ("cost", "Venue", "Evening", "With stage")
    assert (hall.basis, hall.value, sponsor.kind, sponsor.value) == ("amount", Decimal("1000.50"), "income", 300)


def test_shares_of_a_plan_that_fills_its_total_add_up_to_exactly_100(account, owner):
    budget = make_budget(account, owner, total=None, lines=[line(name, "100") for name in "ABC"])

    template = save_budget_as_template(budget_id=budget.pk, acting_user=owner, name="Thirds", basis=TemplateBasis.SHARE)

    assert seen(template) == [
        ("A", "share", Decimal("33.334")),
        ("B", "share", Decimal("33.333")),
        ("C", "share", Decimal("33.333")),
    ]
    assert template.currency == ""


def test_what_the_plan_leaves_open_stays_open(account, owner):
    budget = make_budget(account, owner, total="7000", lines=[line("A", "3000"), line("B", "2000")])
    template = save_budget_as_template(budget_id=budget.pk, acting_user=owner, name="Gala", basis=TemplateBasis.SHARE)
    # 5,000 of 7,000 are 71.4286 %.
    assert seen(template) == [("A", "share", Decimal("42.857")), ("B", "share", Decimal("28.572"))]


def test_what_is_saved_as_shares_gives_the_same_plan_again(account, owner):
    amounts = ["1234.56", "0.01", "999.99", "4321.44"]
    budget = make_budget(account, owner, total=None, lines=[line(n, a) for n, a in zip("ABCD", amounts, strict=True)])
    template = save_budget_as_template(budget_id=budget.pk, acting_user=owner, name="Gala", basis=TemplateBasis.SHARE)
    total = budget.total_budget_amount
    planned = lines_from_template(template, total=total, expected_guests=None, currency="CAD")
    assert sum(found.amount for found in planned) == total == Decimal("6556.00")
    for found, amount in zip(planned, amounts, strict=True):
        # Three decimals of a percent of 6,556.00.
        assert abs(found.amount - Decimal(amount)) <= Decimal("0.07")


def test_amounts_per_guest_are_the_unit_price_or_what_one_guest_comes_to(account, owner):
    event = make_event(account, owner, expected_guests=80)
    budget = make_budget(account, owner, event=event, lines=[line("Hall", "1000")])
    guests = PlanDriver.objects.create(budget=budget, name="Guests", quantity=Decimal(100), follows_guests=True)
    make_line(budget, owner, name="Dinner", budgeted_amount=Decimal(0), unit_price="45.25", driver_id=guests.pk)

    template = save_budget_as_template(
        budget_id=budget.pk, acting_user=owner, name="Gala", basis=TemplateBasis.PER_HEAD
    )

    assert seen(template) == [("Hall", "per_head", Decimal("12.50")), ("Dinner", "per_head", Decimal("45.25"))]
    assert template.currency == "CAD"


def test_an_amount_per_guest_is_rounded_half_up_to_the_currency(account, owner):
    event = make_event(account, owner, expected_guests=8)
    budget = make_budget(account, owner, event=event, lines=[line("Hall", "100.20")])
    template = save_budget_as_template(
        budget_id=budget.pk, acting_user=owner, name="Gala", basis=TemplateBasis.PER_HEAD
    )
    assert seen(template) == [("Hall", "per_head", Decimal("12.53"))]


@pytest.mark.parametrize("guests", [None, 0])
def test_without_guests_there_is_no_amount_per_guest(account, owner, guests):
    event = make_event(account, owner, expected_guests=guests)
    budget = make_budget(account, owner, event=event, lines=[line("Hall", "1000")])
    with pytest.raises(GuestsUnknown, match="Edit the event first"):
        save_budget_as_template(budget_id=budget.pk, acting_user=owner, name="G", basis=TemplateBasis.PER_HEAD)
    assert ours() == 0


def test_each_line_may_be_kept_otherwise(account, owner):
    event = make_event(account, owner, expected_guests=10)
    budget = make_budget(
        account,
        owner,
        total="1000",
        event=event,
        lines=[line("Hall", "100"), line("Dinner", "500"), line("Band", "50"), line("Fee", "800", kind="income")],
    )
    by_name = {found.name: found.pk for found in budget.line_items.all()}

    template = save_budget_as_template(
        budget_id=budget.pk,
        acting_user=owner,
        name="Gala",
        basis=TemplateBasis.SHARE,
        bases={by_name["Dinner"]: TemplateBasis.PER_HEAD, by_name["Band"]: TemplateBasis.AMOUNT},
    )

    assert seen(template) == [
        ("Hall", "share", Decimal(10)),
        ("Dinner", "per_head", Decimal(50)),
        ("Band", "amount", Decimal(50)),
        # Income stays an amount unless it is named.
        ("Fee", "amount", Decimal(800)),
    ]
    named = save_budget_as_template(
        budget_id=budget.pk,
        acting_user=owner,
        name="Ball",
        basis=TemplateBasis.SHARE,
        bases={by_name["Fee"]: TemplateBasis.SHARE},
    )
    assert seen(named)[-1] == ("Fee", "share", Decimal(80))
    assert named.currency == ""


def test_what_cannot_be_saved_is_refused_and_nothing_is_stored(account, owner):
    empty = make_budget(account, owner)
    nothing = make_budget(account, owner, total=None, lines=[line("Hall", "0")])
    rich = make_budget(account, owner, total="100", lines=[line("Fee", "150", kind="income")])
    (fee,) = rich.line_items.all()
    share = {"basis": TemplateBasis.SHARE}
    for budget, options, refusal in (
        (empty, {}, NothingToSave),
        (nothing, share, NothingToShare),
        (rich, {"bases": {fee.pk: TemplateBasis.SHARE}}, ShareTooLarge),
        (nothing, {"bases": {fee.pk: TemplateBasis.AMOUNT}}, LineNotFound),
    ):
        with pytest.raises(refusal):
            save_budget_as_template(budget_id=budget.pk, acting_user=owner, name="Gala", **options)
        assert ours() == 0
    create_template(acting_user=owner, name="Gala")
    with pytest.raises(TemplateExists):
        save_budget_as_template(budget_id=rich.pk, acting_user=owner, name="gala")
    assert ours() == 1


def test_another_accounts_budget_is_not_there(account, owner, other_account):
    with tenant_scope(other_account.pk):
        stranger = make_member(other_account, Role.OWNER).user
        theirs = make_budget(other_account, stranger, lines=[line("Secret", "9")])
    with pytest.raises(BudgetNotFound):
        save_budget_as_template(budget_id=theirs.pk, acting_user=owner, name="Gala")
    assert ours() == 0


def test_two_hundred_lines_cost_no_more_statements_than_one(account, owner):
    def statements(count: int) -> int:
        budget = make_budget(account, owner, total=None, lines=[line(f"Line {n}", "7") for n in range(count)])
        with CaptureQueriesContext(connection) as used:
            save_budget_as_template(
                budget_id=budget.pk, acting_user=owner, name=f"With {count}", basis=TemplateBasis.SHARE
            )
        return len(used)

    assert statements(1) == statements(200)
