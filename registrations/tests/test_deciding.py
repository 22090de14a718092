"""Approving, rejecting, cancelling: places, slots and money move together, and only along the allowed ways."""

from datetime import timedelta
from decimal import Decimal

import pytest

from budgets.models import BudgetLineItem, EventBudget, LedgerEntry
from budgetsite.accounts.roles import Role
from budgetsite.outbox.models import OutboxEvent
from budgetsite.tenancy.scope import deleted_rows_visible, tenant_scope
from budgetsite.testing.budgets import make_budget, make_line
from budgetsite.testing.people import make_member
from budgetsite.testing.registrations import NOW, ask, make_open_event, make_option
from events.services import delete_event, update_event
from registrations.models import EventRegistration
from registrations.services.option import update_option
from registrations.services.problems import (
    BooksClosed,
    OptionLineGone,
    RegistrationConflict,
    RegistrationNotFound,
    TooFewPlaces,
)
from registrations.services.registration import approve, assign, cancel, reject
from registrations.tests.registrations import (
    approved,
    assert_sound,
    at,
    budget_of,
    client_of,
    committed,
    everything_of,
    guest,
    option_now,
    registration_now,
    slots_of,
)


@pytest.fixture
def event(account, owner):
    return make_open_event(account, owner)


@pytest.fixture
def option(event, owner):
    return make_option(event, owner, total_available=5)


@pytest.fixture
def pending(account, event, option):
    return ask(event, guest(account), option, slot_id=slots_of(event)[0].pk, party_size=2)


@pytest.fixture
def client(owner, account):
    return client_of(owner, account)


def put(client, registration, body):
    with at(NOW):
        return client.put(f"/events/{registration.event_id}/registrations/{registration.pk}", body)


def test_approval_promises_places_slot_and_money(client, owner, event, option, pending):
    answer = put(client, pending, {"status": "APPROVED"})
    assert answer.status == 200
    expected = {
        "status": "APPROVED",
        "amount_committed": "20.00",
        "assigned_pickup_slot": "2026-07-15 08:00-09:00",
        "approved_by": str(owner.pk),
        "approved_at": "2026-06-20T09:00:00Z",
    }
    assert expected.items() <= answer.json.items()
    option = option_now(option)
    assert (option.committed_count, option.held_count, option.pending_places) == (2, 0, 0)
    assert (option.approved_count, option.pending_count) == (1, 0)
    assert slots_of(event)[0].booked == 2
    assert committed(event) == Decimal(20)
    entry = LedgerEntry.objects.get()
    assert (entry.kind, entry.committed_delta, entry.source) == ("commit", Decimal(20), "registration")
    assert entry.source_id == str(pending.pk)
    kinds = (
        OutboxEvent.objects.filter(subject_id=pending.pk).order_by("created_at", "id").values_list("kind", flat=True)
    )
    assert set(kinds) == {"registration.requested", "registration.approved"}
    assert_sound()


def test_approving_an_approved_one_changes_nothing(client, event, pending):
    put(client, pending, {"status": "APPROVED"})
    before = everything_of(event)
    assert put(client, pending, {"status": "APPROVED"}).status == 200
    assert everything_of(event) == before
    assert LedgerEntry.objects.count() == 1


@pytest.mark.parametrize("status", ["REJECTED", "CANCELLED"])
def test_leaving_approved_takes_all_of_it_back(client, event, option, pending, status):
    put(client, pending, {"status": "APPROVED"})
    assert put(client, pending, {"status": status, "reason": "Ill"}).json["reason"] == "Ill"
    option = option_now(option)
    assert (option.committed_count, option.held_count, option.available_slots) == (0, 0, 5)
    assert (slots_of(event)[0].booked, committed(event)) == (0, 0)
    assert [entry.committed_delta for entry in LedgerEntry.objects.order_by("seq")] == [20, -20]
    assert registration_now(pending).amount_committed == 0
    assert_sound()


@pytest.mark.parametrize("status", ["REJECTED", "CANCELLED"])
@pytest.mark.parametrize("wanted", ["APPROVED", "PENDING", "REJECTED", "CANCELLED"])
def test_nothing_leaves_rejected_or_cancelled(client, event, pending, status, wanted):
    put(client, pending, {"status": status})
    before = everything_of(event)
    answer = put(client, pending, {"status": wanted})
    if wanted == status:
        assert answer.status == 200
    else:
        assert (answer.status, answer.codes, answer.json["allowed"]) == (409, ["invalid_transition"], [])
    assert everything_of(event) == before


def test_an_approved_one_never_waits_again(client, pending):
    put(client, pending, {"status": "APPROVED"})
    answer = put(client, pending, {"status": "PENDING"})
    assert (answer.status, answer.json["allowed"]) == (409, ["REJECTED", "CANCELLED"])
    assert answer.json["errors"][0]["detail"] == (
        "This registration is approved and can't be put back to waiting. You can reject or cancel it."
    )


def test_what_is_over_gets_no_slot(client, event, pending):
    put(client, pending, {"status": "CANCELLED"})
    answer = put(client, pending, {"assigned_pickup_slot": str(slots_of(event)[0].pk)})
    assert (answer.status, answer.codes) == (409, ["invalid_transition"])
    assert answer.json["errors"][0]["detail"] == (
        "This registration is cancelled and can't get another slot. The person can register again."
    )


