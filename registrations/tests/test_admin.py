"""The staff's pages for registrations: decided with a preview, refused in words, and nothing changed then."""

from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from budgets.services.ledger_proof import verify_ledger
from budgetsite.accounts.models import Account, User
from budgetsite.accounts.roles import BACK_OFFICE, Role
from budgetsite.outbox.models import OutboxEvent
from budgetsite.tenancy.scope import deleted_rows_visible, tenant_scope
from budgetsite.testing.budgets import make_line
from budgetsite.testing.people import make_member, sign_in
from budgetsite.testing.registrations import NOW, ask, make_attendees, make_open_event, make_option
from events.models import Event
from registrations.models import (
    CheckIn,
    EventOption,
    EventRegistration,
    PickupSlot,
    RegistrationDesk,
    WaitlistEntry,
)
from registrations.services.check_in import check_in
from registrations.services.registration import approve, cancel
from registrations.services.registration_proof import verify_registrations
from registrations.services.waitlist import join_waitlist
from registrations.tests.registrations import at, budget_of, committed, everything_of, registration_now

LIST = "admin:registrations_eventregistration_changelist"


@pytest.fixture
def worker(account: Account, staff: User) -> Client:
    return sign_in(staff, account)


@pytest.fixture
def event(account: Account, owner: User) -> Event:
    return make_open_event(account, owner, total="100")


@pytest.fixture
def option(event: Event, owner: User) -> EventOption:
    """Forty dollars a place: a budget of 100 pays for two."""
    return make_option(event, owner, cost_per_unit=Decimal("40.00"), total_available=10)


@pytest.fixture
def guests(account: Account) -> list[User]:
    return make_attendees(account, 3)


@pytest.fixture
def asked(event: Event, option: EventOption, guests: list[User]) -> list[EventRegistration]:
    """Three who asked one after the other."""
    return [ask(event, guest, option, now=NOW + timedelta(minutes=turn)) for turn, guest in enumerate(guests)]


def url(row: Any, name: str = "change") -> str:
    return reverse(f"admin:registrations_{row._meta.model_name}_{name}", args=[row.pk])


def listed(model: type, **query: Any) -> str:
    return reverse(f"admin:registrations_{model._meta.model_name}_changelist", query=query or None)


def send(client: Client, action: str, rows: list[EventRegistration], **answers: Any) -> Any:
    data = {"action": action, "_selected_action": [str(row.pk) for row in rows], **answers}
    with at(NOW + timedelta(hours=1)):
        return client.post(reverse(LIST), data, follow=True)


def told(response: Any) -> list[str]:
    return [str(message) for message in response.context["messages"]]


def statuses(rows: list[EventRegistration]) -> list[str]:
    return [registration_now(row).status for row in rows]


def form_of(client: Client, row: Any) -> dict[str, str]:
    """Return what a browser would send back if nothing were changed, the hidden values that were read included."""
    form = client.get(url(row)).context["adminform"].form
    data = {bound.html_name: bound.value() for bound in form}
    data |= {bound.html_initial_name: bound.value() for bound in form if bound.field.show_hidden_initial}
    return {name: str(value) for name, value in data.items() if value is not None}


def assert_all_true(event: Event) -> None:
    assert verify_registrations() == []
    assert verify_ledger() == []


# --- The list -------------------------------------------------------------------------------------------------------


def test_the_list_tells_who_asked_for_what(worker, event, option, asked, guests, owner):
    approve(registration_id=asked[0].pk, event=event, acting_user=owner, now=NOW)

    page = worker.get(reverse(LIST)).content.decode()

    for said in ("Guest 1", guests[0].email, "Annual day", "Event Mug", "Approved", "Waits", "40.00"):
        assert said in page


