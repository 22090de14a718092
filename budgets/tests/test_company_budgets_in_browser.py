"""Company budgets in a real browser: made, spent from, taken back, asked about, deleted, brought back."""

from collections.abc import Callable
from typing import Any

import pytest
from django.db import transaction

from budgets.models import ScopedBudget
from budgetsite.accounts.models import Account, User
from budgetsite.accounts.roles import Role
from budgetsite.testing.people import PASSWORD, make_member

pytestmark = pytest.mark.browser


@pytest.fixture
def owner(site: str, account: Account) -> User:
    with transaction.atomic():
        return make_member(account, Role.OWNER).user


def fits(page: Any) -> bool:
    return page.evaluate("document.documentElement.scrollWidth <= window.innerWidth")


def said(page: Any) -> str:
    return page.locator("#messages").inner_text()


def make(page: Any, name: str, *, whose: str, which: str, amount: str) -> None:
    page.get_by_label("Name").fill(name)
    page.get_by_label("Whose money").select_option(label=whose)
    page.get_by_label("Which one").fill(which)
    page.get_by_label("Amount").fill(amount)


def record(page: Any, amount: str, what: str) -> None:
    page.get_by_label("Amount").fill(amount)
    page.get_by_label("What for").fill(what)
    page.get_by_role("button", name="Record").click()


@pytest.mark.parametrize("width", [1280, 375])
def test_a_budget_is_made_spent_from_asked_about_and_brought_back(
    open_page: Callable[..., Any], account: Account, owner: User, width: int
) -> None:
    page = open_page(width=width)
    page.goto("/sign-in?next=/company-budgets/")
    page.get_by_label("E-mail address").fill(owner.email)
    page.get_by_label("Password").fill(PASSWORD)
    page.get_by_role("button", name="Sign in").click()

    # The first one, from the empty page; what is wrong is said with the focus on it.
    page.get_by_role("link", name="Make the first one").click()
    make(page, "Season", whose="Organization", which="us", amount="zero")
    page.get_by_role("button", name="Make the budget").click()
    page.wait_for_selector("#id_amount_error")
    assert fits(page)
    page.get_by_label("Amount").fill("1,000")
    page.get_by_role("button", name="Make the budget").click()
    assert "“Season” is saved." in said(page)

    # One under it, with a threshold in a row that is added.
    page.get_by_role("link", name="New budget under it").click()
    make(page, "Bar", whose="Team", which="bar", amount="1,200")
    page.get_by_role("button", name="Add a threshold").click()
    page.get_by_label("From", exact=True).last.fill("50")
    page.get_by_label("What happens").last.select_option(label="Require approval")
    assert page.get_by_label("Name").input_value() == "Bar"
    page.get_by_role("button", name="Make the budget").click()
    assert "This is more than “Season” has above it" in said(page)
    assert "From 50% on (600.00) a person has to approve first." in page.locator("main").inner_text()
    assert fits(page)

    # Refused by the threshold and by the budget above, each by name, at the amount; then recorded all the same.
    page.get_by_role("link", name="Record spending").click()
    page.get_by_label("Only if it fits").check()
    record(page, "1,100", "Ice")
    refused = page.locator("#id_amount_error").inner_text()
    assert "“Season” has 1,000.00 CAD left" in refused
    assert "“Bar” would be used to" in refused
    assert fits(page)
    page.get_by_label("Only if it fits").uncheck()
    page.get_by_role("button", name="Record").click()
    assert "Over now: “Season” by 100.00." in said(page)

    # From the tree down to the entry, which is taken back.
    if width < 1000:
        page.locator(".menu--phone > summary").click()
    page.get_by_role("navigation", name="Main").get_by_role("link", name="Company budgets").click()
    row = page.locator(".tree__row").first
    assert "Exceeded" in row.inner_text()
    assert "100.00 over budget" in row.inner_text()
    assert fits(page)
    page.get_by_role("link", name="Season").click()
    page.get_by_role("link", name="Everything that counts here").click()
    page.get_by_role("table").get_by_role("link", name="Bar").click()
    page.get_by_role("link", name="Take back").click()
    page.get_by_label("Reason").fill("Not ours")
    page.get_by_role("button", name="Take it back").click()
    assert "1,100.00 CAD are taken back." in said(page)
    assert fits(page)

    # A question that changes nothing.
    page.get_by_role("link", name="Overview").click()
    page.get_by_role("link", name="What if").click()
    page.get_by_label("Stands under").select_option(label="None: it stands on top")
    page.get_by_role("button", name="Show what would happen").click()
    assert "Nobody would break" in page.locator("main").inner_text()
    assert fits(page)

    # Deleted after a look at what that means, and brought back with one press.
    page.get_by_role("link", name="Bar").click()
    page.get_by_role("link", name="Edit").click()
    page.get_by_role("link", name="Delete").click()
    assert "What was spent from it goes on counting in “Season”." in page.locator("main").inner_text()
    page.get_by_role("button", name="Delete the budget").click()
    page.get_by_role("button", name="Undo").click()
    assert "“Bar” is back" in said(page)
    with transaction.atomic():
        assert list(ScopedBudget.objects.by_name().values_list("name", "depth")) == [("Bar", 1), ("Season", 0)]
