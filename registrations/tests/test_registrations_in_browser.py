"""Registering, deciding, checking in: a guest on a phone, the desk on a screen, the door on a phone."""

from collections.abc import Callable
from typing import Any

import pytest
from django.db import transaction

from budgetsite.accounts.models import Account, User
from budgetsite.accounts.roles import Role
from budgetsite.testing.people import PASSWORD, make_member
from budgetsite.testing.registrations import make_attendees, make_option
from registrations.models import EventOption, EventRegistration, WaitlistEntry
from registrations.tests.pages import address, approve_now, ask_now, open_now

pytestmark = pytest.mark.browser

PRESSED = "main .button, main .offer, main select, main .door__row input, main input[type=number]"


@pytest.fixture
def people(site: str, account: Account) -> dict[str, User]:
    with transaction.atomic():
        return {
            role: make_member(account, Role(role), name=name).user
            for role, name in (("owner", "Olga Owens"), ("organizer", "Omid Karimi"), ("attendee", "Aiko Tanaka"))
        }


def sign_in(page: Any, user: User, path: str) -> None:
    page.goto(f"/sign-in?next={path}")
    page.get_by_label("E-mail address").fill(user.email)
    page.get_by_label("Password").fill(PASSWORD)
    page.get_by_role("button", name="Sign in").click()
    page.wait_for_url(f"**{path}")


def fits(page: Any) -> bool:
    """Whether nothing has to be scrolled sideways, and what a finger presses in the page is 44 px high."""
    small = page.evaluate(
        f"[...document.querySelectorAll('{PRESSED}')].filter(e => e.offsetHeight && e.offsetHeight < 44)"
        ".map(e => e.outerHTML.slice(0, 80))"
    )
    assert small == []
    return bool(page.evaluate("document.documentElement.scrollWidth <= window.innerWidth"))


def test_on_a_phone_a_guest_is_refused_with_alternatives_queues_and_takes_another(
    open_page: Callable[..., Any], account: Account, people: dict[str, User]
) -> None:
    with transaction.atomic():
        event = open_now(account, people["organizer"])
        full = make_option(event, people["organizer"], option_name="Workshop", option_type="TRACK", total_available=1)
        make_option(event, people["organizer"], option_name="Lecture", option_type="TRACK", total_available=5)
        ask_now(event, people["owner"], full)
    page = open_page(width=375, height=800)
    sign_in(page, people["attendee"], address("event", event))
    assert fits(page)

    page.get_by_label("Workshop").check()
    page.get_by_role("button", name="Register", exact=True).click()
    refusal = page.get_by_role("alert")
    assert "Workshop: none left." in refusal.inner_text()
    assert fits(page)
    refusal.get_by_role("button", name="Join the queue").click()
    page.get_by_role("heading", name="You are in the queue").wait_for()
    assert "number 1 in the queue" in page.locator("main").inner_text()

    page.get_by_label("Workshop").check()
    page.get_by_role("button", name="Register", exact=True).click()
    page.get_by_role("alert").get_by_role("button", name="Lecture · 5 places left").click()
    page.get_by_role("heading", name="Lecture").wait_for()
    code = page.get_by_alt_text("The code that is scanned at the door")
    assert code.evaluate("image => image.decode().then(() => image.width)") >= 250
    assert fits(page)

    with transaction.atomic():
        assert EventRegistration.objects.get(user=people["attendee"]).event_option.option_name == "Lecture"
        assert WaitlistEntry.objects.get().user == people["attendee"]


@pytest.mark.parametrize("width", [1280, 375])
def test_the_desk_approves_in_place_and_many_after_a_look(
    open_page: Callable[..., Any], account: Account, people: dict[str, User], width: int
) -> None:
    with transaction.atomic():
        event = open_now(account, people["organizer"], total="25")
        option = make_option(event, people["organizer"])
        for number in range(3):
            ask_now(event, make_member(account, Role.ATTENDEE, name=f"Guest {number}").user, option)
    page = open_page(width=width)
    sign_in(page, people["organizer"], address("desk", event))
    assert "short by 5.00" in page.locator("#desk-figures").inner_text()
    assert page.evaluate("document.documentElement.scrollWidth <= window.innerWidth")

    page.evaluate("window.notReloaded = true")
    page.get_by_role("button", name="Approve Guest 0").press("Enter")
    row = page.locator("tr", has_text="Guest 0")
    row.get_by_text("Approved").wait_for()
    page.locator("#desk-figures", has_text="If all 2 waiting were approved").wait_for()
    assert page.evaluate("window.notReloaded") is True

    page.get_by_role("link", name="Tick all who wait").click()
    page.get_by_role("button", name="Approve ticked").click()
    assert "1 can't be approved" in page.locator("main").inner_text()
    with transaction.atomic():
        assert EventOption.objects.get().approved_count == 1
    page.get_by_role("button", name="Approve 1").click()
    page.locator("#messages").get_by_text("1 approved.").wait_for()

    with transaction.atomic():
        assert EventOption.objects.get().approved_count == 2


def test_more_than_a_hundred_are_approved_without_a_second_press(
    open_page: Callable[..., Any], account: Account, people: dict[str, User]
) -> None:
    with transaction.atomic():
        event = open_now(account, people["organizer"])
        for guest in make_attendees(account, 101):
            ask_now(event, guest)
    page = open_page(width=375, height=800)
    sign_in(page, people["organizer"], address("desk", event))

    page.get_by_role("link", name="Approve all 101 waiting").click()
    assert fits(page)
    # Nothing is pressed after this: the page that says "100 of 101" goes on by itself.
    page.get_by_role("button", name="Approve all 101").press("Enter")
    page.get_by_role("heading", name="101 approved").wait_for()

    assert page.locator("#run :focus").inner_text() == "101 approved"
    with transaction.atomic():
        assert EventRegistration.objects.filter(status="APPROVED").count() == 101


def test_at_the_door_a_scanner_types_again_and_again_and_a_name_is_found_on_a_phone(
    open_page: Callable[..., Any], account: Account, people: dict[str, User]
) -> None:
    with transaction.atomic():
        event = open_now(account, people["organizer"])
        guests = [
            approve_now(ask_now(event, make_member(account, Role.ATTENDEE, name=name).user), event, people["owner"])
            for name in ("Ada Lovelace", "Ben Sahar")
        ]
    page = open_page(width=375, height=800)
    sign_in(page, people["organizer"], address("check_in", event))
    assert fits(page)

    # The field has the focus before and after each scan; nobody touches the screen.
    for expected in ("Welcome", "Collected before"):
        page.locator("#id_code:focus").wait_for()
        page.keyboard.type(f"https://budgets.example{address('scanned', guests[0].qr_token)}")
        page.keyboard.press("Enter")
        page.get_by_role("heading", name=expected).wait_for()
    assert "1 of 2 collected" in page.locator("#door").inner_text()
    assert "by Omid Karimi" in page.get_by_role("alert").inner_text()

    page.locator("#id_code:focus").wait_for()
    page.keyboard.type("sahar")
    page.keyboard.press("Enter")
    page.get_by_role("button", name="Check in Ben Sahar").click()
    page.get_by_role("heading", name="Welcome").wait_for()
    assert fits(page)

    page.get_by_role("link", name="Take it back").click()
    page.get_by_label("Reason").fill("Pressed the wrong name")
    page.get_by_role("button", name="Take it back").click()
    page.locator("#door", has_text="1 of 2 collected").wait_for()
    with transaction.atomic():
        assert [row.user.name for row in EventRegistration.objects.exclude(collected_at=None)] == ["Ada Lovelace"]
