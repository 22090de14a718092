"""A template made by keyboard alone and used for an event, in a real browser, at a desk and on a phone."""

from collections.abc import Callable
from decimal import Decimal
from typing import Any

import pytest
from django.db import transaction
from playwright.sync_api import expect

from budgets.models import BudgetTemplate, EventBudget
from budgets.services.template_use import template_lines
from budgets.tests.test_story_in_browser import sign_in
from budgetsite.accounts.models import Account
from budgetsite.accounts.roles import Role
from budgetsite.testing.budgets import make_event
from budgetsite.testing.people import make_member

pytestmark = pytest.mark.browser


def focused(page: Any) -> str:
    """Return what the element with the focus is called."""
    name: str = page.evaluate(
        "document.activeElement.innerText || document.activeElement.labels?.[0]?.innerText || document.activeElement.id"
    )
    return name.strip()


def press(page: Any, *keys: str) -> None:
    for key in keys:
        page.keyboard.press(key)


def press_and_wait(page: Any, key: str) -> None:
    with page.expect_navigation():
        page.keyboard.press(key)


def fits(page: Any) -> bool:
    fitting: bool = page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    return fitting


@pytest.mark.slow
@pytest.mark.parametrize("width", [1280, 375])
def test_a_template_is_made_by_keyboard_and_used(open_page: Callable[..., Any], account: Account, width: int) -> None:
    with transaction.atomic():
        organizer = make_member(account, Role.ORGANIZER, name="Omid Karimi").user
        make_event(account, organizer, name="Midsummer", expected_guests=80)
    page = open_page(width=width)
    sign_in(page, organizer, "/templates/new")
    assert fits(page)

    page.get_by_label("Name").focus()
    page.keyboard.type("Gala")
    page.locator("#id_lines-0-name").focus()
    page.keyboard.type("Hall")
    press(page, "Tab")
    page.keyboard.type("Venue")
    press(page, "Tab")
    page.keyboard.type("%")
    press(page, "Tab")
    page.keyboard.type("40")
    page.locator("#id_lines-1-name").focus()
    page.keyboard.type("Dinner")
    press(page, "Tab")
    page.keyboard.type("Catering")
    press(page, "Tab")
    page.keyboard.type("Per")
    press(page, "Tab")
    page.keyboard.type("45.25")
    # Three tabs on: up, which is pressed; the focus goes along with the row.
    press(page, "Tab")
    assert focused(page) == "Line 2 up"
    press_and_wait(page, "Enter")
    expect(page.locator("[value='down-0']")).to_be_focused()
    assert page.locator("#id_lines-0-name").input_value() == "Dinner"
    # Enter in a field saves.
    page.locator("#id_lines-0-value").focus()
    press_and_wait(page, "Enter")

    page.wait_for_url("**/templates/*-*")
    assert fits(page)
    with transaction.atomic():
        template = BudgetTemplate.objects.get(name="Gala")
        assert [(line.name, line.basis, line.value) for line in template_lines(template)] == [
            ("Dinner", "per_head", Decimal("45.25")),
            ("Hall", "share", Decimal(40)),
        ]
    page.get_by_label("With a total of").fill("20,000.00")
    page.get_by_label("and guests").fill("80")
    page.get_by_role("button", name="Show").click()
    page.locator("#preview").get_by_text("8,380.00 of 20,000.00 are on no line yet.").wait_for()
    assert fits(page)

    page.get_by_role("button", name="Open its budget with this").click()
    page.wait_for_url("**/budget/new?template=*")
    assert page.get_by_label("A template").is_checked()
    assert not page.get_by_label("Earlier budget", exact=True).is_visible()
    page.get_by_label("A copy of an earlier budget").check()
    assert not page.get_by_label("Template", exact=True).is_visible()
    page.get_by_label("A template").check()
    page.get_by_label("Total").fill("3000")
    page.get_by_role("button", name="Look at the lines first").click()
    page.locator(".notice").get_by_text("With this template the lines add up to 4,820.00 CAD").wait_for()
    page.get_by_label("Total").fill("20,000")
    page.get_by_role("button", name="Look at the lines first").click()
    page.locator("#preview").get_by_text("80 × 45.25").wait_for()
    assert fits(page)
    page.get_by_role("button", name="Open the budget").click()
    page.locator("#budget-summary").wait_for()
    with transaction.atomic():
        budget = EventBudget.objects.get()
        assert (budget.total_budget_amount, budget.lines_total_amount) == (20000, 11620)