def test_nobody_approves_their_own(client, owner, event, option):
    own = ask(event, owner, option)
    before = everything_of(event)
    answer = put(client, own, {"status": "APPROVED"})
    assert answer.status == 403
    assert everything_of(event) == before


def test_a_guest_decides_nothing_but_cancels_their_own(account, event, pending):
    guest_client = client_of(pending.user, account)
    before = everything_of(event)
    assert put(guest_client, pending, {"status": "APPROVED"}).status == 403
    assert put(guest_client, pending, {"status": "REJECTED"}).status == 403
    assert put(guest_client, pending, {"assigned_pickup_slot": "2026-07-15 08:00-09:00"}).status == 403
    assert everything_of(event) == before
    assert put(guest_client, pending, {"status": "CANCELLED"}).status == 200
    assert_sound()


def test_notes_with_a_refused_status_are_not_kept(client, event, option, owner):
    own = ask(event, owner, option, notes="Mine")
    assert put(client, own, {"status": "APPROVED", "notes": "Changed"}).status == 403
    assert registration_now(own).notes == "Mine"


def test_the_price_at_approval_is_committed_and_the_quoted_one_still_shown(client, owner, event, option, pending):
    update_option(event=event, option_id=option.pk, acting_user=owner, now=NOW, cost_per_unit=Decimal("12.50"))
    answer = put(client, pending, {"status": "APPROVED"})
    assert (answer.json["quoted_cost"], answer.json["amount_committed"]) == ("10.00", "25.00")
    assert committed(event) == Decimal(25)
    assert_sound()


def test_a_price_that_became_too_high_refuses_the_approval(client, owner, event, option, pending):
    update_option(event=event, option_id=option.pk, acting_user=owner, now=NOW, cost_per_unit=Decimal(501))
    before = everything_of(event)
    answer = put(client, pending, {"status": "APPROVED"})
    assert (answer.status, answer.json["conflict_type"]) == (409, "BUDGET_EXHAUSTED")
    assert answer.json["conflicts"][0]["available"] == "1000.00"
    assert everything_of(event) == before


def test_a_price_beyond_what_any_budget_holds_refuses_the_approval_alone_and_among_many(
    client, owner, event, option, pending
):
    update_option(
        event=event, option_id=option.pk, acting_user=owner, now=NOW, cost_per_unit=Decimal("999999999999.99")
    )
    before = everything_of(event)
    alone = put(client, pending, {"status": "APPROVED"})
    many = client.post(f"/events/{event.pk}/registrations/bulk", {"ids": [str(pending.pk)], "status": "APPROVED"})
    assert (alone.status, alone.json["conflict_type"]) == (409, "BUDGET_EXHAUSTED")
    assert (many.status, many.json["results"][0]["code"]) == (200, "BUDGET_EXHAUSTED")
    assert everything_of(event) == before


def test_what_came_in_time_can_be_approved_later(owner, event, pending):
    row = approved(pending, event, owner, now=event.registration_end_date + timedelta(days=1))
    assert row.status == "APPROVED"


def test_a_window_moved_away_from_the_request_refuses_its_approval(owner, event, pending):
    event = update_event(event=event, acting_user=owner, registration_start_date=NOW + timedelta(seconds=1))
    with pytest.raises(RegistrationConflict) as refusal:
        approved(pending, event, owner)
    assert refusal.value.conflict_type == "REGISTRATION_CLOSED"
    assert registration_now(pending).status == "PENDING"


def test_stock_below_what_is_taken_is_refused(owner, event, option, pending):
    with pytest.raises(TooFewPlaces):
        update_option(event=event, option_id=option.pk, acting_user=owner, now=NOW, total_available=1)
    assert option_now(option).total_available == 5


def test_lowered_stock_refuses_the_approval_of_those_it_leaves_out(account, owner):
    event = make_open_event(account, owner, pending_holds=False)
    option = make_option(event, owner, total_available=5)
    row = ask(event, guest(account), option, party_size=3)
    update_option(event=event, option_id=option.pk, acting_user=owner, now=NOW, total_available=2)
    answer = put(client_of(owner, account), row, {"status": "APPROVED"})
    assert (answer.status, answer.json["conflict_type"]) == (409, "INVENTORY_EXHAUSTED")
    assert registration_now(row).status == "PENDING"
    assert_sound()


def test_a_line_that_is_named_pays(account, owner):
    event = make_open_event(account, owner, total=None)
    line = make_line(make_budget(account, owner, total="1000", event=event), owner, budgeted_amount="100")
    option = make_option(event, owner, line_item_id=line.pk)
    row = approved(ask(event, guest(account), option), event, owner)
    assert BudgetLineItem.objects.get(pk=line.pk).committed_amount == Decimal(10)
    assert (row.committed_line_id, row.committed_budget_id) == (line.pk, line.budget_id)
    # The option pays from the budget by now; what was promised by the line is released there.
    update_option(event=event, option_id=option.pk, acting_user=owner, now=NOW, line_item_id=None)
    cancel(registration_id=row.pk, event=event, acting_user=owner, now=NOW)
    assert BudgetLineItem.objects.get(pk=line.pk).committed_amount == 0
    assert_sound()


