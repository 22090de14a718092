"""A plan's life in a real browser, by the people whose work each step is: written with income and quantities,
submitted, approved in two stages, revised, compared, approved again; and two people at one line."""

from collections.abc import Callable
from decimal import Decimal
from typing import Any

import pytest
from django.db import transaction

from budgets.models import ApprovalRule, BudgetDecision, BudgetLineItem, BudgetRevision, EventBudget
from budgets.services.driver import create_driver
from budgets.services.ledger_proof import verify_ledger
from budgets.tests.test_story_in_browser import confirm, edit_line, figure, sign_in
from budgetsite.accounts.models import Account, User
from budgetsite.accounts.roles import Role
from budgetsite.tenancy.scope import tenant_scope
from budgetsite.testing.budgets import make_budget, make_event, make_line
from budgetsite.testing.people import make_member

pytestmark = pytest.mark.browser

PEOPLE = (("organizer", "Omid Karimi"), ("manager", "Marek Dvořák"), ("owner", "Ana Ferreira"))


@pytest.fixture
def people(site: str, account: Account) -> dict[str, User]:
    with transaction.atomic():
        return {role: make_member(account, Role(role), name=name).user for role, name in PEOPLE}


@pytest.fixture
def budget(people: dict[str, User], account: Account) -> EventBudget:
    """A draft with a hall, and with rules that ask a manager and then an owner."""
    organizer = people["organizer"]
    with transaction.atomic(), tenant_scope(account.pk, user_id=organizer.pk):
        ApprovalRule.objects.create(stage=1, role=Role.MANAGER, currency=account.currency)
        ApprovalRule.objects.create(stage=2, role=Role.OWNER, currency=account.currency, above_amount=Decimal(5000))
        event = make_event(account, organizer, name="Autumn gala", expected_guests=100)
        budget = make_budget(account, organizer, total=None, event=event)
        create_driver(budget_id=budget.pk, acting_user=organizer, name="guests", follows_guests=True)
        make_line(budget, organizer, name="Hall", budgeted_amount="4000")
        return budget


def open_line(page: Any, name: str) -> Any:
    page.locator("tr.line", has_text=name).get_by_role("link", name=f"Edit {name}").click()
    return page.locator("tr.line--editing")


def save(editing: Any) -> None:
    editing.get_by_role("button", name="Save").click()
    editing.wait_for(state="detached")


def fits(page: Any) -> bool:
    return page.evaluate("document.documentElement.scrollWidth <= window.innerWidth")


@pytest.mark.slow
@pytest.mark.parametrize("width", [1280, 375])
def test_a_plan_is_approved_in_two_stages_revised_compared_and_approved_again(
    open_page: Callable[..., Any], account: Account, people: dict[str, User], budget: EventBudget, width: int
) -> None:
    path = f"/budgets/{budget.pk}"
    page = open_page(width=width)
    sign_in(page, people["organizer"], path)

    # The organizer plans a dinner for as many as come, and what the tickets bring.
    page.evaluate("window.notReloaded = true")
    page.locator("#costs").get_by_role("link", name="Add a line", exact=True).click()
    new = page.locator("tr.line--editing")
    new.get_by_label("Line").fill("Dinner")
    new.get_by_label("Category").select_option(label="Food & Beverage")
    new.get_by_text("Quantity × price").click()
    new.get_by_label("or as many as").select_option(label="guests (100)")
    new.get_by_label("Price of one").fill("45")
    save(new)
    page.locator("tr.line", has_text="100 guests × 45.00").wait_for()
    page.get_by_role("link", name="Add income").click()
    new = page.locator("tr.line--editing")
    new.get_by_label("Line").fill("Tickets")
    new.get_by_label("Expected").fill("9,500")
    save(new)
    page.locator("#budget-summary", has_text="Expected result").wait_for()
    assert "+1,000.00" in figure(page, "Expected result")
    assert page.evaluate("window.notReloaded") is True
    assert fits(page)
    confirm(page, "Submit for approval")
    assert "Where the plan stands" in page.locator("main").inner_text()

    # A manager takes the first stage; only an owner may take the second.
    manager_page = open_page(width=width)
    sign_in(manager_page, people["manager"], path)
    confirm(manager_page, "Approve")
    assert "In review" in manager_page.locator("main").inner_text()
    assert manager_page.locator("#budget-moves").get_by_role("link", name="Approve").count() == 0
    owner_page = open_page(width=width)
    sign_in(owner_page, people["owner"], path)
    confirm(owner_page, "Approve")
    assert "Ana Ferreira approved stage 2 of 2" in owner_page.locator("main").inner_text()

    # More guests: the approved plan stays in force while the revision is written.
    page.goto(path)
    page.locator("#budget-moves").get_by_role("link", name="Revise the plan").click()
    page.get_by_label("Reason").fill("Twenty more have said yes")
    page.locator(".dialog").get_by_role("button").last.click()
    page.wait_for_url(f"**{path}")
    assert "The approved plan of 8,500.00 CAD stays in force until it is approved." in page.locator("main").inner_text()
    edit_line(page, "Hall", Budgeted="4600", Actual="1000")
    page.locator("#budget-summary", has_text="the revision has 9,100.00").wait_for()
    assert "8,500.00" in figure(page, "Budgeted")
    assert "7,500.00" in page.locator("#verdict").inner_text()
    assert "in force 4,000.00" in page.locator("tr.line", has_text="Hall").inner_text()
    assert fits(page)

    # Both plans side by side, for whoever decides.
    confirm(page, "Submit for approval")
    manager_page.goto(path)
    manager_page.locator("main").get_by_role("link", name="Compare").first.click()
    compared = manager_page.locator("main").inner_text()
    assert "Hall" in compared
    assert "4,000.00" in compared
    assert "4,600.00" in compared
    assert fits(manager_page)
    for approver in (manager_page, owner_page):
        approver.goto(path)
        confirm(approver, "Approve")
    page.goto(path)
    assert "stays in force" not in page.locator("main").inner_text()
    assert "9,100.00" in figure(page, "Budgeted")

    # The history tells it in sentences.
    page.goto(f"{path}/history")
    story = page.locator("main").inner_text()
    for sentence in (
        "Omid Karimi raised “Hall” from 4,000.00 to 4,600.00",
        "Omid Karimi opened the plan for revision 2 – “Twenty more have said yes”",
        "Marek Dvořák approved stage 1 of 2",
        "Omid Karimi added the income “Tickets” with 9,500.00",
        "Omid Karimi added “Dinner” with 4,500.00 (100 guests × 45.00)",
    ):
        assert sentence in story
    assert fits(page)

    with transaction.atomic():
        stored = EventBudget.objects.get(pk=budget.pk)
        assert (stored.status, stored.total_budget_amount, stored.is_under_revision) == (
            "approved",
            Decimal(9100),
            False,
        )
        decisions = BudgetDecision.objects.order_by("version").values_list("action", "stage", "actor__name")
        round_of_approval = [
            ("submit", 1, "Omid Karimi"),
            ("approve", 1, "Marek Dvořák"),
            ("approve", 2, "Ana Ferreira"),
        ]
        assert list(decisions) == [*round_of_approval, ("revise", 1, "Omid Karimi"), *round_of_approval]
        kept = BudgetRevision.objects.order_by("number").values_list("number", "total_budget_amount")
        assert list(kept) == [(1, Decimal(8500)), (2, Decimal(9100))]
        assert verify_ledger() == []


