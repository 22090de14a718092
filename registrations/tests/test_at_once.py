"""Hundreds press the button: real threads on real connections, each lock with a negative control."""

import random
from collections import Counter
from decimal import Decimal

import pytest
from django.db import connection, transaction

from budgets.models import EventBudget, LedgerEntry
from budgets.services.event_budget import update_event_budget
from budgets.services.ledger_proof import verify_ledger
from budgetsite.accounts.roles import Role
from budgetsite.testing.concurrency import run_at_once
from budgetsite.testing.people import make_member
from budgetsite.testing.registrations import NOW, ask, make_attendees, make_open_event, make_option
from registrations.models import EventOption, EventRegistration, PickupSlot
from registrations.services.check_in import check_in
from registrations.services.option import update_option
from registrations.services.registration import approve, cancel, reject

THREADS = 16


@pytest.fixture
def people(committed_db, account):
    """Who runs the event, and who wants to come."""
    with transaction.atomic():
        return make_member(account, Role.OWNER).user, make_attendees(account, THREADS)


@pytest.fixture
def event(people, account):
    with transaction.atomic():
        return make_open_event(account, people[0])


def option_of(event, user, **fields):
    with transaction.atomic():
        return make_option(event, user, **fields)


def read(query):
    with transaction.atomic():
        return query()


def outcomes(results):
    return Counter(type(result).__name__ for result in results)


def assert_true(event):
    """Every counter says what the rows say, and the books are clean."""

    def check():
        for option in EventOption.objects.filter(event=event):
            rows = list(EventRegistration.objects.filter(event_option=option))
            by_status = Counter(str(row.status) for row in rows)
            places = Counter()
            for row in rows:
                places[str(row.status)] += row.party_size
            assert option.pending_count == by_status["PENDING"]
            assert option.approved_count == by_status["APPROVED"]
            assert option.rejected_count == by_status["REJECTED"]
            assert option.cancelled_count == by_status["CANCELLED"]
            assert option.committed_count == places["APPROVED"]
            assert option.pending_places == places["PENDING"]
            assert option.held_count == sum(row.party_size for row in rows if row.holds)
            assert option.available_slots >= 0
        for slot in PickupSlot.objects.filter(event=event):
            booked = sum(
                row.party_size
                for row in EventRegistration.objects.filter(event=event)
                if (row.status == "APPROVED" and row.assigned_slot_id == slot.pk)
                or (row.status == "PENDING" and row.holds and row.preferred_slot_id == slot.pk)
            )
            assert slot.booked == booked
        budget = EventBudget.objects.get(event=event)
        promised = sum(row.amount_committed for row in EventRegistration.objects.filter(event=event))
        assert budget.total_committed_amount == promised
        assert budget.available_amount >= 0
        assert verify_ledger() == []

    read(check)


def test_of_many_who_ask_at_once_as_many_get_a_place_as_there_are(account, people, event):
    owner, guests = people
    option = option_of(event, owner, total_available=5)
    results = run_at_once([lambda guest=guest: ask(event, guest, option) for guest in guests], tenant_id=account.pk)
    assert outcomes(results) == {"EventRegistration": 5, "RegistrationConflict": THREADS - 5}
    assert read(lambda: EventOption.objects.get(pk=option.pk).available_slots) == 0
    assert_true(event)


def test_without_the_conditional_update_more_would_get_one(account, people, event):
    """The negative control: reading first and writing then sells the same place to several."""
    owner, _guests = people
    option = option_of(event, owner, total_available=5)
    barrier_passed = []

    def naive():
        row = EventOption.objects.get(pk=option.pk)
        barrier_passed.append(row.available_slots)
        with connection.cursor() as cursor:
            cursor.execute("SELECT pg_sleep(0.05)")
        EventOption.objects.filter(pk=option.pk).update(held_count=row.held_count + 1)
        return row

    run_at_once([naive] * THREADS, tenant_id=account.pk)
    assert len(barrier_passed) == THREADS
    assert read(lambda: EventOption.objects.get(pk=option.pk).held_count) < THREADS


def test_parallel_approvals_of_five_places_leave_five(account, people):
    owner, guests = people
    with transaction.atomic():
        event = make_open_event(account, owner, pending_holds=False)
        option = make_option(event, owner, total_available=5)
        asked = [ask(event, guest, option) for guest in guests]
    results = run_at_once(
        [lambda row=row: approve(registration_id=row.pk, event=event, acting_user=owner, now=NOW) for row in asked],
        tenant_id=account.pk,
        user_id=owner.pk,
    )
    assert outcomes(results) == {"Decided": 5, "RegistrationConflict": THREADS - 5}
    assert {r.conflict_type for r in results if not hasattr(r, "changed")} == {"INVENTORY_EXHAUSTED"}
    assert read(lambda: EventOption.objects.get(pk=option.pk).committed_count) == 5
    assert_true(event)


def test_parallel_approvals_spend_no_more_than_the_budget_has(account, people):
    owner, guests = people
    with transaction.atomic():
        event = make_open_event(account, owner, total="75")
        option = make_option(event, owner, cost_per_unit=Decimal(10))
        asked = [ask(event, guest, option) for guest in guests]
    results = run_at_once(
        [lambda row=row: approve(registration_id=row.pk, event=event, acting_user=owner, now=NOW) for row in asked],
        tenant_id=account.pk,
        user_id=owner.pk,
    )
    assert outcomes(results) == {"Decided": 7, "RegistrationConflict": THREADS - 7}
    assert {r.conflict_type for r in results if not hasattr(r, "changed")} == {"BUDGET_EXHAUSTED"}
    assert_true(event)


