"""At the door: handed out once, told who and when, taken back with a reason."""

import pytest

from budgetsite.accounts.roles import Role
from budgetsite.outbox.models import OutboxEvent
from budgetsite.tenancy.scope import tenant_scope
from budgetsite.testing.people import make_member
from budgetsite.testing.registrations import NOW, ask, make_open_event, make_option
from registrations.models import CheckIn
from registrations.tests.registrations import (
    approved,
    assert_sound,
    at,
    client_of,
    guest,
    option_now,
    registration_now,
)


@pytest.fixture
def event(account, owner):
    return make_open_event(account, owner)


@pytest.fixture
def option(event, owner):
    return make_option(event, owner)


@pytest.fixture
def row(account, owner, event, option):
    return approved(ask(event, guest(account), option), event, owner)


@pytest.fixture
def door(owner, account):
    return client_of(owner, account)


def scan(client, event, token, **fields):
    with at(NOW):
        return client.post(f"/events/{event.pk}/check-in", {"qr_token": token, **fields})


def results():
    return list(CheckIn.objects.order_by("created_at").values_list("result", flat=True))


def test_a_scan_hands_out_once_and_the_second_says_when_and_by_whom(door, event, option, row):
    first, second = scan(door, event, row.qr_token), scan(door, event, row.qr_token)
    assert (first.status, first.json["result"]) == (200, "SUCCESS")
    assert second.json["result"] == "ALREADY_COLLECTED"
    for answer in (first, second):
        assert answer.json["collected_at"] == "2026-06-20T09:00:00Z"
        assert answer.json["collected_by"] == "The owner"
        assert answer.json["registration"]["id"] == str(row.pk)
        assert answer.json["registration"]["user_name"] == "The attendee"
        assert answer.json["registration"]["option_name"] == "Event Mug"
    assert option_now(option).collected_count == 1
    assert OutboxEvent.objects.filter(kind="registration.collected").count() == 1
    assert_sound()


def test_what_is_not_approved_or_not_known_is_said(account, door, event, option):
    waiting = ask(event, guest(account), option)
    assert scan(door, event, waiting.qr_token).json["result"] == "NOT_APPROVED"
    unknown = scan(door, event, "nothing like it")
    assert unknown.json == {"result": "NOT_FOUND", "registration": None, "collected_at": None, "collected_by": None}
    assert sorted(results()) == ["NOT_APPROVED", "NOT_FOUND"]
    assert option_now(option).collected_count == 0


def test_the_code_of_another_event_is_not_known(account, owner, door, event, row):
    other = make_open_event(account, owner)
    assert scan(door, other, row.qr_token).json["result"] == "NOT_FOUND"
    assert registration_now(row).collected_at is None


def test_the_same_scan_sent_again_is_one_check_in(door, event, row):
    answers = [scan(door, event, row.qr_token, nonce="scan-1") for _ in range(3)]
    assert [answer.json["result"] for answer in answers] == ["SUCCESS"] * 3
    assert scan(door, event, row.qr_token, nonce="scan-2").json["result"] == "ALREADY_COLLECTED"
    assert sorted(results()) == ["ALREADY_COLLECTED", "SUCCESS"]


def test_a_scans_number_with_another_code_lets_nobody_in(account, owner, door, event, option, row):
    other = approved(ask(event, guest(account), option), event, owner)
    scan(door, event, row.qr_token, nonce="scan-1")
    scan(door, event, "nothing like it", nonce="scan-2")
    for nonce in ("scan-1", "scan-2"):
        again = scan(door, event, other.qr_token, nonce=nonce)
        assert (again.status, again.codes) == (409, ["nonce_used"])
    assert scan(door, event, "nothing like it", nonce="scan-2").json["result"] == "NOT_FOUND"
    assert registration_now(other).collected_at is None
    assert option_now(option).collected_count == 1
    assert scan(door, event, other.qr_token, nonce="scan-3").json["result"] == "SUCCESS"
    assert_sound()


def test_a_check_in_is_taken_back_with_a_reason(door, event, option, row):
    scan(door, event, row.qr_token)
    path = f"/events/{event.pk}/registrations/{row.pk}/undo-check-in"
    assert door.post(path, {"reason": "  "}).fields == {"reason": "reason_required"}
    assert option_now(option).collected_count == 1
    answer = door.post(path, {"reason": "Wrong person"})
    assert (answer.status, answer.json["collected_at"], answer.json["status"]) == (200, None, "APPROVED")
    assert option_now(option).collected_count == 0
    assert CheckIn.objects.get(result="UNDONE").reason == "Wrong person"
    assert door.post(path, {"reason": "Again"}).codes == ["not_collected"]
    assert scan(door, event, row.qr_token).json["result"] == "SUCCESS"
    assert_sound()


def test_a_scan_sent_again_after_its_check_in_was_taken_back_lets_nobody_in(door, event, option, row):
    scan(door, event, row.qr_token, nonce="scan-1")
    door.post(f"/events/{event.pk}/registrations/{row.pk}/undo-check-in", {"reason": "Wrong person"})
    again = scan(door, event, row.qr_token, nonce="scan-1")
    assert (again.status, again.codes) == (409, ["scan_taken_back"])
    assert registration_now(row).collected_at is None
    assert option_now(option).collected_count == 0
    assert results() == ["SUCCESS", "UNDONE"]
    assert scan(door, event, row.qr_token, nonce="scan-2").json["result"] == "SUCCESS"
    # Let in anew: the first scan's number still stands for what was taken back.
    assert scan(door, event, row.qr_token, nonce="scan-1").codes == ["scan_taken_back"]
    assert_sound()


@pytest.mark.parametrize("status", ["CANCELLED", "REJECTED"])
def test_what_was_collected_can_not_be_taken_back_by_its_status(door, event, row, status):
    scan(door, event, row.qr_token)
    with at(NOW):
        answer = door.put(f"/events/{event.pk}/registrations/{row.pk}", {"status": status})
    assert (answer.status, answer.codes) == (409, ["already_collected"])
    assert registration_now(row).status == "APPROVED"


def test_a_registration_without_option_is_counted_at_the_desk(account, owner, door, event):
    row = approved(ask(event, guest(account)), event, owner)
    assert scan(door, event, row.qr_token).json["result"] == "SUCCESS"
    report = door.get(f"/events/{event.pk}/budget-variance").json
    assert report["collected_registrations_count"] == 1
    assert_sound()


def test_guests_and_strangers_scan_nothing(account, other_account, event, row):
    assert scan(client_of(row.user, account), event, row.qr_token).status == 403
    with tenant_scope(other_account.pk):
        rival = make_member(other_account, Role.OWNER).user
        own = make_open_event(other_account, rival)
    client = client_of(rival, other_account)
    assert scan(client, event, row.qr_token).status == 404
    assert scan(client, own, row.qr_token).json["result"] == "NOT_FOUND"
    assert registration_now(row).collected_at is None
    assert CheckIn.objects.count() == 0
