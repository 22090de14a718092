"""All who wait and match, decided on in steps of a hundred at the desk."""

from decimal import Decimal

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from budgets.models import EventBudget
from budgetsite.accounts.roles import Role
from budgetsite.tenancy.scope import tenant_scope
from budgetsite.testing.people import make_member, sign_in
from budgetsite.testing.registrations import make_attendees, make_option
from registrations.models import EventOption, EventRegistration, PickupSlot
from registrations.services.registration import reject
from registrations.tests.pages import HTMX, address, approve_now, ask_now, open_now, words
from registrations.tests.registrations import assert_sound, everything_of


@pytest.fixture
def event(account, organizer):
    return open_now(account, organizer, total="100000")


@pytest.fixture
def client(account, organizer):
    return sign_in(organizer, account)


def ask_all(account, event, number, option=None, **fields):
    return [ask_now(event, guest, option, **fields) for guest in make_attendees(account, number)]


def look(client, event, decision="APPROVED", **query):
    return client.get(address("all", event), {"decision": decision, **query})


def first_of(page):
    return page.context["form"].initial["step"]


def step(client, event, token, **values):
    return client.post(address("run_all", event), {"step": token, **values}, headers=HTMX)


def run_through(client, event, token, **values):
    """Go on as the page does; return all the answers."""
    answers = [step(client, event, token, **values)]
    while token := answers[-1].context["step"]:
        answers.append(step(client, event, token))
    return answers


def statuses_of(registrations):
    found = dict(EventRegistration.objects.values_list("pk", "status"))
    return [found[registration.pk] for registration in registrations]


def test_two_hundred_and_fifty_are_approved_once_each_in_three_steps(client, account, event, organizer):
    option = make_option(event, organizer, total_available=300)
    rows = ask_all(account, event, 250, option)

    page = look(client, event)
    assert "Approve all 250" in words(page)
    assert statuses_of(rows) == ["PENDING"] * 250
    first = step(client, event, first_of(page))
    assert statuses_of(rows) == ["APPROVED"] * 100 + ["PENDING"] * 150
    assert "100 approved, 0 refused, 150 left." in words(first)
    assert 'hx-trigger="load"' in first.content.decode()
    assert 'value="100" max="250"' in first.content.decode()
    second = step(client, event, first.context["step"])
    third = step(client, event, second.context["step"])

    assert "200 approved, 0 refused, 50 left." in words(second)
    assert "250 approved" in words(third)
    assert "hx-post" not in third.content.decode()
    assert statuses_of(rows) == ["APPROVED"] * 250
    assert EventBudget.objects.get().total_committed_amount == Decimal(2500)
    assert EventOption.objects.get().committed_count == 250
    assert_sound()


def test_who_asked_first_gets_the_money_the_rest_is_refused_counted_and_goes_on_waiting(client, account, organizer):
    event = open_now(account, organizer, total="1100")
    option = make_option(event, organizer, total_available=300)
    rows = ask_all(account, event, 170, option)

    preview = words(look(client, event))
    last = run_through(client, event, first_of(look(client, event)))[-1]

    assert "1,700.00 The budget has left" in preview
    assert "600.00 short" in preview
    assert "110 approved, 60 refused" in words(last)
    assert "The first 50 of 60 who were refused" in words(last)
    assert len(last.context["refusals"]) == 50
    assert "The event's budget has 0.00 CAD left; 10.00 are needed." in words(last)
    assert f"{address('desk', event)}?status=PENDING" in last.content.decode()
    assert statuses_of(rows) == ["APPROVED"] * 110 + ["PENDING"] * 60
    assert_sound()


def test_a_step_that_is_sent_again_changes_nothing(client, account, event, organizer):
    option = make_option(event, organizer, total_available=300)
    ask_all(account, event, 130, option)
    token = first_of(look(client, event))
    first = step(client, event, token)
    before = everything_of(event)

    again = step(client, event, token)

    assert again.status_code == 200
    assert everything_of(event) == before
    # And it leads on as the first one did.
    assert "30 left" in words(again)
    run_through(client, event, first.context["step"])
    decided = everything_of(event)
    run_through(client, event, token)
    assert everything_of(event) == decided


def test_what_somebody_else_decided_meanwhile_stays_so(client, account, event, organizer, owner):
    option = make_option(event, organizer)
    approved, rejected, waits = ask_all(account, event, 3, option)
    token = first_of(look(client, event, "REJECTED"))
    approve_now(approved, event, owner)
    reject(registration_id=rejected.pk, event=event, acting_user=owner, now=rejected.created_at, reason="Twice")

    end = step(client, event, token, reason="The hall is closed.")

    assert "1 rejected" in words(end)
    assert statuses_of([approved, rejected, waits]) == ["APPROVED", "REJECTED", "REJECTED"]
    reasons = EventRegistration.objects.order_by("created_at").values_list("reason", flat=True)
    assert list(reasons) == ["", "Twice", "The hall is closed."]
    assert_sound()


def test_who_asks_after_the_preview_is_not_of_the_run(client, account, event):
    early = ask_all(account, event, 2)
    token = first_of(look(client, event))
    late = ask_now(event, make_member(account, Role.ATTENDEE).user)

    run_through(client, event, token)

    assert statuses_of([*early, late]) == ["APPROVED", "APPROVED", "PENDING"]


def test_rejecting_asks_for_a_reason_which_all_steps_keep(client, account, event):
    rows = ask_all(account, event, 120)
    page = look(client, event, "REJECTED")

    refused = client.post(address("run_all", event), {"step": first_of(page), "reason": " "})
    assert refused.status_code == 422
    assert "Say why" in refused.context["form"].errors["reason"][0]
    assert statuses_of(rows) == ["PENDING"] * 120
    run_through(client, event, first_of(page), reason="The hall is closed.")

    assert statuses_of(rows) == ["REJECTED"] * 120
    assert set(EventRegistration.objects.values_list("reason", flat=True)) == {"The hall is closed."}


