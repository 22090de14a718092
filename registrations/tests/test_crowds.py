"""Crowds and accidents: more people than places, hundreds of approvals, circles of locks, a connection that dies."""

import threading
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from decimal import Decimal

import pytest
from django.db import InterfaceError, OperationalError, connections, transaction

from budgets.models import EventBudget, LedgerEntry
from budgets.services.ledger_proof import verify_ledger
from budgetsite.accounts.roles import Role
from budgetsite.tenancy.scope import tenant_scope
from budgetsite.testing.concurrency import run_at_once
from budgetsite.testing.people import make_member
from budgetsite.testing.registrations import NOW, ask, make_attendees, make_open_event, make_option
from events.services import delete_event
from registrations.models import EventOption, EventRegistration, PickupSlot, WaitlistEntry
from registrations.services.decision import decide_many
from registrations.services.problems import RegistrationProblem
from registrations.services.registration import approve, cancel
from registrations.services.registration_proof import verify_registrations
from registrations.services.slot import update_slot
from registrations.services.waitlist import accept_offer, join_waitlist
from registrations.tests.registrations import expire_offers

# As many at once as the machine has threads for; each does its part of the crowd.
THREADS = 16


@pytest.fixture
def runner(committed_db, account):
    with transaction.atomic():
        return make_member(account, Role.OWNER).user


@transaction.atomic
def proven():
    return [*verify_registrations(), *verify_ledger()]


@transaction.atomic
def counted(option):
    return EventOption.objects.get(pk=option.pk)


def parts(rows):
    return [rows[start::THREADS] for start in range(THREADS)]


def at_once(account, user, jobs):
    """Share the jobs out among threads, each job in a transaction of its own; return what they came to."""
    barrier = threading.Barrier(THREADS, timeout=30)

    def run(part):
        found = []
        try:
            with tenant_scope(account.pk, user_id=user.pk):
                connections["default"].ensure_connection()
                barrier.wait()
                for job in part:
                    try:
                        with transaction.atomic():
                            found.append(type(job()).__name__)
                    except RegistrationProblem as refusal:
                        found.append(type(refusal).__name__)
        finally:
            connections.close_all()
        return found

    with ThreadPoolExecutor(max_workers=THREADS) as pool:
        # Anything but a refusal comes out as the exception that it is.
        return Counter(name for found in pool.map(run, parts(jobs)) for name in found)


def test_two_hundred_people_for_fifty_places(account, runner):
    with transaction.atomic():
        event = make_open_event(account, runner)
        option = make_option(event, runner, total_available=50)
        people = make_attendees(account, 200)
    outcome = at_once(account, runner, [lambda person=person: ask(event, person, option) for person in people])
    assert outcome == {"EventRegistration": 50, "RegistrationConflict": 150}
    assert (counted(option).held_count, counted(option).available_slots) == (50, 0)
    assert proven() == []


def test_a_hundred_and_sixty_approvals_at_once(account, runner):
    with transaction.atomic():
        event = make_open_event(account, runner, total="1600")
        option = make_option(event, runner, total_available=160)
        rows = [ask(event, person, option) for person in make_attendees(account, 160)]
    jobs = [lambda row=row: approve(registration_id=row.pk, event=event, acting_user=runner, now=NOW) for row in rows]
    assert at_once(account, runner, jobs) == {"Decided": 160}
    assert counted(option).committed_count == 160
    with transaction.atomic():
        assert LedgerEntry.objects.filter(kind="commit").count() == 160
        assert EventBudget.objects.get(event=event).total_committed_amount == Decimal(1600)
    assert proven() == []


def test_batches_in_opposite_order_never_wait_in_a_circle(account, runner):
    with transaction.atomic():
        event = make_open_event(account, runner)
        options = [make_option(event, runner), make_option(event, runner, option_name="Shirt")]
        slots = list(PickupSlot.objects.filter(event=event).order_by("starts_at")[:4])
        rows = [
            ask(event, person, options[number % 2], slot_id=slots[number % 4].pk)
            for number, person in enumerate(make_attendees(account, 32))
        ]
    ids = [row.pk for row in rows]

    def batch(number):
        wanted = ids if number % 2 else ids[::-1]
        return lambda: decide_many(
            event=event,
            registration_ids=wanted[: 8 + number],
            wanted="APPROVED" if number % 3 else "CANCELLED",
            acting_user=runner,
            now=NOW,
        )

    results = run_at_once([batch(number) for number in range(8)], tenant_id=account.pk, user_id=runner.pk)
    assert {type(result) for result in results} == {list}
    assert proven() == []


