from datetime import timedelta
from decimal import Decimal

import pytest
from django.utils import timezone

from budgetsite.accounts.roles import Role
from budgetsite.tenancy.scope import tenant_scope
from budgetsite.testing.people import make_member, sign_in
from budgetsite.testing.registrations import make_attendees, make_option
from registrations.models import EventOption, EventRegistration, PickupSlot, WaitlistEntry
from registrations.services.desk import change_policy
from registrations.services.registration import reject
from registrations.services.waitlist import join_waitlist
from registrations.tests.pages import address, approve_now, ask_now, open_now, words
from registrations.views.page_parts import slot_in_words


@pytest.fixture
def event(account, organizer):
    return open_now(account, organizer)


@pytest.fixture
def attendee(account):
    return make_member(account, Role.ATTENDEE, name="Mira").user


@pytest.fixture
def client(account, attendee):
    return sign_in(attendee, account)


def wish(option=None, **fields):
    return {"option": str(option.pk) if option else "none", "slot": "", "party_size": "1", "notes": "", **fields}


def test_an_attendee_registers_a_party_for_an_option_at_a_time(client, event, organizer, attendee):
    option = make_option(event, organizer)
    slot = PickupSlot.objects.filter(event=event).first()

    page = client.get(address("event", event))
    assert "50 left" in words(page)
    answer = client.post(address("event", event), wish(option, slot=str(slot.pk), party_size="3", notes="No nuts"))

    registration = EventRegistration.objects.get()
    assert (answer.status_code, answer.url) == (302, address("ticket", registration))
    assert (registration.user, registration.event_option, registration.preferred_slot) == (attendee, option, slot)
    assert (registration.party_size, registration.notes, registration.status) == (3, "No nuts", "PENDING")
    assert EventOption.objects.get().held_count == 3


def test_a_refusal_names_every_tier_and_offers_the_alternatives_as_wishes_and_the_queue(client, event, organizer):
    full = make_option(event, organizer, total_available=0)
    other = make_option(event, organizer, option_name="Cap", total_available=4)
    slot = PickupSlot.objects.filter(event=event).first()
    PickupSlot.objects.filter(pk=slot.pk).update(booked=slot.capacity)

    answer = client.post(address("event", event), wish(full, slot=str(slot.pk)))

    assert answer.status_code == 409
    assert EventRegistration.objects.count() == 0
    tiers = answer.context["refusal"].tiers
    # A slot is named as on the rest of the page, not as programs read it.
    assert [sentence for sentence, _ in tiers] == ["Event Mug: none left.", f"{slot_in_words(slot, event)} is full."]
    assert f"{slot.starts_at:%Y-%m-%d}" not in words(answer)
    assert "Cap · 4 left" in words(answer)
    assert "Join the queue" in words(answer)
    instead = dict(tiers[0][1][0].fields)
    assert (instead["option"], instead["slot"]) == (str(other.pk), str(slot.pk))
    later = dict(tiers[1][1][0].fields)
    assert later["option"] == str(full.pk)

    # Both changed by their buttons, it goes through.
    answer = client.post(address("event", event), instead | {"slot": later["slot"]})
    assert answer.status_code == 302
    assert EventRegistration.objects.get().event_option == other


def test_what_can_not_be_read_is_told_at_its_field_and_nothing_is_stored(client, event, organizer):
    option = make_option(event, organizer)

    answer = client.post(address("event", event), wish(option, party_size="101"))
    nothing = client.post(address("event", event), {"party_size": "1"})

    assert answer.status_code == nothing.status_code == 422
    assert answer.context["form"].errors["party_size"] == ["A party is of 1 to 100 people."]
    assert nothing.context["form"].errors["option"] == ["Choose what you would like."]
    assert EventRegistration.objects.count() == 0


def test_a_second_registration_for_the_same_is_refused_in_words(client, event, organizer, attendee):
    option = make_option(event, organizer)
    ask_now(event, attendee, option)

    answer = client.post(address("event", event), wish(option))

    assert answer.status_code == 409
    assert "You have registered for this already" in words(answer)
    assert EventRegistration.objects.count() == 1


def test_before_and_after_its_window_the_page_says_so_and_has_no_form(client, account, organizer):
    now = timezone.now()
    event = open_now(account, organizer, registration_end_date=now - timedelta(hours=1))

    page = client.get(address("event", event))

    assert "Registration is closed" in words(page)
    assert 'name="party_size"' not in page.content.decode()