def test_only_those_are_decided_on_who_match_the_filter(client, account, event, organizer):
    mug, bag = make_option(event, organizer), make_option(event, organizer, option_name="Bag")
    slot = PickupSlot.objects.filter(event=event).first()
    ada, ben, cleo, dora = make_attendees(account, 4)
    rows = [
        ask_now(event, ada, mug),
        ask_now(event, ben, bag),
        ask_now(event, cleo, slot_id=slot.pk),
        ask_now(event, dora, bag),
    ]

    def decide(**query):
        page = look(client, event, **query)
        run_through(client, event, first_of(page))
        return page.context["preview"].total, statuses_of(rows).count("APPROVED")

    assert decide(option=str(mug.pk), status="PENDING") == (1, 1)
    assert decide(slot=str(slot.pk)) == (1, 2)
    assert decide(option=str(bag.pk), search="guest 4") == (1, 3)
    assert statuses_of(rows) == ["APPROVED", "PENDING", "APPROVED", "APPROVED"]


def test_a_filter_that_cannot_be_read_decides_on_nobody(client, account, event):
    ask_all(account, event, 2)

    for query in ({"option": "nonsense"}, {"slot": str(event.pk)}, {"decision": "CANCELLED"}):
        answer = look(client, event, **query)
        assert (answer.status_code, answer.url) == (302, address("desk", event))


def test_the_desk_offers_all_who_match_with_their_number(client, account, event, organizer):
    option = make_option(event, organizer)
    rows = ask_all(account, event, 3, option)
    ask_now(event, make_member(account, Role.ATTENDEE, name="Zoe").user)
    approve_now(rows[0], event, make_member(account, Role.OWNER).user)

    def offered(**query):
        page = client.get(address("desk", event), query)
        return page.context["waiting_count"], "Approve all" in words(page)

    assert offered() == (3, True)
    assert offered(status="PENDING") == (3, True)
    assert offered(option=str(option.pk)) == (2, True)
    assert offered(option="none") == (1, True)
    assert offered(search="zoe") == (1, True)
    assert offered(status="APPROVED") == (0, False)
    assert offered(option="nonsense") == (0, False)
    page = client.get(address("desk", event), {"search": "zoe"})
    assert client.get(page.context["approve_all_url"]).context["preview"].total == 1


def test_the_preview_says_places_asked_for_against_those_left(client, account, event, organizer):
    option = make_option(event, organizer, total_available=3)
    first, *_ = ask_all(account, event, 3, option)
    EventRegistration.objects.filter(pk=first.pk).update(holds=False)
    EventOption.objects.filter(pk=option.pk).update(held_count=2, committed_count=1)

    (row,) = look(client, event).context["preview"].asked

    assert (row.people, row.places, row.free, row.short_by, row.cost) == (3, 3, 2, 1, Decimal(30))
    assert "1 short" in words(look(client, event))


def test_the_preview_costs_the_same_however_many_wait_and_options_there_are(client, account, event, organizer):
    guests = make_attendees(account, 12)
    ask_now(event, guests[0], make_option(event, organizer))
    with CaptureQueriesContext(connection) as few:
        look(client, event)
    for guest in guests[1:]:
        ask_now(event, guest, make_option(event, organizer, option_name=f"Option of {guest.name}"))
    with CaptureQueriesContext(connection) as many:
        page = look(client, event)

    assert len(page.context["preview"].asked) == 12
    assert len(many) == len(few)


def test_without_a_script_the_page_has_a_button_to_go_on(client, account, event):
    ask_all(account, event, 101)

    page = client.post(address("run_all", event), {"step": first_of(look(client, event))})

    assert "<html" in page.content.decode()
    assert "100 of 101" in words(page)
    assert "Go on" in words(page)
    end = client.post(address("run_all", event), {"step": page.context["step"]})
    assert "101 approved" in words(end)


def test_a_step_of_another_person_or_event_or_a_changed_one_is_refused(client, account, event, organizer, owner):
    rows = ask_all(account, event, 2)
    token = first_of(look(client, event))
    other = open_now(account, organizer)

    for who, where, what in (
        (sign_in(owner, account), event, token),
        (client, other, token),
        (client, event, token[:-1] + ("A" if token[-1] != "A" else "B")),
        (client, event, ""),
    ):
        answer = who.post(address("run_all", where), {"step": what}, follow=True)
        assert "begin again" in words(answer)
    assert statuses_of(rows) == ["PENDING"] * 2


def test_strangers_find_nothing_and_guests_may_not(client, account, event, other_account):
    rows = ask_all(account, event, 2)
    token = first_of(look(client, event))
    guest = sign_in(rows[0].user, account)
    colleague = sign_in(make_member(account, Role.ORGANIZER).user, account)
    with tenant_scope(other_account.pk):
        rival = make_member(other_account, Role.OWNER).user
        own = open_now(other_account, rival)
        theirs = ask_now(own, make_member(other_account, Role.ATTENDEE).user)
    stranger = sign_in(rival, other_account)

    for who, status in ((stranger, 404), (colleague, 404), (guest, 403)):
        assert look(who, event).status_code == status
        assert step(who, event, token).status_code == status
    assert statuses_of(rows) == ["PENDING"] * 2
    assert step(stranger, own, token).status_code == 302
    with tenant_scope(other_account.pk):
        assert statuses_of([theirs]) == ["PENDING"]
