from decimal import Decimal
from zoneinfo import ZoneInfo

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.db import connection
from django.test.utils import CaptureQueriesContext

from budgets.models import EventBudget
from budgetsite.accounts.roles import Role
from budgetsite.testing.people import make_member, sign_in
from budgetsite.testing.registrations import make_attendees, make_option
from registrations.models import EventRegistration, PickupSlot, WaitlistEntry
from registrations.services.waitlist import join_waitlist
from registrations.tests.pages import HTMX, address, approve_now, ask_now, open_now, words
from registrations.views.page_parts import slot_in_words, slots_in_words


@pytest.fixture
def event(account, organizer):
    return open_now(account, organizer, total="100")


@pytest.fixture
def client(account, organizer):
    return sign_in(organizer, account)


def statuses():
    return list(EventRegistration.objects.order_by("created_at", "id").values_list("status", flat=True))


def rows_of(page):
    return [str(row.user) for row in page.context["rows"]]


def test_the_desk_says_what_approving_all_who_wait_would_come_to(client, account, event, organizer):
    option = make_option(event, organizer, cost_per_unit=Decimal("35"))
    for guest in make_attendees(account, 3):
        ask_now(event, guest, option)

    page = client.get(address("desk", event))

    assert "If all 3 waiting were approved: 105.00 CAD short by 5.00" in words(page)
    # Read out by itself, a figure that leads somewhere says of what it is.
    assert 'aria-label="Waiting: 3"' in page.content.decode()


def test_the_desk_is_narrowed_by_status_option_slot_and_name(client, account, event, organizer, owner):
    option = make_option(event, organizer)
    ada, ben, cleo = make_attendees(account, 3)
    slot = PickupSlot.objects.filter(event=event).first()
    approve_now(ask_now(event, ada, option), event, owner)
    ask_now(event, ben, option, slot_id=slot.pk)
    ask_now(event, cleo)

    def shown(**query):
        return rows_of(client.get(address("desk", event), query))

    assert shown() == ["Guest 3", "Guest 2", "Guest 1"]
    assert shown(status="APPROVED") == ["Guest 1"]
    assert shown(option="none") == ["Guest 3"]
    assert shown(option=str(option.pk)) == ["Guest 2", "Guest 1"]
    assert shown(slot=str(slot.pk)) == ["Guest 2"]
    assert shown(search="guest 3") == ["Guest 3"]
    assert "Nobody fits" in words(client.get(address("desk", event), {"search": "Zebra"}))


def test_the_desk_costs_the_same_however_many_rows_and_pages_there_are(client, account, event, organizer):
    option = make_option(event, organizer, total_available=500, cost_per_unit=Decimal(0))
    guests = make_attendees(account, 53)
    ask_now(event, guests[0], option)
    with CaptureQueriesContext(
        connection,
    ) as one:
        client.get(address("desk", event))
    for guest in guests[1:]:
        ask_now(event, guest, option)
    with CaptureQueriesContext(connection) as many:
        page = client.get(address("desk", event))
    older = client.get(address("desk", event) + page.context["older_url"])

    assert len(many) == len(one)
    assert len(page.context["rows"]) == 50
    assert rows_of(older) == ["Guest 3", "Guest 2", "Guest 1"]


def test_one_press_approves_with_htmx_the_row_and_the_figures_come_back(client, account, event, organizer):
    option = make_option(event, organizer)
    registration = ask_now(event, make_attendees(account, 1)[0], option)

    answer = client.post(address("decide", event, registration), {"status": "APPROVED"}, headers=HTMX)

    assert answer.status_code == 200
    assert f'id="registration-{registration.pk}"' in answer.content.decode()
    assert 'hx-swap-oob="true"' in answer.content.decode()
    assert statuses() == ["APPROVED"]
    assert EventBudget.objects.get().total_committed_amount == Decimal(10)