def test_queues_slots_and_money_of_several_options_never_wait_in_a_circle(account, runner):
    """Cancelling frees a slot that others queue for; approving takes slots and money: in every order at once."""
    with transaction.atomic():
        event = make_open_event(account, runner, total="5000")
        options = [make_option(event, runner, option_name=f"Option {n}", total_available=40) for n in range(4)]
        slots = list(PickupSlot.objects.filter(event=event).order_by("starts_at")[:3])
        for slot in slots:
            update_slot(event=event, slot_id=slot.pk, capacity=4, acting_user=runner, now=NOW)
        people = make_attendees(account, 36)
        rows = [ask(event, person, options[n % 4], slot_id=slots[n % 3].pk) for n, person in enumerate(people[:12])]
        for n, person in enumerate(people[12:]):
            join_waitlist(event=event, user=person, option_id=options[n % 4].pk, slot_id=slots[(n + 1) % 3].pk, now=NOW)
        for row in rows[::2]:
            approve(registration_id=row.pk, event=event, acting_user=runner, now=NOW)
    common = {"event": event, "acting_user": runner, "now": NOW}
    jobs = []
    for n, row in enumerate(rows):
        act = cancel if n % 2 == 0 else approve
        jobs.append(lambda act=act, row=row: act(registration_id=row.pk, **common))
    jobs += [lambda: expire_offers(now=NOW.replace(year=2027)) for _ in range(4)]

    def accept(person):
        entry = WaitlistEntry.objects.filter(user=person, status="OFFERED").first()
        return accept_offer(entry_id=entry.pk, event=event, user=person, now=NOW) if entry else None

    jobs += [lambda person=person: accept(person) for person in people[12:]]
    at_once(account, runner, jobs)
    assert proven() == []


def test_an_event_deleted_while_people_register_leaves_nobody_behind(account, runner):
    with transaction.atomic():
        event = make_open_event(account, runner)
        option = make_option(event, runner)
        people = make_attendees(account, 32)
    jobs = [lambda person=person, n=n: ask(event, person, option if n % 2 else None) for n, person in enumerate(people)]
    jobs.insert(20, lambda: delete_event(event=event, acting_user=runner, now=NOW))
    at_once(account, runner, jobs)
    with transaction.atomic():
        assert EventRegistration.objects.count() == 0
        assert EventOption.objects.count() == 0
    assert proven() == []


@pytest.mark.parametrize("statement", range(1, 12))
def test_a_connection_killed_between_any_two_statements_leaves_no_trace(account, runner, statement):
    with transaction.atomic():
        event = make_open_event(account, runner)
        option = make_option(event, runner)
        slot = PickupSlot.objects.filter(event=event).order_by("starts_at")[0]
        row = ask(event, make_attendees(account, 1)[0], option, slot_id=slot.pk)
    seen = 0

    def dies(execute, sql, params, many, context):
        nonlocal seen
        seen += 1
        if seen == statement:
            # As when the process is killed: PostgreSQL takes back what is not committed.
            connection.connection.close()
        return execute(sql, params, many, context)

    connection = connections["default"]
    died = False
    try:
        with connection.execute_wrapper(dies), transaction.atomic():
            approve(registration_id=row.pk, event=event, acting_user=runner, now=NOW)
    except (OperationalError, InterfaceError):
        died = True
    finally:
        connection.close()
    with transaction.atomic():
        status = EventRegistration.objects.get(pk=row.pk).status
        assert status == ("PENDING" if died else "APPROVED")
        assert EventBudget.objects.get(event=event).total_committed_amount == (0 if died else 10)
    assert died == (statement <= seen)
    assert proven() == []
