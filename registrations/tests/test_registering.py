"""Asking for a place over the API: what is stored, what is refused, and that a refusal stores nothing."""

from datetime import timedelta
from decimal import Decimal
from uuid import uuid4

import pytest

from budgetsite.accounts.roles import Role
from budgetsite.outbox.models import OutboxEvent
from budgetsite.tenancy.scope import tenant_scope
from budgetsite.testing.people import make_member
from budgetsite.testing.registrations import NOW, ask, make_open_event, make_option
from registrations.models import EventRegistration
from registrations.services.problems import RegistrationConflict
from registrations.services.registration import cancel
from registrations.tests.registrations import (
    approved,
    assert_sound,
    at,
    client_of,
    committed,
    everything_of,
    guest,
    option_now,
    slots_of,
)


@pytest.fixture
def event(account, owner):
    return make_open_event(account, owner)


@pytest.fixture
def option(event, owner):
    return make_option(event, owner, total_available=5)


@pytest.fixture
def visitor(account):
    return client_of(guest(account, name="Ana O'Brien"), account)


def register(client, event, body=None, *, now=NOW):
    with at(now):
        return client.post(f"/events/{event.pk}/register", body or {})


def test_a_request_waits_and_holds_place_and_slot(visitor, event, option):
    slot = slots_of(event)[2]
    answer = register(
        visitor,
        event,
        {
            "event_id": str(event.pk),
            "event_option_id": str(option.pk),
            "preferred_pickup_slot": "2026-07-15 10:00-11:00",
            "party_size": 2,
            "notes": "<b>By bike</b>",
        },
    )
    assert answer.status == 201
    stored = EventRegistration.objects.get()
    expected = {
        "id": str(stored.pk),
        "user_name": "Ana O'Brien",
        "status": "PENDING",
        "party_size": 2,
        "preferred_pickup_slot": "2026-07-15 10:00-11:00",
        "preferred_pickup_slot_id": str(slot.pk),
        "assigned_pickup_slot": None,
        "quoted_cost": "10.00",
        "amount_committed": "0.00",
        "notes": "<b>By bike</b>",
        "approved_at": None,
        "approved_by": None,
        "collected_at": None,
    }
    assert expected.items() <= answer.json.items()
    # 192 bits in base 64.
    assert len(answer.json["qr_token"]) == 32
    option = option_now(option)
    assert (option.held_count, option.pending_count, option.pending_places, option.available_slots) == (2, 1, 2, 3)
    assert slots_of(event)[2].booked == 2
    assert committed(event) == 0
    assert OutboxEvent.objects.filter(kind="registration.requested", subject_id=stored.pk).count() == 1
    assert_sound()


def test_a_registration_may_name_nothing(visitor, event):
    assert register(visitor, event).status == 201
    assert_sound()


def test_asking_may_hold_nothing(account, owner):
    event = make_open_event(account, owner, pending_holds=False)
    option = make_option(event, owner, total_available=1)
    for _ in range(3):
        ask(event, guest(account), option)
    option = option_now(option)
    assert (option.held_count, option.pending_places, option.available_slots) == (0, 3, 1)
    assert_sound()


def test_with_all_places_held_the_next_is_refused_until_some_cancel(account, owner, event):
    option = make_option(event, owner, total_available=50, cost_per_unit=Decimal(0))
    asked = [ask(event, guest(account), option) for _ in range(50)]
    with pytest.raises(RegistrationConflict) as refusal:
        ask(event, guest(account), option)
    assert refusal.value.conflict_type == "INVENTORY_EXHAUSTED"
    for row in asked[:5]:
        cancel(registration_id=row.pk, event=event, acting_user=row.user, now=NOW)
    for _ in range(5):
        ask(event, guest(account), option)
    with pytest.raises(RegistrationConflict):
        ask(event, guest(account), option)
    assert_sound()