def test_what_does_not_fit_stays_as_it_is_and_the_row_says_why(client, account, event, organizer):
    option = make_option(event, organizer, cost_per_unit=Decimal("60"))
    first, second = (ask_now(event, guest, option) for guest in make_attendees(account, 2))
    client.post(address("decide", event, first), {"status": "APPROVED"})

    answer = client.post(address("decide", event, second), {"status": "APPROVED"}, headers=HTMX)
    plain = client.post(address("decide", event, second), {"status": "APPROVED"}, follow=True)

    assert answer.status_code == 409
    assert "The event's budget has 40.00 CAD left; 60.00 are needed." in words(answer)
    assert "The event's budget has 40.00 CAD left" in words(plain)
    assert statuses() == ["APPROVED", "PENDING"]


def test_nobody_approves_their_own_at_the_desk(client, event, organizer):
    own = ask_now(event, organizer)

    answer = client.post(address("decide", event, own), {"status": "APPROVED"}, headers=HTMX)
    many = {"ids": [str(own.pk)], "status": "APPROVED"}
    preview = client.post(address("decide_many", event), many)
    confirmed = client.post(address("decide_many", event), many | {"confirm": "1"}, follow=True)
    all_step = client.get(address("all", event), {"decision": "APPROVED"}).context["form"].initial["step"]
    run = client.post(address("run_all", event), {"step": all_step}, headers=HTMX)
    table = SimpleUploadedFile("table.csv", f"id,status\n{own.pk},APPROVED\n".encode())
    looked_at = client.post(address("status_import", event), {"file": table})
    kept = {"kept": looked_at.context["kept"].token, "carry_out": "1"}
    carried_out = client.post(address("status_import", event), kept)

    assert [page.status_code for page in (answer, preview, confirmed, run, looked_at, carried_out)] == [
        409, 200, 200, 200, 422, 409,
    ]  # fmt: skip
    for page in (answer, preview, confirmed, run, looked_at, carried_out):
        assert "Someone else has to approve it" in words(page)
    assert statuses() == ["PENDING"]


def test_many_are_looked_at_before_anything_is_saved_and_only_those_that_fit_are_approved(
    client, account, event, organizer
):
    option = make_option(event, organizer, cost_per_unit=Decimal("40"))
    ids = [str(ask_now(event, guest, option).pk) for guest in make_attendees(account, 3)]

    preview = client.post(address("decide_many", event), {"ids": ids, "status": "APPROVED"})

    assert statuses() == ["PENDING"] * 3
    assert "1 can't be approved" in words(preview)
    assert "2 will be approved" in words(preview)
    assert "20.00 CAD left; 40.00 are needed" in words(preview)
    # What it comes to, and who of two people with one name it is.
    assert "They commit CA$80.00 The budget has left CA$100.00" in words(preview)
    assert all(row.user.email in words(preview) for row in EventRegistration.objects.select_related("user"))
    fitting = [str(row["id"]) for row in preview.context["fitting"]]
    done = client.post(
        address("decide_many", event), {"ids": fitting, "status": "APPROVED", "confirm": "1"}, follow=True
    )

    assert "2 approved." in words(done)
    assert statuses() == ["APPROVED", "APPROVED", "PENDING"]


def test_nothing_ticked_and_foreign_addresses_lead_back_to_the_desk(client, event):
    answer = client.post(
        address("decide_many", event), {"status": "APPROVED", "next": "https://elsewhere.example/"}, follow=False
    )

    assert (answer.status_code, answer.url) == (302, address("desk", event))


