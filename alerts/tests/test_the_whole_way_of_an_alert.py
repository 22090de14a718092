"""The story of an alert, told at once by the API, a mail, a webhook and an open page: none at 100 %, one at 120, which
gets worse, is resolved, and a new one at 140.

PostgreSQL, Valkey, the web process, the mail server, the webhook's receiver and Chromium are real; what workers would
do is done by the test, so that it knows when it is done.
"""

import json
import re

import pytest
from django.db import connections, transaction
from playwright.sync_api import expect

from budgets.services.ledger_proof import verify_ledger
from budgetsite.accounts.roles import Role
from budgetsite.notifications.services.mailing import send_due as send_mails
from budgetsite.outbox.relay import relay_pending
from budgetsite.tenancy.scope import tenant_scope
from budgetsite.testing.mail import text_of
from budgetsite.testing.people import PASSWORD, make_account, make_member
from budgetsite.testing.visitor import Visitor
from budgetsite.webhooks.services.endpoint import create_endpoint
from budgetsite.webhooks.services.sending import send_due as send_webhooks

pytestmark = pytest.mark.browser

# For an open page to change, on a busy machine.
WAIT_MS = 20_000

EVENT = {
    "name": "Summer gala",
    "event_type": "CATERING",
    "event_date": "2026-12-15T14:00:00-05:00",
    "registration_start_date": "2026-06-01T00:00:00Z",
    "registration_end_date": "2026-12-01T00:00:00Z",
    "event_budget_amount": "10000.00",
}


class Story:
    """One account's organizer, everywhere where they hear of an alert."""

    def __init__(self, site, organizer, mailbox, receiver):
        self.mailbox, self.receiver = mailbox, receiver
        self.api = Visitor(site)
        assert self.api.take_token(organizer.email, PASSWORD).status == 200
        made = self.api.send("POST", "/api/v1/events", EVENT).json
        self.budget = made["budget_id"]
        self.lines = f"/api/v1/event-budgets/{self.budget}/line-items"
        hall = {"category": "Venue", "name": "Hall", "budgeted_amount": "10000.00", "version": 1}
        self.line = self.api.send("POST", self.lines, hall).json["id"]

    def spend_up_to(self, amount):
        path = f"{self.lines}/{self.line}"
        version = self.api.get(path).json["version"]
        answer = self.api.send("PATCH", path, {"actual_amount": amount, "version": version})
        assert answer.status == 200, answer.text
        self.let_workers_work()

    def let_workers_work(self):
        relay_pending(seconds=10)
        # As if the half minute was over in which what comes is gathered into one mail.
        with connections["owner"].cursor() as cursor:
            cursor.execute("UPDATE notifications_mail SET due_at = now() WHERE status = 'gathering'")
        send_mails(seconds=10)
        send_webhooks(seconds=10)

    def alerts(self):
        """What the API says of the budget's alerts, the newest first."""
        rows = self.api.get(f"/api/v1/budget-alerts?budget={self.budget}&alert_type=over_budget").json["results"]
        return [(row["utilization"], row["level"], row["resolved"]) for row in rows]

    def alert_id(self):
        return self.api.get(f"/api/v1/budget-alerts?budget={self.budget}&resolved=false").json["results"][0]["id"]

    def mails(self):
        """What the mails to each address say was spent, in the order of their coming."""
        said = {}
        for message in self.mailbox.messages:
            assert message["Subject"] == "Summer gala: over budget"
            said.setdefault(message["To"], []).extend(re.findall(r"[0-9,.]+ spent", text_of(message)))
        return said

    def hooks(self):
        """What the webhook's receiver has heard: what happened, and at what percentage."""
        heard = [json.loads(message.body) for message in self.receiver.heard]
        return [(each["type"], each["data"]["utilization"]) for each in heard]


def sign_in(page, person):
    page.goto("/sign-in")
    page.get_by_label("E-mail address").fill(person.email)
    page.get_by_label("Password").fill(PASSWORD)
    page.get_by_role("button", name="Sign in").click()
    page.wait_for_url(lambda address: "sign-in" not in address)


def test_an_alert_is_told_everywhere_and_once(open_page, site, account, mailbox, receiver, loopback_allowed, settings):
    settings.SITE_ADDRESS = site
    with transaction.atomic():
        owner, organizer = (make_member(account, role).user for role in (Role.OWNER, Role.ORGANIZER))
        create_endpoint(acting_user=owner, url=receiver.url, description="", kinds=["alert.*"])
    rival = make_account("Rival Events")
    with tenant_scope(rival.pk), transaction.atomic():
        stranger = make_member(rival, Role.OWNER).user
    owners = Visitor(site)
    owners.take_token(owner.email, PASSWORD)
    assert owners.send("POST", "/api/v1/alert-rules", {"alert_types": ["over_budget"]}).status == 201
    story = Story(site, organizer, mailbox, receiver)
    page, their_page = open_page(), open_page(width=375)
    sign_in(page, organizer)
    page.goto("/alerts/")
    sign_in(their_page, stranger)
    their_page.goto("/alerts/")

    seen = page.locator("#main")

    story.spend_up_to("10000.00")
    assert (story.alerts(), story.mails(), story.hooks()) == ([], {}, [])

    story.spend_up_to("12000.00")
    assert story.alerts() == [("120.00", "critical", False)]
    assert story.hooks() == [("alert.opened", "120.00")]
    assert story.mails() == {owner.email: ["12,000.00 spent"], organizer.email: ["12,000.00 spent"]}
    expect(seen).to_contain_text("2,000.00 CAD over budget: 12,000.00 spent of 10,000.00 (120.00%).", timeout=WAIT_MS)

    # Worse, of the same kind: the same alert, and no second mail.
    story.spend_up_to("13000.00")
    assert story.alerts() == [("130.00", "critical", False)]
    assert story.hooks()[1:] == [("alert.raised", "130.00")]
    assert story.mails() == {owner.email: ["12,000.00 spent"], organizer.email: ["12,000.00 spent"]}
    expect(seen).to_contain_text("13,000.00 spent of 10,000.00 (130.00%)", timeout=WAIT_MS)

    resolved = story.api.send("POST", f"/api/v1/budget-alerts/{story.alert_id()}/resolve", {"comment": "Agreed."})
    assert resolved.status == 200
    story.let_workers_work()
    assert story.alerts() == [("130.00", "critical", True)]
    assert story.hooks()[2:] == [("alert.resolved", "130.00")]
    expect(seen).not_to_contain_text("over budget", timeout=WAIT_MS)

    story.spend_up_to("14000.00")
    assert story.alerts() == [("140.00", "critical", False), ("130.00", "critical", True)]
    assert story.hooks()[3:] == [("alert.opened", "140.00")]
    both = ["12,000.00 spent", "14,000.00 spent"]
    assert story.mails() == {owner.email: both, organizer.email: both}
    expect(seen).to_contain_text("14,000.00 spent of 10,000.00 (140.00%)", timeout=WAIT_MS)

    # Workers that are started once more find nothing to do, and another account has heard nothing of all that.
    story.let_workers_work()
    assert (len(story.hooks()), len(mailbox.messages)) == (4, 4)
    expect(their_page.locator("#main")).not_to_contain_text("Summer gala")
    with transaction.atomic():
        assert verify_ledger() == []