def test_a_line_that_is_gone_is_said_with_what_to_do(account, owner, client):
    event = make_open_event(account, owner, total=None)
    line = make_line(make_budget(account, owner, total="1000", event=event), owner)
    option = make_option(event, owner, line_item_id=line.pk)
    row = ask(event, guest(account), option)
    # As a discarded revision takes it along.
    with deleted_rows_visible():
        BudgetLineItem.objects.filter(pk=line.pk).update(deleted_at=NOW)
    with pytest.raises(OptionLineGone, match="Choose another line"):
        approved(row, event, owner)
    answer = put(client, row, {"status": "APPROVED"})
    assert (answer.status, answer.codes) == (409, ["line_not_found"])
    assert registration_now(row).status == "PENDING"


def test_a_finalized_budget_is_a_clean_refusal(client, owner, event, option, pending, account):
    row = approved(pending, event, owner)
    other = ask(event, guest(account), option)
    EventBudget.objects.filter(event=event).update(status="finalized")
    before = everything_of(event)
    answer = put(client, other, {"status": "APPROVED"})
    assert (answer.status, answer.json["conflict_type"]) == (409, "BUDGET_EXHAUSTED")
    answer = put(client, row, {"status": "CANCELLED"})
    assert (answer.status, answer.codes) == (409, ["budget_locked"])
    with pytest.raises(BooksClosed, match="stays as it is"):
        cancel(registration_id=row.pk, event=event, acting_user=row.user, now=NOW)
    assert everything_of(event) == before
    # One that has promised nothing can still be taken back.
    assert reject(registration_id=other.pk, event=event, acting_user=owner, now=NOW).changed


def test_a_deleted_event_has_no_registrations_to_decide(owner, event, pending):
    delete_event(event=event, acting_user=owner, now=NOW)
    with pytest.raises(RegistrationNotFound):
        approved(pending, event, owner)


def test_another_slot_is_given_out_and_the_first_is_free_again(client, event, pending):
    answer = put(client, pending, {"assigned_pickup_slot": "2026-07-15 09:00-10:00"})
    assert answer.json["preferred_pickup_slot"] == "2026-07-15 09:00-10:00"
    answer = put(client, pending, {"status": "APPROVED", "assigned_pickup_slot": "2026-07-15 10:00-11:00"})
    assert answer.json["assigned_pickup_slot"] == "2026-07-15 10:00-11:00"
    answer = put(client, pending, {"assigned_pickup_slot": str(slots_of(event)[3].pk)})
    assert answer.json["assigned_pickup_slot"] == "2026-07-15 11:00-12:00"
    assert [slot.booked for slot in slots_of(event)] == [0, 0, 0, 2, 0, 0, 0, 0, 0, 0]
    assert_sound()


def test_a_slot_that_is_full_or_over_is_not_given_out(account, owner, event, option, pending):
    full = slots_of(event)[1]
    ask(event, guest(account), option=None, slot_id=full.pk, party_size=9)
    before = everything_of(event)
    with pytest.raises(RegistrationConflict, match="only 1 left"):
        assign(registration_id=pending.pk, event=event, slot_id=full.pk, acting_user=owner, now=NOW)
    later = event.event_date + timedelta(days=1)
    with pytest.raises(RegistrationConflict, match="is over"):
        assign(registration_id=pending.pk, event=event, slot_id=slots_of(event)[5].pk, acting_user=owner, now=later)
    assert everything_of(event) == before


def test_an_unknown_slot_is_refused_at_its_field(client, pending):
    answer = put(client, pending, {"assigned_pickup_slot": "noon"})
    assert (answer.status, answer.fields) == (400, {"assigned_pickup_slot": "unknown_slot"})


def test_a_manager_approves_and_a_stranger_finds_nothing(account, other_account, event, pending):
    with tenant_scope(other_account.pk):
        rival = make_member(other_account, Role.OWNER).user
    assert put(client_of(rival, other_account), pending, {"status": "APPROVED"}).status == 404
    with tenant_scope(other_account.pk), pytest.raises(RegistrationNotFound):
        approve(registration_id=pending.pk, event=event, acting_user=rival, now=NOW)
    assert registration_now(pending).status == "PENDING"
    assert (
        put(client_of(make_member(account, Role.MANAGER).user, account), pending, {"status": "APPROVED"}).status == 200
    )


def test_a_budget_that_commitments_stand_on_stays(client, owner, event, pending):
    approved(pending, event, owner)
    budget = budget_of(event)
    answer = client.delete(f"/event-budgets/{budget.pk}", {"version": budget.version})
    assert (answer.status, answer.codes) == (409, ["budget_has_commitments"])
    cancel(registration_id=pending.pk, event=event, acting_user=owner, now=NOW)
    budget = budget_of(event)
    assert client.delete(f"/event-budgets/{budget.pk}", {"version": budget.version}).status == 204
    assert EventRegistration.objects.count() == 1