def test_filters_and_search_narrow_the_list(worker, account, event, option, asked, guests, owner, staff):
    slot = PickupSlot.objects.filter(event=event).order_by("starts_at").first()
    approve(registration_id=asked[0].pk, event=event, acting_user=owner, now=NOW, assigned_slot_id=slot.pk)
    check_in(event=event, qr_token=asked[0].qr_token, acting_user=owner, now=NOW)
    other = make_open_event(account, owner, name="Other day")
    elsewhere = ask(other, guests[1])

    def found(**query: Any) -> set[Any]:
        return {row.pk for row in worker.get(reverse(LIST), query).context["cl"].result_list}

    everybody = {row.pk for row in asked}
    assert found() == everybody | {elsewhere.pk}
    assert found(status__exact="APPROVED") == {asked[0].pk}
    assert found(collected="yes") == {asked[0].pk}
    assert found(collected="no") == {asked[1].pk, asked[2].pk, elsewhere.pk}
    assert found(event__id__exact=event.pk) == everybody
    assert found(event__id__exact=event.pk, option=option.pk) == everybody
    assert found(option=option.pk) == everybody
    assert found(event__id__exact=other.pk, option=option.pk) == set()
    assert found(event__id__exact=event.pk, slot=slot.pk) == {asked[0].pk}
    assert found(slot=slot.pk) == {asked[0].pk}
    assert found(q='"Guest 3"') == {asked[2].pk}
    assert found(q=guests[1].email) == {asked[1].pk, elsewhere.pk}
    assert found(q=asked[1].qr_token[:12]) == {asked[1].pk}
    assert found(q=asked[1].qr_token[1:12]) == set()


def test_an_address_that_names_nothing_finds_nothing_or_leads_back(worker, event, asked):
    assert worker.get(reverse(LIST), {"option": "none"}).context["cl"].result_count == 0
    assert worker.get(reverse(LIST), {"event__id__exact": "none"}).status_code == 302


@pytest.mark.parametrize(
    "model", [EventRegistration, EventOption, PickupSlot, RegistrationDesk, WaitlistEntry, CheckIn]
)
def test_a_list_costs_the_same_number_of_queries_whatever_its_length(worker, account, owner, model):
    def fill(name: str, people: int) -> None:
        event = make_open_event(account, owner, name=name)
        only = make_option(event, owner, total_available=people)
        guests = make_attendees(account, people * 2)
        slot = PickupSlot.objects.filter(event=event).order_by("starts_at").first()
        for guest in guests[:people]:
            row = ask(event, guest, only, slot_id=slot.pk)
            approve(registration_id=row.pk, event=event, acting_user=owner, now=NOW)
            check_in(event=event, qr_token=row.qr_token, acting_user=owner, now=NOW)
        for guest in guests[people:]:
            join_waitlist(event=event, user=guest, option_id=only.pk, slot_id=slot.pk, now=NOW)

    def statements() -> int:
        with CaptureQueriesContext(
            connection,
        ) as captured:
            assert worker.get(listed(model)).status_code == 200
        return len(captured)

    fill("First", 1)
    worker.get(listed(model))
    before = statements()
    fill("Second", 4)
    assert statements() == before


# --- One ------------------------------------------------------------------------------------------------------------


def test_somebody_is_approved_and_the_money_is_committed(worker, staff, event, asked):
    with at(NOW):
        page = worker.get(url(asked[0], "approve_one"))
        answer = worker.post(url(asked[0], "approve_one"), {"slot": ""})

    found = registration_now(asked[0])
    assert "CA$40.00" in page.content.decode()
    assert answer.status_code == 302
    assert (found.status, found.approved_by, found.amount_committed) == ("APPROVED", staff, 40)
    assert committed(event) == 40
    assert_all_true(event)


def test_asking_first_changes_nothing(worker, event, asked):
    before = everything_of(event)
    with at(NOW):
        for name in ("approve_one", "reject_one", "cancel_one", "assign_one", "undo_one"):
            assert worker.get(url(asked[0], name)).status_code == 200
    assert everything_of(event) == before
    assert not OutboxEvent.objects.filter(kind="registration.approved").exists()


