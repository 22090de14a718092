"""Paper from a real browser: the PDF by its menu on a phone, and the budget's page as the browser prints it."""

import io

import pytest
from django.db import transaction
from pypdf import PdfReader

from budgetsite.accounts.roles import Role
from budgetsite.testing.budgets import make_budget, make_event
from budgetsite.testing.people import PASSWORD, make_member

pytestmark = pytest.mark.browser


@pytest.fixture
def opened(site, account, open_page):
    """Return a function that signs someone with a role in and opens a budget of 60 lines of 10.00."""

    def make(role, **size):
        with transaction.atomic():
            owner, visitor = (make_member(account, one).user for one in (Role.OWNER, role))
            event = make_event(account, owner, client=visitor if role == Role.CLIENT else None)
            lines = [{"category": "Venue", "name": f"Chair {n}", "budgeted_amount": "10"} for n in range(60)]
            budget = make_budget(account, owner, total=None, event=event, lines=lines)
        page = open_page(**size)
        path = f"/budgets/{budget.pk}"
        page.goto(f"/sign-in?next={path}")
        page.get_by_label("E-mail address").fill(visitor.email)
        page.get_by_label("Password").fill(PASSWORD)
        page.get_by_role("button", name="Sign in").click()
        page.wait_for_url(f"**{path}")
        return page

    return make


def test_a_client_takes_the_plan_home_on_a_phone(opened):
    page = opened(Role.CLIENT, width=375, height=800)
    page.locator("summary", has_text="Print or export").click()
    with page.expect_download() as download:
        page.get_by_role("link", name="PDF, to print").click()
    assert download.value.suggested_filename == "Summer gala budget.pdf"
    text = " ".join(page.extract_text() for page in PdfReader(download.value.path()).pages)
    assert "Total" in text
    assert "600.00" in text


def test_the_page_from_the_browser_has_the_total_once_at_the_end(opened):
    page = opened(Role.OWNER)
    pages = [page.extract_text() for page in PdfReader(io.BytesIO(page.pdf(format="A4"))).pages]
    assert len(pages) > 2
    with_total = [number for number, text in enumerate(pages) if "Total" in text.split()]
    [last_line] = [number for number, text in enumerate(pages) if "Chair 59" in text]
    assert with_total == [last_line] or with_total == [last_line + 1]
    for button in ("Print or export", "Add a line", "Submit for approval"):
        assert all(button not in text for text in pages)