@pytest.mark.parametrize(
    ("moment", "status"),
    [
        (NOW - timedelta(days=10, microseconds=1), 409),
        (NOW - timedelta(days=10), 201),
        (NOW + timedelta(days=10), 201),
        (NOW + timedelta(days=10, microseconds=1), 409),
    ],
)
def test_the_window_is_inclusive_at_both_ends(visitor, event, moment, status):
    answer = register(visitor, event, now=moment)
    assert answer.status == status
    if status == 409:
        assert answer.json["conflict_type"] == "REGISTRATION_CLOSED"
        assert EventRegistration.objects.count() == 0


def test_a_second_request_of_the_same_person_is_refused(visitor, event, option):
    first = register(visitor, event, {"event_option_id": str(option.pk)})
    before = everything_of(event)
    again = register(visitor, event, {"event_option_id": str(option.pk)})
    assert (again.status, again.codes) == (409, ["already_registered"])
    assert again.json["registration_id"] == first.json["id"]
    assert everything_of(event) == before


def test_who_asks_twice_for_the_last_place_is_told_that_they_have_it(account, visitor, event, owner):
    last = make_option(event, owner, option_name="Last mug", total_available=1)
    first = register(visitor, event, {"event_option_id": str(last.pk)})
    again = register(visitor, event, {"event_option_id": str(last.pk)})
    assert (again.status, again.codes) == (409, ["already_registered"])
    assert again.json["registration_id"] == first.json["id"]
    somebody_else = register(client_of(guest(account), account), event, {"event_option_id": str(last.pk)})
    assert somebody_else.codes == ["INVENTORY_EXHAUSTED"]
    assert_sound()


def test_the_list_by_slot_has_who_wants_it_and_who_was_given_it(account, owner, event, option):
    first, second = slots_of(event)[:2]
    wants = ask(event, guest(account), option, slot_id=first.pk)
    has = approved(ask(event, guest(account), option, slot_id=second.pk), event, owner, assigned_slot_id=first.pk)
    organizer = client_of(owner, account)
    rows = organizer.get(f"/events/{event.pk}/registrations?slot={first.pk}").json["results"]
    assert sorted(row["id"] for row in rows) == sorted([str(wants.pk), str(has.pk)])
    assert organizer.get(f"/events/{event.pk}/registrations?slot={second.pk}").json["results"] == []


def test_a_group_is_taken_whole_or_not_at_all(visitor, event, option):
    before = everything_of(event)
    answer = register(visitor, event, {"event_option_id": str(option.pk), "party_size": 6})
    assert (answer.status, answer.json["conflict_type"]) == (409, "INVENTORY_EXHAUSTED")
    assert answer.json["message"] == "Event Mug: only 5 left."
    assert everything_of(event) == before


@pytest.mark.parametrize("size", [0, -1, 101, 10_000, "many", None])
def test_a_party_has_one_to_a_hundred_people(visitor, event, size):
    answer = register(visitor, event, {"party_size": size})
    assert answer.status == 400
    assert list(answer.fields) == ["party_size"]


def test_an_unknown_slot_is_refused_with_the_valid_ones(visitor, event):
    answer = register(visitor, event, {"preferred_pickup_slot": "2026-07-15 22:00-23:00"})
    assert (answer.status, answer.fields) == (400, {"preferred_pickup_slot": "unknown_slot"})
    detail = answer.json["errors"][0]["detail"]
    assert "2026-07-15 08:00-09:00, 2026-07-15 09:00-10:00" in detail
    assert "2026-07-15 17:00-18:00" in detail
    assert EventRegistration.objects.count() == 0


def test_another_event_in_the_body_is_refused(visitor, account, owner, event):
    other = make_open_event(account, owner)
    answer = register(visitor, event, {"event_id": str(other.pk)})
    with at(NOW):
        queued = visitor.post(f"/events/{event.pk}/waitlist", {"event_id": str(other.pk)})
    for refused in (answer, queued):
        assert (refused.status, refused.fields) == (400, {"event_id": "mismatch"})
    assert EventRegistration.objects.count() == 0


