"""Moving money between lines in a real browser: from a line's row, asked for, approved from the inbox, taken back."""

from collections.abc import Callable
from typing import Any

import pytest
from django.db import transaction

from budgets.models import EventBudget
from budgets.services.ledger_proof import verify_ledger
from budgets.tests.transfers import limit_transfers, line_of, make_approved, planned
from budgetsite.accounts.models import Account, User
from budgetsite.accounts.roles import Role
from budgetsite.testing.people import PASSWORD, make_member

pytestmark = pytest.mark.browser


@pytest.fixture
def people(site: str, account: Account) -> tuple[User, User]:
    with transaction.atomic():
        return make_member(account, Role.OWNER).user, make_member(account, Role.MANAGER).user


@pytest.fixture
def budget(account: Account, people: tuple[User, User]) -> EventBudget:
    with transaction.atomic():
        limit_transfers(above="100")
        return make_approved(account, *people)


def sign_in(page: Any, user: User, path: str) -> None:
    page.goto(f"/sign-in?next={path}")
    page.get_by_label("E-mail address").fill(user.email)
    page.get_by_label("Password").fill(PASSWORD)
    page.get_by_role("button", name="Sign in").click()
    page.wait_for_url(f"**{path}")


def move(page: Any, amount: str, *, target: str, reason: str) -> None:
    """Fill in the form, look at the result, and confirm it."""
    option = page.locator("#id_to_line option", has_text=target).get_attribute("value")
    page.get_by_label("To", exact=True).select_option(option)
    page.get_by_label("Amount").fill(amount)
    page.get_by_label("Reason").fill(reason)
    page.get_by_role("button", name="Look at the result").click()
    page.locator("button[name=confirm]").click()
    page.wait_for_url("**/transfers")


def fits(page: Any) -> bool:
    return page.evaluate("document.documentElement.scrollWidth <= window.innerWidth")


@pytest.mark.parametrize("width", [1280, 375])
def test_money_is_moved_approved_and_taken_back(
    open_page: Callable[..., Any], account: Account, people: tuple[User, User], budget: EventBudget, width: int
) -> None:
    owner, manager = people
    page = open_page(width=width)
    with transaction.atomic():
        catering = line_of(budget, "Catering")

    # From the row of the line that gives; within the limits it is done at once.
    sign_in(page, owner, f"/budgets/{budget.pk}")
    page.goto(page.locator(f"#line-{catering.pk}-transfer").get_attribute("href"))
    assert page.get_by_label("From").input_value() == str(catering.pk)
    move(page, "100", target="Hall", reason="The hall became dearer")
    assert "100.00 CAD moved from “Catering” to “Hall”." in page.locator("#messages").inner_text()
    assert fits(page)

    # More than the line has is refused at the amount, with the focus on what is wrong.
    page.goto(f"/budgets/{budget.pk}/transfers/new?from={catering.pk}")
    hall = page.locator("#id_to_line option", has_text="Hall").get_attribute("value")
    page.get_by_label("To", exact=True).select_option(hall)
    page.get_by_label("Amount").fill("500.01")
    page.get_by_label("Reason").fill("Too much")
    page.get_by_role("button", name="Look at the result").click()
    assert (
        "Catering has 500.00 CAD available: no more than that can be moved."
        in page.locator("#id_amount_error").inner_text()
    )
    assert page.evaluate("document.activeElement.classList.contains('notice--error')")

    # Above the limits it waits, and the manager finds it in the inbox.
    move(page, "200", target="Hall", reason="The hall became much dearer")
    assert "waits for approval by the account's manager." in page.locator("#messages").inner_text()
    inbox = open_page(width=width)
    sign_in(inbox, manager, "/approvals")
    assert "1 transfer between lines waits for you." in inbox.locator(".lead").inner_text()
    assert fits(inbox)
    inbox.locator("main").get_by_role("link", name="Approve").click()
    assert "“Catering” will have 300.00 budgeted" in inbox.locator(".dialog").inner_text()
    assert fits(inbox)
    inbox.locator(".dialog").get_by_role("button", name="Approve").click()
    inbox.wait_for_url("**/approvals")
    assert "200.00 CAD moved from “Catering” to “Hall”." in inbox.locator("#messages").inner_text()

    # The first one is taken back, once.
    page.goto(f"/budgets/{budget.pk}/transfers")
    page.locator("main").get_by_role("link", name="Take back 100.00").click()
    page.get_by_label("Reason").fill("The old hall is free after all")
    page.locator(".dialog").get_by_role("button", name="Take it back").click()
    page.wait_for_url("**/transfers")
    assert "Taken back" in page.locator("main").inner_text()
    assert page.locator("main").get_by_role("link", name="Take back 100.00").count() == 0
    assert fits(page)
    with transaction.atomic():
        assert planned(budget) == {"Catering": 400, "Hall": 500}
        assert verify_ledger() == []