def test_pages_are_headed_by_people_and_times(worker, event, asked):
    desk = RegistrationDesk.objects.get(event=event)
    slot = PickupSlot.objects.filter(event=event).order_by("starts_at").first()
    for row, name in ((asked[0], "Registration of Guest 1"), (desk, "Registration for Annual day")):
        assert worker.get(url(row)).context["subtitle"] == name
    # Eight in the morning in Toronto.
    assert worker.get(url(slot)).context["subtitle"] == "2026-07-15 08:00"


def test_an_approval_can_give_another_slot(worker, event, asked):
    first, second = PickupSlot.objects.filter(event=event).order_by("starts_at")[:2]
    PickupSlot.objects.filter(pk=first.pk).update(capacity=1, booked=1)
    with at(NOW):
        offered = worker.get(url(asked[0], "approve_one")).context["confirmation"].form.fields["slot"].choices
        full = worker.post(url(asked[0], "approve_one"), {"slot": str(first.pk)})
        given = worker.post(url(asked[0], "approve_one"), {"slot": str(second.pk)})

    assert str(first.pk) not in dict(offered)
    assert full.status_code == 400
    assert b"This slot has no room any more" in full.content
    assert given.status_code == 302
    assert registration_now(asked[0]).assigned_slot_id == second.pk


def test_a_full_slot_leaves_the_choice_of_another(worker, account, event, option, guests):
    event.pending_holds = False
    event.save(update_fields=["pending_holds"])
    first, second = PickupSlot.objects.filter(event=event).order_by("starts_at")[:2]
    registration = ask(event, guests[0], option, slot_id=first.pk)
    PickupSlot.objects.filter(pk=first.pk).update(capacity=1, booked=1)

    with at(NOW):
        page = worker.get(url(registration, "approve_one"))
        refused = worker.post(url(registration, "approve_one"), {"slot": ""})
        assert (refused.status_code, registration_now(registration).status) == (409, "PENDING")
        given = worker.post(url(registration, "approve_one"), {"slot": str(second.pk)})

    confirmation = page.context["confirmation"]
    assert confirmation.refusal == ""
    assert "is full" in confirmation.errors[0]
    assert "Choose another slot below." in confirmation.errors[0]
    assert given.status_code == 302
    assert registration_now(registration).assigned_slot_id == second.pk


def test_what_the_budget_cannot_pay_is_said_before_and_refused(worker, event, option, asked, owner):
    for row in asked[:2]:
        approve(registration_id=row.pk, event=event, acting_user=owner, now=NOW)
    before = everything_of(event)

    with at(NOW):
        page = worker.get(url(asked[2], "approve_one"))
        answer = worker.post(url(asked[2], "approve_one"), {"slot": ""})

    why = "The event's budget has 20.00 CAD left; 40.00 are needed."
    assert page.context["confirmation"].refusal == why
    assert answer.status_code == 409
    assert answer.context["confirmation"].errors == [why]
    assert everything_of(event) == before


def test_nobody_approves_their_own(worker, staff, event, option):
    own = ask(event, staff, option)
    with at(NOW):
        shown = worker.get(url(own)).content.decode()
        page = worker.get(url(own, "approve_one"))
        answer = worker.post(url(own, "approve_one"), {"slot": ""})
    rows = send(worker, "approve_rows", [own], confirmed="yes", reason="")

    assert url(own, "approve_one") not in shown
    assert url(own, "cancel_one") in shown
    why = "This is your own registration. Someone else has to approve it."
    assert page.context["confirmation"].refusal == why
    assert answer.status_code == 409
    assert told(rows) == ["0 approved, 1 refused.", f"{staff.name} ({staff.email}), Event Mug: {why}"]
    assert registration_now(own).status == "PENDING"