def test_an_option_of_another_event_is_not_there(visitor, account, owner, event):
    foreign = make_option(make_open_event(account, owner), owner)
    assert register(visitor, event, {"event_option_id": str(foreign.pk)}).status == 404
    assert register(visitor, event, {"event_option_id": str(uuid4())}).status == 404
    assert EventRegistration.objects.count() == 0


def test_a_slot_of_another_event_is_unknown(visitor, account, owner, event):
    foreign = slots_of(make_open_event(account, owner))[0]
    answer = register(visitor, event, {"preferred_pickup_slot": str(foreign.pk)})
    assert (answer.status, answer.fields) == (400, {"preferred_pickup_slot": "unknown_slot"})


def test_a_slot_that_is_over_is_refused(account, owner, visitor):
    event = make_open_event(account, owner, event_date=NOW - timedelta(days=1))
    before = everything_of(event)
    answer = register(visitor, event, {"preferred_pickup_slot": "2026-06-19 08:00-09:00"})
    assert (answer.status, answer.json["conflict_type"]) == (409, "SLOT_CONFLICT")
    assert answer.json["message"] == "2026-06-19 08:00-09:00 is over."
    assert everything_of(event) == before


def test_a_stranger_has_no_such_event(event, option, other_account):
    with tenant_scope(other_account.pk):
        rival = client_of(make_member(other_account, Role.OWNER).user, other_account)
    assert register(rival, event, {"event_option_id": str(option.pk)}).status == 404
    assert EventRegistration.objects.count() == 0


def test_another_persons_registration_is_not_there_for_a_guest(account, owner, event, option, visitor):
    row = ask(event, guest(account), option)
    assert visitor.get(f"/events/{event.pk}/registrations/{row.pk}").status == 404
    assert visitor.get(f"/events/{event.pk}/registrations/{row.pk}/qr").status == 404
    assert visitor.get(f"/events/{event.pk}/registrations/{row.pk}/cancellation").status == 404
    assert visitor.put(f"/events/{event.pk}/registrations/{row.pk}", {"status": "CANCELLED"}).status == 404
    assert visitor.get(f"/events/{event.pk}/registrations").json["results"] == []
    assert client_of(owner, account).get(f"/events/{event.pk}/registrations/{row.pk}").status == 200


def test_the_code_is_a_picture_of_the_check_in_address(account, owner, event, option):
    row = approved(ask(event, guest(account), option), event, owner)
    client = client_of(row.user, account)
    path = f"/events/{event.pk}/registrations/{row.pk}/qr"
    svg = client.get(path)
    png = client.client.get(f"/api/v1{path}", headers={"Accept": "image/png"})
    assert svg.headers["Content-Type"] == "image/svg+xml"
    assert png.headers["Content-Type"] == "image/png"
    assert png.content.startswith(b"\x89PNG")
    assert png.headers["Cache-Control"] == "private, no-store"
    assert "Accept" in png.headers["Vary"]


@pytest.mark.parametrize(
    ("accept", "kind"),
    [
        ("image/png;q=0.5, image/svg+xml", "image/svg+xml"),
        ("image/svg+xml;q=0.2, image/png;q=0.9, */*;q=0.1", "image/png"),
        ("image/svg+xml;q=0, image/png;q=0.1", "image/png"),
        ("*/*", "image/svg+xml"),
    ],
)
def test_the_code_is_the_picture_that_is_preferred(account, event, option, accept, kind):
    row = ask(event, guest(account), option)
    path = f"/api/v1/events/{event.pk}/registrations/{row.pk}/qr"
    answer = client_of(row.user, account).client.get(path, headers={"Accept": accept})
    assert (answer.status_code, answer.headers["Content-Type"]) == (200, kind)


@pytest.mark.parametrize("name", ["offset", "skip"])
def test_a_list_that_is_read_by_cursor_refuses_to_count_rows_off(account, owner, event, name):
    answer = client_of(owner, account).get(f"/events/{event.pk}/registrations?{name}=20")
    assert (answer.status, answer.fields) == (400, {name: "unsupported"})
    assert "follow “next”" in answer.json["errors"][0]["detail"]