@pytest.mark.parametrize("width", [1280, 375])
def test_of_two_people_at_one_line_the_second_takes_what_they_choose(
    open_page: Callable[..., Any], account: Account, people: dict[str, User], budget: EventBudget, width: int
) -> None:
    first, second = open_page(width=width), open_page(width=width)
    for page, who in ((first, "manager"), (second, "organizer")):
        sign_in(page, people[who], f"/budgets/{budget.pk}")
    editing = open_line(second, "Hall")
    theirs = open_line(first, "Hall")
    theirs.get_by_label("Budgeted").fill("4200")
    theirs.get_by_label("Section").fill("Day one")
    save(theirs)

    editing.get_by_label("Budgeted").fill("4500")
    editing.get_by_label("Description").fill("With the garden")
    editing.get_by_role("button", name="Save").click()
    asked = second.locator(".meanwhile")
    asked.wait_for()

    assert "Marek Dvořák changed this line meanwhile" in asked.inner_text()
    assert "Section is now “Day one”, it was empty." in asked.inner_text()
    editing = second.locator("tr.line--editing")
    budgeted = editing.get_by_label("Budgeted", exact=True)
    assert (budgeted.input_value(), editing.get_by_label("Description").input_value()) == ("4500", "With the garden")
    # Choosing shows what is chosen; typing is one's own again.
    asked.get_by_label("Marek Dvořák: 4,200.00").check()
    assert budgeted.input_value() == "4,200.00"
    budgeted.fill("4300")
    assert asked.get_by_label("yours: 4300").is_checked()
    asked.get_by_label("Marek Dvořák: 4,200.00").check()
    assert fits(second)
    save(editing)

    with transaction.atomic():
        line = BudgetLineItem.objects.get(name="Hall")
        assert (line.budgeted_amount, line.section, line.description) == (
            Decimal(4200),
            "Day one",
            "With the garden",
        )


def test_a_saved_line_renews_the_count_of_alerts_in_the_navigation(
    open_page: Callable[..., Any], account: Account, people: dict[str, User], budget: EventBudget
) -> None:
    page = open_page()
    sign_in(page, people["organizer"], f"/budgets/{budget.pk}")
    alerts = page.locator(".nav--wide").get_by_role("link", name="Alerts")
    assert alerts.inner_text().strip() == "Alerts"

    edit_line(page, "Hall", Actual="4500")
    page.locator(".nav--wide [data-counter='alerts'] .count").wait_for()
    items = page.locator("#budget-alerts .alert-list__item")
    opened = items.count()

    assert alerts.inner_text().split()[1] == str(opened)
    while opened:
        opened -= 1
        page.locator("#budget-alerts").get_by_role("button", name="Resolve").first.click()
        items.nth(opened).wait_for(state="detached")
    page.locator(".nav--wide [data-counter='alerts'] .count").wait_for(state="detached")