def test_a_slot_is_given_and_a_full_one_is_refused_at_its_field(client, account, event, organizer):
    registration = ask_now(event, make_attendees(account, 1)[0])
    free, full = PickupSlot.objects.filter(event=event).order_by("starts_at")[:2]
    PickupSlot.objects.filter(pk=full.pk).update(booked=full.capacity)

    refused = client.post(address("registration", event, registration), {"slot": str(full.pk)})
    assert refused.status_code == 409
    [why] = refused.context["form"].errors["slot"]
    day = f"{full.starts_at.astimezone(ZoneInfo(event.timezone)):%a} {full.starts_at.day}"
    assert why.startswith(
        f"{day} {full.starts_at:%b}, 09:00–10:00 is full. Free: 08:00–09:00 (10 available); 10:00–11:"
    )
    client.post(address("registration", event, registration), {"slot": str(free.pk)})

    assert EventRegistration.objects.get().preferred_slot == free
    assert PickupSlot.objects.get(pk=free.pk).booked == 1


def test_the_refusals_of_many_name_slots_as_the_pages_do(client, account, organizer):
    event = open_now(account, organizer, pending_holds=False)
    first = PickupSlot.objects.filter(event=event).order_by("starts_at").first()
    registration = ask_now(event, make_attendees(account, 1)[0], slot_id=first.pk)
    PickupSlot.objects.filter(pk=first.pk).update(booked=first.capacity)
    when = slot_in_words(first, event)
    many = {"ids": [str(registration.pk)], "status": "APPROVED"}

    preview = client.post(address("decide_many", event), many)
    confirmed = client.post(address("decide_many", event), many | {"confirm": "1"}, follow=True)
    row = client.post(address("decide", event, registration), {"status": "APPROVED"}, headers=HTMX)

    for page in (preview, confirmed, row):
        assert f"{when} is full." in words(page)
        assert "08:00-09:00" not in words(page)


@pytest.mark.parametrize(
    ("said", "shown"),
    [
        ("2026-07-15 10:00-11:00 is over.", "Wed 15 Jul, 10:00–11:00 is over."),
        ("Free: 11:00-12:00 West (8 available)", "Free: 11:00–12:00 West (8 available)"),
        ("2026-02-30 10:00-11:00 and 2026-07-15", "2026-02-30 10:00-11:00 and 2026-07-15"),
        ("Ref-10:00-11:00-x", "Ref-10:00-11:00-x"),
    ],
)
def test_slots_in_sentences_are_written_as_on_the_pages(said, shown):
    assert slots_in_words(said) == shown


def test_the_queue_is_put_in_another_order_and_people_are_taken_off(client, account, event, organizer):
    option = make_option(event, organizer, total_available=1)
    first, second, third = make_attendees(account, 3)
    ask_now(event, first, option)
    now = event.registration_start_date
    entries = [
        join_waitlist(event=event, user=guest, option_id=option.pk, slot_id=None, now=now) for guest in (second, third)
    ]

    client.post(address("queue_priority", event, entries[1]), {"priority": "5"})
    page = client.get(address("queue", event))
    assert [(str(entry.user), entry.position) for entry in page.context["entries"]] == [("Guest 3", 1), ("Guest 2", 2)]
    client.post(address("queue_priority", event, entries[1]), {"priority": "much"})
    assert WaitlistEntry.objects.get(pk=entries[1].pk).priority == 5
    client.post(address("queue_remove", event, entries[0]))

    assert WaitlistEntry.objects.get(pk=entries[0].pk).status == "CANCELLED"


@pytest.mark.parametrize("role", [Role.ATTENDEE, Role.CLIENT])
def test_who_does_not_run_events_sees_nothing_of_the_desk(account, event, role):
    client = sign_in(make_member(account, role).user, account)

    for name in ("desk", "queue", "options", "option_new", "slots", "slots_generate", "policy", "lower_budget",
                 "export", "status_import", "check_in", "manual_list"):  # fmt: skip
        assert client.get(address(name, event)).status_code == 403, name
    assert client.post(address("decide_many", event), {"status": "APPROVED"}).status_code == 403


def test_an_organizer_does_not_see_the_desk_of_somebody_elses_event(account, event):
    client = sign_in(make_member(account, Role.ORGANIZER).user, account)

    assert client.get(address("desk", event)).status_code == 404
    assert client.get(address("check_in", event)).status_code == 404
