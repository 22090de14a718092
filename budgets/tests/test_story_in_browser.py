"""The main job on real input, in a real browser: a conference's budget is imported, edited, approved, overspent,
and its alerts are acknowledged, by the people whose work each of it is."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from django.db import transaction
from playwright.sync_api import expect

from budgets.models import BudgetDecision, BudgetLineItem, EventBudget
from budgets.services.categories import ensure_categories
from budgets.services.ledger_proof import verify_ledger
from budgetsite.accounts.models import Account, User
from budgetsite.accounts.roles import Role
from budgetsite.testing.budgets import make_event
from budgetsite.testing.people import PASSWORD, make_member

pytestmark = pytest.mark.browser

PLAN = Path(__file__).parent.parent / "demo" / "our_networks_2018" / "plan.csv"
PLAN_CATEGORIES = ["Space", "A/V", "Honoraria", "Sessions", "Web", "Agitprop", "Setup Supplies"]


@pytest.fixture
def people(site: str, account: Account) -> dict[str, User]:
    with transaction.atomic():
        people = {
            role: make_member(account, Role(role), name=name).user
            for role, name in (("organizer", "Omid Karimi"), ("manager", "Marek Dvořák"), ("staff", "Siobhán O'Brien"))
        }
        ensure_categories(names=PLAN_CATEGORIES, acting_user=people["manager"])
        make_event(account, people["organizer"], name="Our Networks 2018")
    return people


def sign_in(page: Any, user: User, path: str = "/") -> None:
    page.goto(f"/sign-in?next={path}")
    page.get_by_label("E-mail address").fill(user.email)
    page.get_by_label("Password").fill(PASSWORD)
    page.get_by_role("button", name="Sign in").click()
    page.wait_for_url(f"**{path}")


def confirm(page: Any, link: str) -> None:
    """Follow the link of a move and confirm it on the page that tells its consequences."""
    page.locator("main").get_by_role("link", name=link).first.click()
    page.locator(".dialog").get_by_role("button").last.click()
    page.wait_for_url("**/budgets/*")


def edit_line(page: Any, name: str, **values: str) -> None:
    """Open a line in its place, type, save; wait until the row is for reading again."""
    row = page.locator("tr.line", has_text=name)
    row.get_by_role("link", name=f"Edit {name}").click()
    editing = page.locator("tr.line--editing")
    for label, value in values.items():
        editing.get_by_label(label).fill(value)
    editing.get_by_role("button", name="Save").click()
    editing.wait_for(state="detached")


def figure(page: Any, label: str) -> str:
    return page.locator("#budget-summary .stat", has=page.get_by_text(label, exact=True)).inner_text()


@pytest.mark.slow
@pytest.mark.parametrize("width", [1280, 375])
def test_a_conference_is_planned_approved_overspent_and_acknowledged(
    open_page: Callable[..., Any], account: Account, people: dict[str, User], width: int
) -> None:
    page = open_page(width=width)

    # The organizer looks at the file first, then imports it.
    sign_in(page, people["organizer"], "/import")
    page.get_by_label("Event").select_option(label=page.locator("#id_event option").last.inner_text())
    page.get_by_label("File").set_input_files(PLAN)
    page.get_by_role("button", name="Look at the file").click()
    assert "7,570.00" in page.locator("main").inner_text()
    page.get_by_role("button", name="Import 20 lines").click()
    page.wait_for_url("**/budgets/*")
    assert "7,570.00" in figure(page, "Budgeted")
    budget_path = page.evaluate("location.pathname")

    # Lunch gets dearer; totals follow without a reload.
    page.evaluate("window.notReloaded = true")
    edit_line(page, "Lunch x2", Budgeted="1600")
    page.locator("#budget-summary", has_text="7,670.00").wait_for()
    edit_line(page, "Lunch x2", Budgeted="1,500.00")
    page.locator("#budget-summary", has_text="7,570.00").wait_for()
    assert page.evaluate("window.notReloaded") is True
    assert page.evaluate("document.documentElement.scrollWidth <= window.innerWidth")

    # What cannot be is told at the field, and what was typed stays.
    page.locator("tr.line", has_text="Lunch x2").get_by_role("link", name="Edit Lunch x2").click()
    editing = page.locator("tr.line--editing")
    editing.get_by_label("Budgeted").fill("12.345")
    editing.get_by_role("button", name="Save").click()
    editing.locator(".field__error").first.wait_for()
    assert editing.get_by_label("Budgeted").input_value() == "12.345"
    editing.get_by_role("link", name="Cancel").click()
    editing.wait_for(state="detached")

    confirm(page, "Submit for approval")
    assert "In review" in page.locator("main").inner_text()

    # Someone else approves it.
    manager_page = open_page(width=width)
    sign_in(manager_page, people["manager"], "/approvals")
    manager_page.locator("main").get_by_role("link", name="Our Networks 2018").first.click()
    confirm(manager_page, "Approve")
    assert "Approved" in manager_page.locator("main").inner_text()

    # The day comes; bills arrive, and the alerts are there with them.
    page.goto(budget_path)
    confirm(page, "Activate")
    page.evaluate("window.notReloaded = true")
    edit_line(page, "Security", Actual="2508")
    page.locator("#budget-alerts", has_text="“Security” is 2,108.00 CAD over").wait_for()
    edit_line(page, "Swag (Stickers, T-Shirts, Buttons)", Actual="6529.85")
    page.locator("#budget-summary", has_text="over budget").wait_for()
    assert "1,467.85" in page.locator("#verdict").inner_text()
    assert page.evaluate("window.notReloaded") is True

    # Staff acknowledge what they have read.
    staff_page = open_page(width=width)
    sign_in(staff_page, people["staff"], "/alerts/")
    alert = staff_page.locator(".alert-list__item", has_text="1,467.85 CAD over budget")
    alert.get_by_role("button", name="Acknowledge").click()
    staff_page.locator("#messages").get_by_text("cknowledged").first.wait_for()

    with transaction.atomic():
        budget = EventBudget.objects.get()
        assert (str(budget.total_budget_amount), str(budget.total_actual_amount)) == ("7570.000", "9037.850")
        assert budget.status == "active"
        over = budget.alerts.get(alert_type="over_budget")
        assert (over.acknowledged_by, str(over.utilization)) == (people["staff"], "119.39")
        decisions = BudgetDecision.objects.order_by("created_at", "version").values_list("action", "actor__name")
        assert list(decisions) == [
            ("submit", "Omid Karimi"),
            ("approve", "Marek Dvořák"),
            ("activate", "Omid Karimi"),
        ]
        assert BudgetLineItem.objects.count() == 20
        assert verify_ledger() == []


def test_a_line_is_edited_by_keyboard_alone(
    open_page: Callable[..., Any], account: Account, people: dict[str, User]
) -> None:
    page = open_page()
    sign_in(page, people["organizer"], "/import")
    page.get_by_label("Event").select_option(label=page.locator("#id_event option").last.inner_text())
    page.get_by_label("File").set_input_files(PLAN)
    page.get_by_role("button", name="Look at the file").click()
    page.get_by_role("button", name="Import 20 lines").click()
    page.wait_for_url("**/budgets/*")

    page.get_by_role("link", name="Edit Logo design").focus()
    page.keyboard.press("Enter")
    page.locator("tr.line--editing").get_by_label("Budgeted").focus()
    page.keyboard.press("Control+A")
    page.keyboard.type("125.50")
    page.keyboard.press("Enter")
    page.locator("#budget-summary", has_text="7,595.50").wait_for()
    # Focus is back where it was, so that the next line is one Tab away.
    expect(page.locator("[id^='line-']:focus")).to_be_visible()