def test_rejecting_and_cancelling_give_everything_back(worker, event, asked, owner, option):
    for row in asked[:2]:
        approve(registration_id=row.pk, event=event, acting_user=owner, now=NOW)
    with at(NOW):
        rejected = worker.post(url(asked[0], "reject_one"), {"reason": "Twice on the list"})
        cancelled = worker.post(url(asked[1], "cancel_one"), {"reason": ""})
        again = worker.post(url(asked[1], "approve_one"), {"slot": ""})

    assert (rejected.status_code, cancelled.status_code, again.status_code) == (302, 302, 409)
    assert statuses(asked) == ["REJECTED", "CANCELLED", "PENDING"]
    assert registration_now(asked[0]).reason == "Twice on the list"
    assert committed(event) == 0
    assert EventOption.objects.get(pk=option.pk).committed_count == 0
    assert_all_true(event)


def test_a_slot_is_given_out_and_a_full_one_is_not(worker, event, asked):
    first, second = PickupSlot.objects.filter(event=event).order_by("starts_at")[:2]
    PickupSlot.objects.filter(pk=second.pk).update(capacity=1, booked=1)
    with at(NOW):
        given = worker.post(url(asked[0], "assign_one"), {"slot": str(first.pk)})
        full = worker.post(url(asked[0], "assign_one"), {"slot": str(second.pk)})
        nothing = worker.post(url(asked[0], "assign_one"), {"slot": ""})

    assert (given.status_code, full.status_code, nothing.status_code) == (302, 400, 400)
    assert registration_now(asked[0]).preferred_slot_id == first.pk
    assert PickupSlot.objects.get(pk=first.pk).booked == 1


def test_a_check_in_is_taken_back_with_a_reason(worker, staff, event, option, asked, owner):
    approve(registration_id=asked[0].pk, event=event, acting_user=owner, now=NOW)
    early = worker.post(url(asked[0], "undo_one"), {"reason": "Too early"})
    check_in(event=event, qr_token=asked[0].qr_token, acting_user=owner, now=NOW)
    collected = worker.get(url(asked[0])).content.decode()
    silent = worker.post(url(asked[0], "undo_one"), {"reason": " "})
    assert registration_now(asked[0]).collected_at == NOW
    done = worker.post(url(asked[0], "undo_one"), {"reason": "Wrong person"})

    assert (early.status_code, silent.status_code, done.status_code) == (409, 400, 302)
    assert url(asked[0], "undo_one") in collected
    assert url(asked[0], "cancel_one") not in collected
    assert registration_now(asked[0]).collected_at is None
    assert EventOption.objects.get(pk=option.pk).collected_count == 0
    last = CheckIn.objects.order_by("-created_at", "-id").first()
    assert (last.result, last.reason, last.actor) == ("UNDONE", "Wrong person", staff)
    assert "Wrong person" in worker.get(url(asked[0])).content.decode()


def test_what_was_collected_is_neither_cancelled_nor_rejected(worker, event, asked, owner):
    approve(registration_id=asked[0].pk, event=event, acting_user=owner, now=NOW)
    check_in(event=event, qr_token=asked[0].qr_token, acting_user=owner, now=NOW)
    before = everything_of(event)
    for name in ("cancel_one", "reject_one"):
        answer = worker.post(url(asked[0], name), {"reason": ""})
        assert answer.status_code == 409
        assert "Take the check-in back first." in answer.content.decode()
    assert everything_of(event) == before


def test_fields_are_read_only(worker, event, asked):
    assert worker.get(url(asked[0])).status_code == 200
    assert worker.post(url(asked[0]), {"status": "APPROVED", "party_size": "5"}).status_code == 403
    assert worker.get(reverse("admin:registrations_eventregistration_add")).status_code == 403
    assert worker.post(url(asked[0], "delete")).status_code == 403
    assert (registration_now(asked[0]).status, registration_now(asked[0]).party_size) == ("PENDING", 1)


# --- Many -----------------------------------------------------------------------------------------------------------


