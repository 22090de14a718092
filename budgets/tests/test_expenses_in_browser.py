"""From a quick line to a paid bill, on a phone and by the keyboard, in a real browser."""

from collections.abc import Callable
from decimal import Decimal
from typing import Any

import pytest
from django.db import transaction
from playwright.sync_api import expect

from budgets.models import EventBudget, Expense, ExpensePayment
from budgetsite.accounts.models import Account, User
from budgetsite.accounts.roles import Role
from budgetsite.testing.budgets import make_budget, make_line
from budgetsite.testing.people import PASSWORD, make_member

pytestmark = pytest.mark.browser


@pytest.fixture
def staff(site: str, account: Account) -> User:
    with transaction.atomic():
        return make_member(account, Role.STAFF, name="Siobhán").user


@pytest.fixture
def budget(account: Account, staff: User) -> EventBudget:
    with transaction.atomic():
        made = make_budget(account, staff)
        make_line(made, staff, category="Flowers", name="Roses", budgeted_amount=Decimal(1000))
    return made


def test_a_quick_line_is_saved_billed_and_paid_by_the_keyboard(
    open_page: Callable[..., Any], staff: User, budget: EventBudget
) -> None:
    page = open_page(width=375, height=800)
    path = f"/budgets/{budget.pk}/expenses"
    page.goto(f"/sign-in?next={path}")
    page.get_by_label("E-mail address").fill(staff.email)
    page.get_by_label("Password").fill(PASSWORD)
    page.keyboard.press("Enter")
    page.wait_for_url(f"**{path}")

    line = page.locator("#quick-line")
    line.fill("Roses for the arch 300 from O'Brien & <b>Söhne</b> committed")
    page.keyboard.press("Enter")
    expect(page.locator(".understood__words")).to_have_text(
        "Roses for the arch: 300.00 CAD for the line “Roses” (Flowers), from O'Brien & <b>Söhne</b> (new), committed"
    )
    # Nothing is open: the next Enter saves, and the line is ready for another.
    expect(page.get_by_role("button", name="Save the expense")).to_be_focused()
    page.keyboard.press("Enter")
    expect(page.locator("#expenses tbody tr")).to_have_count(1)
    expect(line).to_be_focused()
    expect(line).to_have_value("")
    assert page.evaluate("document.documentElement.scrollWidth") == 375

    line.fill("Roses 1.200")
    page.keyboard.press("Enter")
    expect(page.get_by_role("radio", name="1200")).to_be_focused()

    page.get_by_role("link", name="Roses for the arch").click()
    page.get_by_role("link", name="Enter a bill").click()
    page.get_by_label("Number").fill("R-7")
    page.keyboard.press("Enter")
    page.get_by_role("link", name="Note a payment").click()
    page.get_by_role("button", name="Save the payment").click()
    expect(page.locator("h1 ~ .badge", has_text="Paid")).to_be_visible()
    assert page.evaluate("document.documentElement.scrollWidth") == 375

    with transaction.atomic():
        expense, payment = Expense.objects.get(), ExpensePayment.objects.get()
    assert (expense.stage, expense.payment_status, expense.invoice_number) == ("invoiced", "paid", "R-7")
    assert payment.amount == Decimal(300)
