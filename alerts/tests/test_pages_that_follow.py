"""Open pages follow what happens, in a real browser: in every tab of those who may see it, by one connection for all of
them, whatever somebody is typing meanwhile, and after the server, or the stream, was away.

What workers would do is done by the test, so that it knows when it is done.
"""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal
from itertools import pairwise
from typing import Any

import pytest
from django.conf import settings
from django.db import transaction
from playwright.sync_api import expect

from alerts.services.reactions import acknowledge_alerts
from budgets.models import BudgetLineItem, EventBudget
from budgets.services.line_item import update_line_item
from budgetsite.accounts.models import Account, User
from budgetsite.accounts.roles import Role
from budgetsite.outbox.relay import relay_pending
from budgetsite.tenancy.scope import tenant_scope
from budgetsite.testing.browser import WebServer
from budgetsite.testing.budgets import make_budget, make_event, make_line, move
from budgetsite.testing.expenses import make_expense
from budgetsite.testing.people import make_account, make_member, sign_in

pytestmark = pytest.mark.browser

# For an open page to change, on a busy machine.
WAIT_MS = 20_000
NOW = datetime(2026, 7, 1, 12, tzinfo=UTC)
OVER = "2,000.00 CAD over budget"
NOTE_UPDATES = """
    window.saidAt = [];
    const word = document.querySelector(".live-word");
    new MutationObserver(() => { if (word.textContent === "Updated.") window.saidAt.push(Date.now()); })
        .observe(word, { childList: true });
"""


@dataclass
class Team:
    """An account with an active budget of 3,000, and what its manager does while others look."""

    account: Account
    organizer: User
    manager: User
    budget: EventBudget

    @property
    def path(self) -> str:
        return f"/budgets/{self.budget.pk}"

    def spend(self, amount: str, *, on: str = "Flowers") -> None:
        with tenant_scope(self.account.pk, user_id=self.manager.pk), transaction.atomic():
            line = BudgetLineItem.objects.get(budget=self.budget, name=on)
            make_expense(
                self.budget, self.manager, role=Role.MANAGER, line_item=line, amount=Decimal(amount), stage="invoiced"
            )
        relay_pending(seconds=10)

    def set_actual(self, amount: str, *, of: str) -> None:
        with tenant_scope(self.account.pk, user_id=self.manager.pk), transaction.atomic():
            line = BudgetLineItem.objects.get(budget=self.budget, name=of)
            update_line_item(
                budget_id=self.budget.pk,
                line_item_id=line.pk,
                version=line.version,
                acting_user=self.manager,
                actual_amount=Decimal(amount),
            )
        relay_pending(seconds=10)

    def acknowledge_all(self) -> None:
        with tenant_scope(self.account.pk, user_id=self.manager.pk), transaction.atomic():
            alerts = self.budget.alerts.filter(resolved=False, is_acknowledged=False).values_list("pk", flat=True)
            acknowledge_alerts(alert_ids=list(alerts), acting_user=self.manager, now=NOW)
        relay_pending(seconds=10)


def make_team(account: Account, event_name: str) -> Team:
    with tenant_scope(account.pk), transaction.atomic():
        organizer = make_member(account, Role.ORGANIZER).user
        manager = make_member(account, Role.MANAGER).user
        budget = make_budget(account, organizer, total="3000", event=make_event(account, organizer, name=event_name))
        for name, amount in (("Hall", "2000"), ("Flowers", "1000")):
            make_line(budget, organizer, name=name, budgeted_amount=Decimal(amount))
        for action, user, role in (
            ("submit", organizer, Role.ORGANIZER),
            ("approve", manager, Role.MANAGER),
            ("activate", manager, Role.MANAGER),
        ):
            move(budget, action, user=user, role=role, account=account)
    relay_pending(seconds=10)
    return Team(account, organizer, manager, budget)


@pytest.fixture
def team(site: str, account: Account) -> Team:
    return make_team(account, "Summer gala")


class Window:
    """A browser of somebody who is signed in, with what its pages have asked for."""

    def __init__(self, page: Any, site: str, person: User, account: Account) -> None:
        self.page = page
        self.asked: list[Any] = []
        page.context.on("request", self._note)
        session = sign_in(person, account).cookies[settings.SESSION_COOKIE_NAME].value
        page.context.add_cookies([{"name": settings.SESSION_COOKIE_NAME, "value": session, "url": site}])

    def _note(self, request: Any) -> None:
        self.asked.append(request)

    def open(self, path: str, page: Any = None) -> Any:
        page = page or self.page
        page.goto(path)
        page.evaluate("window.notReloaded = true")
        return page

    def streams(self) -> list[Any]:
        return [asked for asked in self.asked if "/api/v1/stream" in asked.url and "poll=" not in asked.url]

    def polls(self) -> list[Any]:
        return [asked for asked in self.asked if "poll=true" in asked.url]

    def readings(self) -> list[Any]:
        return [asked for asked in self.asked if "live-refresh" in asked.headers]


def count_of(page: Any, what: str) -> Any:
    """The count beside an entry of the navigation, wherever it stands at this width."""
    return page.locator(f"[data-counter='{what}'] .count").first


