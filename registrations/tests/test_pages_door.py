import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from budgetsite.accounts.roles import Role
from budgetsite.testing.people import make_member, sign_in
from budgetsite.testing.registrations import make_attendees
from registrations.models import CheckIn, EventRegistration
from registrations.tests.pages import HTMX, address, approve_now, ask_now, open_now, words

NONCE = "0123456789abcdef0123456789abcdef"


@pytest.fixture
def event(account, organizer):
    return open_now(account, organizer)


@pytest.fixture
def guests(account, event, owner):
    return [approve_now(ask_now(event, guest), event, owner) for guest in make_attendees(account, 2)]


@pytest.fixture
def client(account, organizer):
    return sign_in(organizer, account)


def collected():
    return EventRegistration.objects.exclude(collected_at=None).count()


def test_a_scanned_address_or_token_checks_in_once_and_a_second_scan_says_when_and_by_whom(
    client, event, guests, organizer
):
    code = f"https://budgets.example{address('scanned', guests[0].qr_token)}"

    first = client.post(address("check_in", event), {"code": code}, headers=HTMX)
    assert "Welcome Guest 1" in words(first)
    assert "1 of 2 collected" in words(first)
    second = client.post(address("check_in", event), {"code": guests[0].qr_token})

    assert "Collected before Guest 1" in words(second)
    assert f"by {organizer}" in words(second)
    assert collected() == 1


def test_the_same_form_sent_twice_is_one_scan_and_another_code_in_it_is_another(client, event, guests):
    for guest in (guests[0], guests[0], guests[1]):
        answer = client.post(address("check_in", event), {"code": guest.qr_token, "nonce": NONCE})
        assert "Welcome" in words(answer)

    assert collected() == 2
    assert CheckIn.objects.count() == 2


def test_a_name_finds_people_and_one_press_checks_in(client, event, guests):
    found = client.post(address("check_in", event), {"code": "guest 2"})
    assert [str(row.user) for row in found.context["found"]] == ["Guest 2"]
    assert collected() == 0
    done = client.post(address("check_in", event), {"registration": str(guests[1].pk)})

    assert "Welcome Guest 2" in words(done)
    assert "Nobody approved has this name or code" in words(client.post(address("check_in", event), {"code": "Zoë"}))
    assert client.post(address("check_in", event), {"registration": "x"}).status_code == 404
    # What PostgreSQL can't even be asked for.
    assert "Nobody approved has this name or code" in words(client.post(address("check_in", event), {"code": "Z\0ö"}))
    assert client.get("/check-in/%00").status_code == 404
    assert collected() == 1


def test_unknown_codes_and_those_who_wait_get_nothing(client, account, event, guests):
    waiting = ask_now(event, make_member(account, Role.ATTENDEE, name="Vera").user)

    assert "Not known here" in words(client.post(address("check_in", event), {"code": "A" * 32}))
    assert "Not approved Vera" in words(client.post(address("check_in", event), {"code": waiting.qr_token}))
    assert collected() == 0


def test_a_check_in_is_taken_back_with_a_reason_only(client, event, guests):
    client.post(address("check_in", event), {"code": guests[0].qr_token})

    refused = client.post(address("check_in_undo", event, guests[0]), {"reason": ""})
    assert (refused.status_code, collected()) == (422, 1)
    client.post(address("check_in_undo", event, guests[0]), {"reason": "Wrong person"})

    assert collected() == 0
    assert CheckIn.objects.get(result="UNDONE").reason == "Wrong person"


def test_a_form_sent_again_after_its_check_in_was_taken_back_welcomes_nobody(client, event, guests):
    at_door, opened = address("check_in", event), address("scanned", guests[0].qr_token)
    form = {"code": guests[0].qr_token, "nonce": NONCE}
    client.post(at_door, form)
    client.post(address("check_in_undo", event, guests[0]), {"reason": "Wrong person"})

    assert "Nobody was let in This check-in was taken back" in words(client.post(at_door, form, headers=HTMX))
    again = client.post(opened, {"nonce": NONCE}, follow=True)
    assert "This check-in was taken back" in words(again)
    assert collected() == 0


def test_a_camera_opens_the_code_and_only_a_press_checks_in(client, event, guests):
    path = address("scanned", guests[0].qr_token)

    page = client.get(path)
    assert "Guest 1" in words(page)
    assert collected() == 0
    done = client.post(path)

    assert "Welcome Guest 1" in words(done)
    assert collected() == 1
    assert 'type="submit" class="button button--primary button--wide"' not in client.get(path).content.decode()


def test_a_code_shows_its_owner_their_ticket_and_nobody_else_anything(account, event, guests):
    path = address("scanned", guests[0].qr_token)
    owner, stranger = (sign_in(registration.user, account) for registration in guests)

    assert owner.get(path).url == address("ticket", guests[0])
    assert owner.post(path).status_code == 404
    assert stranger.get(path).status_code == 404
    assert stranger.post(path).status_code == 404
    # Who runs another event learns nothing either.
    other = sign_in(make_member(account, Role.ORGANIZER).user, account)
    assert other.get(path).status_code == 404
    assert other.post(path).status_code == 404
    assert collected() == 0


def test_the_list_for_paper_has_everybody_approved(client, account, event, guests):
    ask_now(event, make_member(account, Role.ATTENDEE, name="Vera").user)

    page = words(client.get(address("manual_list", event)))

    assert "Guest 1" in page
    assert "Guest 2" in page
    assert "Vera" not in page


def test_the_list_for_paper_tells_namesakes_apart_and_costs_the_same_however_long(
    client, account, event, guests, owner
):
    assert guests[0].user.email not in words(client.get(address("manual_list", event)))
    with CaptureQueriesContext(connection) as two:
        client.get(address("manual_list", event))
    namesake = make_member(account, Role.ATTENDEE, name="Guest 1").user
    approve_now(ask_now(event, namesake), event, owner)

    with CaptureQueriesContext(connection) as three:
        page = words(client.get(address("manual_list", event)))

    assert len(three) == len(two)
    emails = [guests[0].user.email, namesake.email, guests[1].user.email]
    assert [email in page for email in emails] == [True, True, False]


def test_an_empty_door_says_what_to_do(client, event):
    assert "0 of 0 collected" in words(client.get(address("check_in", event)))
    assert "Nobody is approved yet" in words(client.get(address("manual_list", event)))