def test_the_preview_says_who_would_not_fit_and_stores_nothing(worker, event, asked, guests):
    before = everything_of(event)

    page = send(worker, "approve_rows", list(reversed(asked)))

    confirmation = page.context["confirmation"]
    assert [title for title, _ in confirmation.rows] == [
        f"Guest 1 ({guests[0].email}), Event Mug",
        f"Guest 2 ({guests[1].email}), Event Mug",
    ]
    assert confirmation.refused_title == "1 would be refused"
    assert confirmation.refused_rows == [
        (
            f"Guest 3 ({guests[2].email}), Event Mug",
            "The event's budget has 20.00 CAD left; 40.00 are needed.",
        )
    ]
    assert confirmation.label == "Approve 2"
    assert "1 would be refused" in page.content.decode()
    assert everything_of(event) == before


def test_many_are_approved_one_by_one_and_each_refusal_is_told(worker, staff, event, asked, guests):
    page = send(worker, "approve_rows", asked, confirmed="yes", reason="")

    assert statuses(asked) == ["APPROVED", "APPROVED", "PENDING"]
    assert told(page) == [
        "2 approved, 1 refused.",
        f"Guest 3 ({guests[2].email}), Event Mug: The event's budget has 20.00 CAD left; 40.00 are needed.",
    ]
    assert budget_of(event).total_committed_amount == 80
    assert_all_true(event)


def test_many_of_several_events_are_decided_at_once(worker, account, owner, event, asked, guests):
    other = make_open_event(account, owner, name="Other day")
    elsewhere = ask(other, guests[0], make_option(other, owner))
    send(worker, "reject_rows", [asked[0], elsewhere], confirmed="yes", reason="Rained off")

    for row in (asked[0], elsewhere):
        found = registration_now(row)
        assert (found.status, found.reason) == ("REJECTED", "Rained off")
    assert_all_true(event)


def test_those_decided_already_are_counted_apart(worker, event, asked, owner):
    cancel(registration_id=asked[0].pk, event=event, acting_user=owner, now=NOW, reason="No")
    preview = send(worker, "cancel_rows", asked)
    page = send(worker, "cancel_rows", asked, confirmed="yes", reason="Again")

    assert preview.context["confirmation"].rows[2][1] == "Cancelled already; nothing changes."
    assert told(page) == ["2 cancelled, 1 had been already."]
    assert registration_now(asked[0]).reason == "No"


def test_nothing_to_do_offers_no_button(worker, event, asked, owner):
    cancel(registration_id=asked[0].pk, event=event, acting_user=owner, now=NOW)
    page = send(worker, "approve_rows", [asked[0]])

    confirmation = page.context["confirmation"]
    assert confirmation.refusal == "None of these can be approved."
    assert "Nothing can be changed any more." in confirmation.refused_rows[0][1]
    assert statuses(asked)[0] == "CANCELLED"


# --- Options --------------------------------------------------------------------------------------------------------


def test_options_show_how_much_of_them_is_used(worker, event, option, asked, owner):
    approve(registration_id=asked[0].pk, event=event, acting_user=owner, now=NOW)

    page = worker.get(listed(EventOption)).content.decode()
    shown = worker.get(url(option)).content.decode()

    assert "1 taken and 2 held of 10: 7 left" in page
    assert "10.00%" in page
    assert "1 promised, 2 held, 7 left" in shown
    assert "2 wait, 1 approved" in shown


def test_an_option_is_made_by_its_service_and_shows_its_page_next(worker, event):
    answer = worker.post(
        reverse("admin:registrations_eventoption_add"),
        {
            "event": str(event.pk),
            "option_name": "Workshop",
            "option_type": "TRACK",
            "sort_order": "3",
            "description": "",
            "total_available": "25",
            "cost_per_unit": "1,234.50",
        },
    )
    made = EventOption.objects.get(option_name="Workshop")
    assert answer.url == url(made)
    assert (made.event, made.total_available, made.cost_per_unit) == (event, 25, Decimal("1234.50"))
    assert OutboxEvent.objects.filter(kind="event_option.created", subject_id=made.pk).count() == 1