def test_a_person_joins_the_queue_takes_what_is_offered_or_leaves(client, account, event, organizer, owner, attendee):
    option = make_option(event, organizer, total_available=1)
    (first,) = make_attendees(account, 1)
    taken = ask_now(event, first, option)

    answer = client.post(address("join_queue", event), wish(option))
    assert answer.url == address("event", event)
    entry = WaitlistEntry.objects.get()
    assert (entry.user, entry.status) == (attendee, "WAITING")
    assert "You are number 1 in the queue" in words(client.get(address("event", event)))

    reject(registration_id=taken.pk, event=event, acting_user=organizer, now=timezone.now())
    page = words(client.get(address("event", event)))
    assert "Take the place" in page
    assert "A place is yours if you take it until" in page
    client.post(address("accept_offer", event, entry))

    assert EventRegistration.objects.get(user=attendee).status == "PENDING"
    assert WaitlistEntry.objects.get().status == "ACCEPTED"

    client.post(address("leave_queue", event, entry))
    assert WaitlistEntry.objects.get().status == "ACCEPTED"


def test_nobody_takes_or_leaves_somebody_elses_place_in_the_queue(client, account, event, organizer):
    option = make_option(event, organizer, total_available=0)
    EventOption.objects.filter(pk=option.pk).update(total_available=1, committed_count=1)
    (other,) = make_attendees(account, 1)
    entry = join_waitlist(event=event, user=other, option_id=option.pk, slot_id=None, now=timezone.now())

    assert client.post(address("leave_queue", event, entry)).status_code == 404
    assert client.post(address("accept_offer", event, entry)).status_code == 404
    assert WaitlistEntry.objects.get().status == "WAITING"


def test_the_ticket_has_the_code_and_is_its_owners_alone(client, account, event, organizer, attendee):
    registration = ask_now(event, attendee)
    picture = client.get(address("code_picture", registration))

    assert client.get(address("ticket", registration)).status_code == 200
    assert picture["Content-Type"] == "image/svg+xml"
    assert picture.content.startswith(b"<?xml")
    assert picture["Cache-Control"] == "private, no-store"
    for stranger in (make_attendees(account, 1)[0], organizer):
        other = sign_in(stranger, account)
        for name in ("ticket", "code_picture", "cancel_own"):
            assert other.get(address(name, registration)).status_code == 404


def test_cancelling_late_shows_what_stays_as_cost_before_and_keeps_it(client, event, organizer, owner, attendee):
    option = make_option(event, organizer)
    change_policy(
        event=event, acting_user=organizer, cancel_until_hours=24 * 365, kept_share=Decimal(25), offer_minutes=60
    )
    registration = approve_now(ask_now(event, attendee, option, party_size=2), event, owner)

    page = client.get(address("cancel_own", registration))
    assert "5.00 CAD of the 20.00 that were promised for you stay as cost" in words(page)
    assert EventRegistration.objects.get().status == "APPROVED"
    client.post(address("cancel_own", registration), {"reason": "Ill"})

    cancelled = EventRegistration.objects.get()
    assert (cancelled.status, cancelled.amount_kept, cancelled.reason) == ("CANCELLED", Decimal("5.000"), "Ill")
    assert "can't be cancelled any more" in words(client.get(address("cancel_own", registration)))


def test_my_registrations_are_mine_of_all_events(client, account, event, organizer, attendee):
    assert "You have not registered yet" in words(client.get(address("mine")))
    ask_now(event, attendee)
    ask_now(event, make_attendees(account, 1)[0])
    other = open_now(account, organizer, name="Winter market")
    ask_now(other, attendee)

    page = client.get(address("mine"))

    assert [row.event.name for row in page.context["rows"]] == ["Winter market", "Annual day"]


def test_another_accounts_event_and_tickets_are_not_there(account, other_account, event, organizer, attendee):
    registration = ask_now(event, attendee)
    with tenant_scope(other_account.pk):
        stranger = make_member(other_account, Role.OWNER).user
    client = sign_in(stranger, other_account)

    for path in (
        address("event", event),
        address("ticket", registration),
        address("desk", event),
        address("check_in", event),
        address("options", event),
        address("scanned", registration.qr_token),
    ):
        assert client.get(path).status_code == 404
    assert client.post(address("event", event), wish()).status_code == 404
    assert EventRegistration.objects.count() == 1