def test_what_a_colleague_does_appears_in_every_tab_and_spares_what_is_being_typed(
    open_page: Callable[..., Any], site: str, team: Team
) -> None:
    strangers = make_team(make_account("Rival Feasts"), "Winter gala")
    window = Window(open_page(width=375), site, team.organizer, team.account)
    rival = Window(open_page(), site, strangers.organizer, strangers.account)
    budget_page = window.open(team.path)
    alerts_page = window.page.context.new_page()
    alerts_page.set_viewport_size({"width": 1280, "height": 900})
    window.open("/alerts/", alerts_page)
    rival_page = rival.open(strangers.path)
    expect(alerts_page.get_by_text("Nothing waits for you")).to_be_visible()
    alerts_page.evaluate(NOTE_UPDATES)

    budget_page.get_by_role("link", name="Edit Hall").click()
    typed = budget_page.locator("tr.line--editing").get_by_label("Actual")
    typed.fill("77")
    team.spend("5000")

    # What is new is marked for a while.
    budget_page.wait_for_selector("#verdict .live-changed, #verdict.live-changed", timeout=WAIT_MS)
    expect(budget_page.locator("#verdict")).to_contain_text("2,000.00", timeout=WAIT_MS)
    expect(budget_page.locator("#budget-alerts")).to_contain_text(OVER)
    expect(budget_page.locator("tr.line", has_text="Flowers")).to_contain_text("5,000.00")
    expect(budget_page.get_by_role("status").filter(has_text="Updated.")).to_have_count(1)
    expect(alerts_page.locator("#alerts")).to_contain_text(OVER, timeout=WAIT_MS)
    waiting = alerts_page.locator("#alerts > li").count()
    for page in (budget_page, alerts_page):
        expect(count_of(page, "alerts")).to_have_text(f"{waiting} waiting", timeout=WAIT_MS)
    assert (typed.input_value(), budget_page.locator(".live-meanwhile").count()) == ("77", 0)
    expect(typed).to_be_focused()

    # The very line that is being edited; and somebody is about to press a button beside what changes.
    button = alerts_page.get_by_role("button", name="Acknowledge").first
    button.focus()
    before = alerts_page.locator("#alerts").inner_text()
    team.set_actual("300", of="Hall")
    meanwhile = budget_page.locator(".live-meanwhile")
    expect(meanwhile).to_contain_text("This has changed meanwhile.", timeout=WAIT_MS)
    expect(budget_page.locator("#budget-summary")).to_contain_text("5,300.00")
    expect(typed).to_be_focused()
    assert typed.input_value() == "77"
    assert budget_page.evaluate("document.documentElement.scrollWidth <= window.innerWidth")
    asked = []
    budget_page.on("dialog", lambda dialog: (asked.append(dialog.message), dialog.accept()))
    meanwhile.get_by_role("button", name="Show it").press("Enter")
    expect(budget_page.locator("tr.line", has_text="Hall")).to_contain_text("300.00")
    expect(meanwhile).to_have_count(0)
    assert asked == ["You have unsaved edits here. Leave them and show what is there now?"]

    expect(alerts_page.locator("#alerts")).not_to_have_text(before, timeout=WAIT_MS)
    expect(button).to_be_focused()

    # Whoever answers by keyboard goes on at the next one.
    rows = alerts_page.locator("#alerts > li")
    left = rows.count() - 1
    button.press("Enter")
    expect(rows).to_have_count(left)
    expect(rows.first.locator(".row-link")).to_be_focused()

    # What goes away goes away, the counts with it.
    team.acknowledge_all()
    expect(alerts_page.get_by_text("Nothing waits for you")).to_be_visible(timeout=WAIT_MS)
    for page in (budget_page, alerts_page):
        expect(count_of(page, "alerts")).to_have_count(0, timeout=WAIT_MS)
        assert page.evaluate("window.notReloaded") is True

    # Whoever has it read to them does not hear of each change.
    said = alerts_page.evaluate("window.saidAt")
    assert said
    assert all(later - earlier > 14_000 for earlier, later in pairwise(said))

    assert len(window.streams()) == 1
    assert len(window.readings()) >= 4
    assert len(rival.streams()) == 1
    assert rival.readings() == []
    expect(rival_page.locator("#verdict")).to_contain_text("available")

    # The tab that listened goes: the other one goes on.
    budget_page.close()
    team.set_actual("2500", of="Hall")
    expect(alerts_page.locator("#alerts")).to_contain_text("“Hall” is 500.00 CAD over", timeout=WAIT_MS)
    assert len(window.streams()) == 2


def test_pages_follow_without_the_stream_and_after_the_server_was_killed(
    open_page: Callable[..., Any], site: str, web_process: WebServer, team: Team
) -> None:
    without = Window(open_page(), site, team.organizer, team.account)
    without.page.context.route(
        "**/api/v1/stream**",
        lambda route: route.continue_() if "poll=true" in route.request.url else route.abort(),
    )
    polling_page = without.open(team.path)
    window = Window(open_page(), site, team.manager, team.account)
    with window.page.expect_response("**/api/v1/stream**"):
        page = window.open("/")
    back_office = window.open("/admin/", window.page.context.new_page())
    team.spend("1200")
    expect(page.locator("main")).to_contain_text("200.00 CAD over", timeout=WAIT_MS)
    expect(polling_page.locator("#budget-alerts")).to_contain_text("200.00 CAD over", timeout=WAIT_MS)
    assert len(without.polls()) >= 1

    web_process.kill_worker()
    team.spend("3800")
    expect(page.locator("main h1")).to_contain_text("Summer gala is over budget", timeout=WAIT_MS)
    expect(back_office.locator("#panels")).to_contain_text("2,000.00 over budget", timeout=WAIT_MS)
    assert page.evaluate("window.notReloaded") is True
    assert len(window.streams()) >= 2

    # Who is signed out meanwhile is told once, and left alone.
    window.page.context.clear_cookies()
    team.set_actual("2100", of="Hall")
    expect(page.get_by_text("You are signed out")).to_be_visible(timeout=WAIT_MS)
    expect(page.locator("main h1")).to_contain_text("Summer gala is over budget")