def test_places_and_the_line_that_pays_are_changed(worker, owner, event, option):
    line = make_line(budget_of(event), owner, name="Gifts", budgeted_amount=Decimal(50))
    answer = worker.post(url(option), form_of(worker, option) | {"total_available": "12", "line_item": str(line.pk)})
    found = EventOption.objects.get(pk=option.pk)
    assert answer.status_code == 302
    assert (found.total_available, found.line_item_id, found.cost_per_unit) == (12, line.pk, 40)


def test_too_few_places_are_an_error_at_the_field(worker, option, asked):
    answer = worker.post(url(option), form_of(worker, option) | {"total_available": "2", "option_name": "Cup"})

    assert answer.status_code == 200
    assert answer.context["adminform"].form.errors == {
        "total_available": ["0 places are promised and 3 held; 2 are too few. Cancel or reject registrations first."]
    }
    found = EventOption.objects.get(pk=option.pk)
    assert (found.total_available, found.option_name) == (10, "Event Mug")


def test_what_somebody_else_changed_meanwhile_stays(worker, option):
    data = form_of(worker, option)
    EventOption.objects.filter(pk=option.pk).update(total_available=99)

    worker.post(url(option), data | {"option_name": "Cup"})

    found = EventOption.objects.get(pk=option.pk)
    assert (found.total_available, found.option_name) == (99, "Cup")


def test_amounts_and_lines_that_are_none_are_errors_at_their_fields(worker, account, owner, event, option):
    other = make_open_event(account, owner, name="Other day")
    line = make_line(budget_of(other), owner, name="Gifts", budgeted_amount=Decimal(50))
    answer = worker.post(url(option), form_of(worker, option) | {"cost_per_unit": "-1", "line_item": str(line.pk)})
    assert answer.context["adminform"].form.errors.keys() == {"cost_per_unit", "line_item"}
    found = EventOption.objects.get(pk=option.pk)
    assert (found.cost_per_unit, found.line_item_id) == (40, None)


def test_an_option_in_use_is_not_deleted(worker, event, option, asked, owner):
    refused = worker.post(url(option, "delete"))
    assert refused.status_code == 409
    assert b"3 registration(s) are waiting or approved for this option." in refused.content
    assert EventOption.objects.filter(pk=option.pk).exists()

    for row in asked:
        cancel(registration_id=row.pk, event=event, acting_user=owner, now=NOW)
    assert worker.post(url(option, "delete")).status_code == 302
    assert not EventOption.objects.filter(pk=option.pk).exists()
    with deleted_rows_visible():
        assert EventOption.objects.get(pk=option.pk).is_deleted


# --- Slots, policy, queue, door -------------------------------------------------------------------------------------


def test_a_slots_room_is_changed_but_never_below_what_is_booked(worker, event, asked):
    slot = PickupSlot.objects.filter(event=event).order_by("starts_at").first()
    PickupSlot.objects.filter(pk=slot.pk).update(booked=4)

    few = worker.post(url(slot), {"capacity": "3"})
    none = worker.post(url(slot), {"capacity": "0"})
    assert PickupSlot.objects.get(pk=slot.pk).capacity == 10
    more = worker.post(url(slot), {"capacity": "4"})

    assert few.context["adminform"].form.errors == {
        "capacity": ["4 people are booked; room for 3 is too little. Give some another slot first."]
    }
    assert none.context["adminform"].form.errors.keys() == {"capacity"}
    assert more.status_code == 302
    assert PickupSlot.objects.get(pk=slot.pk).capacity == 4
    assert "4 of 4" in worker.get(listed(PickupSlot)).content.decode()
    assert worker.post(url(slot, "delete")).status_code == 409
    assert worker.get(reverse("admin:registrations_pickupslot_add")).status_code == 403


