"""Receipts and payments in a real browser: files dropped on the expense, a photo on a phone, paid and taken back."""

import base64
from collections.abc import Callable
from datetime import date
from decimal import Decimal
from typing import Any

import pytest
from django.db import transaction

from budgets.models import ExpensePayment, Receipt
from budgetsite.accounts.models import Account
from budgetsite.accounts.roles import Role
from budgetsite.testing.budgets import make_budget
from budgetsite.testing.expenses import make_expense
from budgetsite.testing.papers import HTML, photo, png
from budgetsite.testing.people import PASSWORD, make_member

pytestmark = pytest.mark.browser

DROP = """([area, files]) => {
    const dropped = new DataTransfer();
    for (const [name, content] of files) {
        dropped.items.add(new File([Uint8Array.from(atob(content), (letter) => letter.charCodeAt(0))], name));
    }
    document.querySelector(area).dispatchEvent(
        new DragEvent("drop", {dataTransfer: dropped, bubbles: true, cancelable: true}));
}"""


def test_receipts_are_dropped_and_payments_pressed(site: str, account: Account, open_page: Callable[..., Any]) -> None:
    with transaction.atomic():
        staff = make_member(account, Role.STAFF).user
        expense = make_expense(
            make_budget(account, staff), staff, description="Hall", amount=Decimal(500), stage="invoiced",
            due_date=date(2020, 2, 1), expense_date=date(2020, 1, 1),
        )  # fmt: skip
    page = open_page(width=375)
    page.goto(f"/sign-in?next=/expenses/{expense.pk}")
    page.get_by_label("E-mail address").fill(staff.email)
    page.get_by_label("Password").fill(PASSWORD)
    page.get_by_role("button", name="Sign in").click()
    page.wait_for_url(f"**/expenses/{expense.pk}")

    files = [("one.jpg", photo()), ("two.png", png()), ("receipt.pdf", HTML)]
    page.evaluate(DROP, ["#receipts", [(name, base64.b64encode(content).decode()) for name, content in files]])
    page.get_by_text("“receipt.pdf” is a web page.").first.wait_for()
    assert page.locator("#receipts .receipt__name").all_inner_texts() == ["one.jpg", "two.png"]
    picture = page.locator(".receipt__picture").first
    picture.scroll_into_view_if_needed()
    assert picture.evaluate("(image) => image.decode().then(() => [image.naturalWidth, image.naturalHeight])") == [
        300,
        400,
    ]
    page.get_by_role("button", name="Delete two.png").click()
    page.get_by_text("“two.png” is deleted.").wait_for()
    assert page.locator("#receipts .receipt__name").all_inner_texts() == ["one.jpg"]
    page.get_by_role("button", name="Undo").click()
    page.get_by_text("“two.png” is back.").wait_for()

    page.goto("/payments")
    page.get_by_role("button", name="Paid Hall").click()
    page.get_by_role("button", name="Undo the payment of Hall").wait_for()
    assert page.evaluate("document.documentElement.scrollWidth <= window.innerWidth")
    with transaction.atomic():
        assert ExpensePayment.objects.get().amount == 500
        assert Receipt.objects.count() == 2
    page.get_by_role("button", name="Undo the payment of Hall").click()
    page.get_by_role("button", name="Paid Hall").wait_for()
    with transaction.atomic():
        assert ExpensePayment.objects.get().cancelled_at is not None
    page.goto("/payments/month?month=2020-02")
    assert page.locator("td:visible").count() == 1
