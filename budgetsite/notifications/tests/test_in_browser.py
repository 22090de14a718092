"""From a mail into the inbox and to one's choices, in a real browser, and out of a type by a press."""

from datetime import UTC, datetime

import pytest
from django.db import connections, transaction
from playwright.sync_api import expect

from budgetsite.accounts.roles import Role
from budgetsite.notifications.models import Notification
from budgetsite.notifications.selectors import choices_of
from budgetsite.notifications.services.mailing import send_due
from budgetsite.notifications.services.telling import Message, tell
from budgetsite.testing.mail import text_of
from budgetsite.testing.people import PASSWORD, make_member

pytestmark = pytest.mark.browser
NOW = datetime(2026, 7, 1, 12, tzinfo=UTC)


def fits(page):
    return page.evaluate("document.documentElement.scrollWidth <= window.innerWidth")


def choices(person):
    with transaction.atomic():
        return {each.notification_type: (each.in_inbox, each.mail_choice) for each in choices_of(person)}


@pytest.mark.parametrize("width", [1280, 375])
def test_a_mail_leads_into_the_inbox_to_ones_choices_and_out(open_page, site, account, mailbox, settings, width):
    settings.SITE_ADDRESS = site
    with transaction.atomic():
        person = make_member(account, Role.OWNER).user
        for number in range(3):
            told = Message(
                notification_type="budget_alerts",
                level="warning",
                title=f"Budget {number} is at 80 %",
                text="8,000.00 of 10,000.00 CAD are used, " + "unbreakable" * 12,
                path="/alerts/",
                dedup_key=str(number),
            )
            tell([(person.pk, told)], now=NOW)
    with connections["owner"].cursor() as cursor:
        cursor.execute("UPDATE notifications_mail SET due_at = now()")
    send_due(seconds=5)

    mail = open_page(width=width)
    mail.set_content(text_of(mailbox.only(), "html"))
    assert fits(mail)
    address = mail.get_by_role("link", name="Budget 1 is at 80 %").get_attribute("href")
    out = mail.get_by_role("link", name="No more mail about “Alerts about budgets”").get_attribute("href")

    page = open_page(width=width)
    page.goto(address)
    page.get_by_label("E-mail address").fill(person.email)
    page.get_by_label("Password").fill(PASSWORD)
    page.get_by_role("button", name="Sign in").click()
    page.wait_for_url("**/alerts/")
    with transaction.atomic():
        assert Notification.objects.get(dedup_key="1").read_at is not None

    page.locator("summary.menu__button:visible").last.click()
    page.get_by_role("link", name="Notifications").locator("visible=true").click()
    assert page.locator(".notification--unread").count() == 2
    assert fits(page)
    page.evaluate("window.notReloaded = true")
    # By keyboard: the focus goes on to the next.
    page.locator(".notification--unread").get_by_role("button", name="Mark as read").first.press("Enter")
    expect(page.locator(".notification--unread")).to_have_count(1)
    expect(page.locator(".notification").nth(1).get_by_role("link")).to_be_focused()
    expect(page.locator("#inbox-unread")).to_have_text("1 you have not read yet.")
    assert page.evaluate("window.notReloaded")
    page.get_by_role("button", name="Mark all as read").click()
    page.get_by_text("You have read everything.").wait_for()

    page.get_by_role("link", name="Choose what you are told").click()
    page.get_by_label("What waits for you: by mail").select_option("Once a week")
    page.get_by_label("Quiet from").fill("22:00")
    page.get_by_role("button", name="Keep my choices").click()
    page.get_by_text("Say this as well").first.wait_for()
    assert fits(page)
    page.get_by_label("Quiet until").fill("07:00")
    page.get_by_role("button", name="Keep my choices").click()
    page.get_by_text("Your choices are kept.").wait_for()
    assert choices(person)["approvals"] == (True, "weekly")

    # Without a sign-in.
    stranger = open_page(width=width)
    stranger.goto(out)
    assert choices(person)["budget_alerts"] == (True, "immediate")
    stranger.get_by_role("button", name="No more of this mail").click()
    stranger.get_by_text("You get no more of this mail").wait_for()
    assert choices(person)["budget_alerts"] == (True, "never")