def test_the_policy_is_changed_by_its_service(worker, event):
    desk = RegistrationDesk.objects.get(event=event)
    data = form_of(worker, desk)

    wrong = worker.post(url(desk), data | {"kept_share": "101"})
    assert wrong.context["adminform"].form.errors.keys() == {"kept_share"}
    assert RegistrationDesk.objects.get(pk=desk.pk).kept_share == 0
    right = worker.post(url(desk), data | {"kept_share": "12.5", "cancel_until_hours": "48"})

    found = RegistrationDesk.objects.get(pk=desk.pk)
    assert right.status_code == 302
    assert (found.kept_share, found.cancel_until_hours, found.offer_minutes) == (Decimal("12.50"), 48, 1440)
    assert OutboxEvent.objects.filter(kind="event.registration_policy_changed").count() == 1
    assert worker.get(reverse("admin:registrations_registrationdesk_add")).status_code == 403
    assert worker.post(url(desk, "delete")).status_code == 403


@pytest.fixture
def queue(account: Account, event: Event, owner: User) -> list[WaitlistEntry]:
    """Two who queue for the one place that somebody has."""
    only = make_option(event, owner, option_name="Tour", total_available=1, cost_per_unit=0)
    first, second, third = make_attendees(account, 3)
    taken = ask(event, first, only)
    entries = [
        join_waitlist(event=event, user=person, option_id=only.pk, slot_id=None, now=NOW) for person in (second, third)
    ]
    entries[0].taken = taken
    return entries


def test_priority_decides_who_is_offered_what_becomes_free(worker, event, owner, queue):
    later = queue[1]
    wrong = worker.post(url(later), {"priority": "much"})
    right = worker.post(url(later), {"priority": "5"})
    cancel(registration_id=queue[0].taken.pk, event=event, acting_user=owner, now=NOW)

    first, second = (WaitlistEntry.objects.get(pk=entry.pk) for entry in queue)
    assert wrong.context["adminform"].form.errors.keys() == {"priority"}
    assert right.status_code == 302
    assert (first.status, second.status, second.priority) == ("WAITING", "OFFERED", 5)
    with at(NOW + timedelta(hours=1)):
        assert "23 h 0 min left" in worker.get(listed(WaitlistEntry)).content.decode()


def test_an_entry_that_is_over_is_not_changed(worker, queue):
    WaitlistEntry.objects.filter(pk=queue[0].pk).update(status="CANCELLED")
    assert worker.post(url(queue[0]), {"priority": "5"}).status_code == 403
    assert worker.post(url(queue[0], "remove_one")).status_code == 409
    assert WaitlistEntry.objects.get(pk=queue[0].pk).priority == 0


def test_taking_somebody_off_passes_their_offer_on(worker, event, owner, queue):
    cancel(registration_id=queue[0].taken.pk, event=event, acting_user=owner, now=NOW)
    with at(NOW):
        asked = worker.get(url(queue[0], "remove_one"))
        assert WaitlistEntry.objects.get(pk=queue[0].pk).status == "OFFERED"
        assert worker.post(url(queue[0], "remove_one")).status_code == 302
    assert asked.status_code == 200
    assert [WaitlistEntry.objects.get(pk=entry.pk).status for entry in queue] == ["CANCELLED", "OFFERED"]


def test_many_are_taken_off_at_once(worker, queue):
    data = {"action": "remove_rows", "_selected_action": [str(entry.pk) for entry in queue]}
    assert worker.post(listed(WaitlistEntry), data).status_code == 200
    assert WaitlistEntry.objects.filter(status="WAITING").count() == 2
    done = worker.post(listed(WaitlistEntry), {**data, "confirmed": "yes"}, follow=True)
    assert told(done) == ["2 taken off the waitlist."]
    assert WaitlistEntry.objects.filter(status="CANCELLED").count() == 2