def test_one_registration_approved_by_many_is_committed_once(account, people, event):
    owner, guests = people
    option = option_of(event, owner)
    row = read(lambda: ask(event, guests[0], option))
    results = run_at_once(
        [lambda: approve(registration_id=row.pk, event=event, acting_user=owner, now=NOW)] * THREADS,
        tenant_id=account.pk,
        user_id=owner.pk,
    )
    assert Counter(result.changed for result in results) == {True: 1, False: THREADS - 1}
    assert read(LedgerEntry.objects.count) == 1
    assert_true(event)


def test_one_person_who_asks_often_at_once_has_one_registration(account, people, event):
    owner, guests = people
    option = option_of(event, owner)
    results = run_at_once([lambda: ask(event, guests[0], option)] * THREADS, tenant_id=account.pk)
    assert outcomes(results) == {"EventRegistration": 1, "RegisteredAlready": THREADS - 1}
    assert_true(event)


def test_a_slot_takes_as_many_as_fit(account, people, event):
    owner, guests = people
    option = option_of(event, owner)
    slot = read(lambda: PickupSlot.objects.filter(event=event).order_by("starts_at").first())
    results = run_at_once(
        [lambda guest=guest: ask(event, guest, option, slot_id=slot.pk) for guest in guests], tenant_id=account.pk
    )
    assert outcomes(results) == {"EventRegistration": 10, "RegistrationConflict": THREADS - 10}
    assert_true(event)


def test_two_doors_hand_out_once(account, people, event):
    owner, guests = people
    option = option_of(event, owner)

    def approved():
        row = ask(event, guests[0], option)
        return approve(registration_id=row.pk, event=event, acting_user=owner, now=NOW).registration

    row = read(approved)
    results = run_at_once(
        [lambda: check_in(event=event, qr_token=row.qr_token, acting_user=owner, now=NOW)] * THREADS,
        tenant_id=account.pk,
    )
    assert Counter(scan.result for scan in results) == {"SUCCESS": 1, "ALREADY_COLLECTED": THREADS - 1}
    assert read(lambda: EventOption.objects.get(pk=option.pk).collected_count) == 1


def test_the_same_scan_sent_often_is_one_check_in(account, people, event):
    owner, guests = people
    option = option_of(event, owner)

    def approved():
        row = ask(event, guests[0], option)
        return approve(registration_id=row.pk, event=event, acting_user=owner, now=NOW).registration

    row = read(approved)
    results = run_at_once(
        [lambda: check_in(event=event, qr_token=row.qr_token, acting_user=owner, now=NOW, nonce="scan-1")] * 8,
        tenant_id=account.pk,
    )
    assert Counter(getattr(scan, "result", repr(scan)) for scan in results) == {"SUCCESS": 8}


def test_asking_approving_cancelling_and_cutting_at_random_leaves_every_counter_true(account, people):
    owner, guests = people
    with transaction.atomic():
        event = make_open_event(account, owner, total="130")
        options = [make_option(event, owner, total_available=6), make_option(event, owner, option_name="Shirt")]
        slots = list(PickupSlot.objects.filter(event=event).order_by("starts_at")[:2])
    common = {"event": event, "now": NOW}

    def person(guest, seed):
        choose = random.Random(seed)

        def step():
            mine = list(EventRegistration.objects.filter(event=event).values_list("pk", "user_id"))
            what = choose.random()
            if what < 0.45 or not mine:
                return ask(
                    event,
                    guest,
                    choose.choice(options),
                    slot_id=choose.choice([None, *slots]) and choose.choice(slots).pk,
                    party_size=choose.randint(1, 3),
                )
            row, _user = choose.choice(mine)
            if what < 0.7:
                return approve(registration_id=row, acting_user=owner, **common)
            if what < 0.8:
                return reject(registration_id=row, acting_user=owner, **common)
            if what < 0.95:
                return cancel(registration_id=row, acting_user=guest, **common)
            if what < 0.98:
                return update_option(
                    event=event,
                    option_id=options[0].pk,
                    acting_user=owner,
                    now=NOW,
                    total_available=choose.randint(1, 8),
                )
            # Held, so that nothing is committed between looking and cutting.
            budget = EventBudget.objects.select_for_update(no_key=True).get(event=event)
            return update_event_budget(
                budget_id=budget.pk,
                version=budget.version,
                acting_user=owner,
                total_budget_amount=budget.total_committed_amount + choose.randint(0, 60),
            )

        return step

    refusals: Counter[str] = Counter()
    problems: list[str] = []
    for round_number in range(12):
        steps = [person(guest, f"{round_number}-{position}") for position, guest in enumerate(guests)]
        results = run_at_once(steps, tenant_id=account.pk, user_id=owner.pk)
        problems += [str(result) for result in results if type(result).__name__ == "OperationalError"]
        refusals += outcomes(results)
    known = {
        "EventRegistration", "Decided", "RegistrationConflict", "RegisteredAlready", "InvalidStatusChange",
        "OwnRegistration", "TooFewPlaces", "EventOption", "EventBudget", "StaleVersion",
    }  # fmt: skip
    assert set(refusals) <= known, problems
    assert refusals["Decided"] > 10
    assert_true(event)
