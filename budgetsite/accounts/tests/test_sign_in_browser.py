"""Signing in in a real Chromium: with a phone, without script, and into the admin under its policy."""

from collections.abc import Callable
from typing import Any

import pytest
from playwright.sync_api import expect

from budgetsite.accounts.models import Account, User
from budgetsite.accounts.roles import Role
from budgetsite.accounts.services import add_member
from budgetsite.testing.people import PASSWORD

pytestmark = pytest.mark.browser


def enter(page: Any, user: User, password: str = PASSWORD) -> None:
    page.get_by_label("E-mail address").fill(user.email)
    page.get_by_label("Password").fill(password)
    page.get_by_role("button", name="Sign in").click()


def assert_nothing_sticks_out(page: Any) -> None:
    assert page.evaluate("document.documentElement.scrollWidth <= window.innerWidth")


@pytest.mark.parametrize("width", [1280, 375])
def test_member_of_two_accounts_signs_in_chooses_and_leaves(
    open_page: Callable[..., Any], account: Account, other_account: Account, staff: User, width: int
) -> None:
    add_member(account=other_account, email=staff.email, role=Role.CLIENT)
    page = open_page(width=width)

    page.goto("/sign-in")
    assert page.evaluate("document.activeElement.name") == "username"
    assert_nothing_sticks_out(page)
    enter(page, staff, "wrong")
    assert "is wrong" in page.get_by_role("alert").inner_text()
    assert_nothing_sticks_out(page)
    enter(page, staff)
    page.get_by_role("button", name="Rival Events").click()
    page.wait_for_url("**/")
    assert "You work in Rival Events now." in page.locator("#messages").inner_text()

    page.goto("/sign-out")
    page.locator("main").get_by_role("button", name="Sign out").click()
    page.wait_for_url("**/sign-in")
    page.goto("/account")
    assert "/sign-in?next=/account" in page.url


@pytest.mark.parametrize("width", [1280, 375])
def test_targets_are_large_enough_for_fingers(open_page: Callable[..., Any], account: Account, width: int) -> None:
    page = open_page(width=width)
    for path in ("/sign-in", "/password-reset"):
        page.goto(path)
        sizes = page.eval_on_selector_all(
            "main a, main button, main input:not([type=hidden])",
            "elements => elements.map(element => element.getBoundingClientRect().height)",
        )
        assert len(sizes) >= 3
        assert min(sizes) >= (44 if width == 375 else 24)


def test_signing_in_works_without_script(chromium: Any, site: str, account: Account, staff: User) -> None:
    context = chromium.new_context(base_url=site, java_script_enabled=False)
    page = context.new_page()

    page.goto("/sign-in?next=/account")
    enter(page, staff)

    page.wait_for_url("**/account")
    assert "Sunrise Catering" in page.locator("main").inner_text()
    context.close()


def test_admin_works_under_its_policy(open_page: Callable[..., Any], account: Account, owner: User) -> None:
    """A violation on the way fails the test (see `open_page`)."""
    page = open_page()
    page.goto("/sign-in?next=/admin/")
    enter(page, owner)
    page.wait_for_url("**/admin/")

    for path in ("/admin/", "/admin/events/event/", "/admin/budgets/eventbudget/"):
        assert page.goto(path).status == 200
        # Alpine has evaluated its attributes: nothing is left cloaked. (Pages that follow what happens are never idle.)
        expect(page.locator("[x-cloak]")).to_have_count(0)
        assert page.evaluate("typeof window.Alpine") == "object"