def test_check_ins_are_only_read(worker, event, asked, owner):
    check_in(event=event, qr_token=asked[0].qr_token, acting_user=owner, now=NOW)
    check_in(event=event, qr_token="nobody's", acting_user=owner, now=NOW)
    scan = CheckIn.objects.get(registration=asked[0])

    page = worker.get(listed(CheckIn)).content.decode()
    for said in ("Not approved", "Not found", "unknown code", "Guest 1"):
        assert said in page
    assert worker.get(url(scan)).status_code == 200
    assert worker.post(url(scan), {"result": "SUCCESS"}).status_code == 403
    assert worker.post(url(scan, "delete")).status_code == 403
    assert CheckIn.objects.get(pk=scan.pk).result == "NOT_APPROVED"


# --- The start page, rights, walls ----------------------------------------------------------------------------------


def panels_of(client: Client) -> dict[str, Any]:
    return {panel.title: panel for panel in client.get(reverse("admin:index")).context["panels"]}


def test_the_start_page_says_what_waits(worker, event, option, asked):
    with at(NOW):
        panel = panels_of(worker)["Registrations to decide"]

    row = panel.rows[0]
    assert (row.title, row.badge) == ("Annual day", "3 waiting")
    assert "CA$120.00" in row.note
    assert worker.get(row.url).context["cl"].result_count == 3


def test_the_start_page_says_which_offers_run_out_within_a_day(worker, event, owner, queue):
    cancel(registration_id=queue[0].taken.pk, event=event, acting_user=owner, now=NOW)
    with at(NOW + timedelta(hours=22, minutes=30)):
        shown = panels_of(worker)["Offers about to run out"]
    with at(NOW + timedelta(hours=25)):
        gone = panels_of(worker)
    with at(NOW - timedelta(minutes=1)):
        far = panels_of(worker)

    assert [(row.title.partition(" (")[0], row.badge) for row in shown.rows] == [("Guest 2", "1 h 30 min left")]
    assert "Offers about to run out" not in gone
    assert "Offers about to run out" not in far


def test_an_account_that_takes_none_is_not_bothered(worker):
    assert not {"Registrations to decide", "Offers about to run out"} & panels_of(worker).keys()


@pytest.mark.parametrize("role", list(Role))
def test_the_back_office_decides_and_nobody_else_enters(account, event, asked, member_client, role):
    with at(NOW):
        answer = member_client(role).post(url(asked[0], "approve_one"), {"slot": ""})

    assert answer.status_code == (302 if role in BACK_OFFICE else 403)
    assert statuses(asked)[0] == ("APPROVED" if role in BACK_OFFICE else "PENDING")


def test_another_accounts_rows_can_be_neither_chosen_nor_offered(worker, other_account, event, option, asked):
    with tenant_scope(other_account.pk):
        rival = make_member(other_account, Role.OWNER).user
        foreign = make_open_event(other_account, rival, name="Rival's day")
        theirs = make_option(foreign, rival, option_name="Rival's cup")
        wanted = ask(foreign, rival, theirs)
        before = everything_of(foreign)

    send(worker, "cancel_rows", [wanted, asked[0]], confirmed="yes", reason="")
    made = worker.post(
        reverse("admin:registrations_eventoption_add"),
        {
            "event": str(foreign.pk),
            "option_name": "Intruder",
            "option_type": "GIFT",
            "sort_order": "0",
            "total_available": "1",
            "cost_per_unit": "0",
        },
    )
    filtered = worker.get(reverse(LIST), {"event__id__exact": foreign.pk, "option": theirs.pk})

    assert statuses(asked)[0] == "CANCELLED"
    assert made.context["adminform"].form.errors.keys() == {"event"}
    assert b"Rival&#x27;s" not in filtered.content
    assert filtered.context["cl"].result_count == 0
    with tenant_scope(other_account.pk):
        assert everything_of(foreign) == before
