"""Events that come and go while people register, accept, leave and are let in: nobody waits in a circle."""

import random
import threading
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from decimal import Decimal

import pytest
from django.db import OperationalError, connection, connections, transaction

from budgets.services.ledger_proof import verify_ledger
from budgetsite.accounts.roles import Role
from budgetsite.tenancy.scope import deleted_rows_visible, tenant_scope
from budgetsite.testing.people import make_member
from budgetsite.testing.registrations import NOW, ask, make_attendees, make_open_event, make_option
from events.models import Event
from events.services import delete_event, restore_event, update_event
from registrations.models import EventRegistration, PickupSlot, RegistrationDesk, WaitlistEntry
from registrations.services.check_in import check_in, undo_check_in
from registrations.services.decision import change_registration, decide_many
from registrations.services.desk import change_policy
from registrations.services.option import update_option
from registrations.services.problems import RegistrationProblem
from registrations.services.registration import approve, assign, cancel
from registrations.services.registration_proof import verify_registrations
from registrations.services.slot import update_slot
from registrations.services.waitlist import accept_offer, join_waitlist, leave_waitlist
from registrations.tests.registrations import expire_offers

THREADS = 8
STEPS = 25


@pytest.fixture
def runner(committed_db, account):
    with transaction.atomic():
        return make_member(account, Role.OWNER).user


@transaction.atomic
def proven():
    return [*verify_registrations(), *verify_ledger()]


class Fair:
    """An event that comes and goes, with everything that may happen to it meanwhile."""

    def __init__(self, account, runner):
        self.runner = runner
        self.event = make_open_event(account, runner, total="2000")
        self.options = [make_option(self.event, runner, option_name=f"Option {n}", total_available=6) for n in range(2)]
        self.slots = list(PickupSlot.objects.filter(event=self.event).order_by("starts_at")[:2])
        self.people = make_attendees(account, 60)
        self.common = {"event": self.event, "now": NOW}
        rows = [
            ask(self.event, person, self.options[n % 2], slot_id=self.slots[n % 2].pk)
            for n, person in enumerate(self.people[:12])
        ]
        for row in rows[:6]:
            approve(registration_id=row.pk, acting_user=runner, **self.common)
        for n, person in enumerate(self.people[12:24]):
            join_waitlist(user=person, option_id=self.options[n % 2].pk, slot_id=None, **self.common)

    def step(self, choose):
        """Do one thing, as one of the event's people or of those who run it."""
        common, runner = self.common, self.runner
        what = choose.random()
        if what < 0.05:
            return delete_event(acting_user=runner, **common)
        if what < 0.22:
            with deleted_rows_visible():
                event = Event.objects.get(pk=self.event.pk)
            return restore_event(event=event, acting_user=runner)
        if what < 0.42:
            slot = choose.choice([None, *self.slots])
            option = choose.choice([None, *self.options])
            return ask(self.event, choose.choice(self.people), option, slot_id=slot and slot.pk)
        entry = self._some(WaitlistEntry.objects.filter(status__in=["OFFERED", "WAITING"]), choose)
        if what < 0.56 and entry:
            answer = accept_offer if entry.status == "OFFERED" else leave_waitlist
            return answer(entry_id=entry.pk, user=entry.user, **common)
        if what < 0.60:
            return expire_offers(now=NOW.replace(month=7, day=1))
        if what < 0.64:
            return self._run_it(choose)
        row = self._some(EventRegistration.objects.all(), choose)
        if row is None:
            return None
        if what < 0.74:
            return approve(registration_id=row.pk, acting_user=runner, **common)
        if what < 0.84:
            return cancel(registration_id=row.pk, acting_user=row.user, **common)
        if what < 0.92:
            return check_in(qr_token=row.qr_token, acting_user=runner, **common)
        return self._change(row, choose)

    def _run_it(self, choose):
        event, runner, common = self.event, self.runner, self.common
        return choose.choice(
            [
                lambda: update_event(event=Event.objects.get(pk=event.pk), acting_user=runner, expected_guests=80),
                lambda: update_option(
                    option_id=self.options[0].pk, acting_user=runner, total_available=choose.randint(6, 9), **common
                ),
                lambda: update_slot(slot_id=self.slots[0].pk, acting_user=runner, capacity=20, **self.common),
                lambda: change_policy(
                    event=event,
                    acting_user=runner,
                    cancel_until_hours=choose.randint(0, 9),
                    kept_share=RegistrationDesk.objects.get(event=event).kept_share,
                    offer_minutes=60,
                ),
            ]
        )()

    def _change(self, row, choose):
        common, runner = {**self.common, "acting_user": self.runner}, self.runner
        ids = list(EventRegistration.objects.order_by("?").values_list("pk", flat=True)[:4])
        return choose.choice(
            [
                lambda: undo_check_in(event=self.event, registration_id=row.pk, acting_user=runner, reason="Mistake"),
                lambda: assign(registration_id=row.pk, slot_id=choose.choice(self.slots).pk, **common),
                lambda: change_registration(
                    registration_id=row.pk, may_decide=True, notes=str(choose.random()), **common
                ),
                lambda: decide_many(registration_ids=ids, wanted=choose.choice(["APPROVED", "CANCELLED"]), **common),
            ]
        )()

    @staticmethod
    def _some(rows, choose):
        found = list(rows.select_related("user").order_by("pk"))
        return choose.choice(found) if found else None


def in_any_order(account, fair):
    """Let threads take random steps, each in a transaction of its own; return what these came to."""
    barrier = threading.Barrier(THREADS, timeout=30)

    def run(seed):
        choose, found = random.Random(f"fair {seed}"), Counter()
        try:
            with tenant_scope(account.pk, user_id=fair.runner.pk):
                connections["default"].ensure_connection()
                barrier.wait()
                for _ in range(STEPS):
                    try:
                        with transaction.atomic():
                            found[type(fair.step(choose)).__name__] += 1
                    except (RegistrationProblem, Event.DoesNotExist, RegistrationDesk.DoesNotExist) as refusal:
                        found[type(refusal).__name__] += 1
        finally:
            connections.close_all()
        return found

    with ThreadPoolExecutor(max_workers=THREADS) as pool:
        # Anything but a refusal, a circle of locks above all, comes out as the exception that it is.
        return sum(pool.map(run, range(THREADS)), Counter())


def test_an_event_that_comes_and_goes_while_everything_happens_stops_nobody(account, runner):
    with transaction.atomic():
        fair = Fair(account, runner)
    outcome = in_any_order(account, fair)
    assert sum(outcome.values()) == THREADS * STEPS
    assert proven() == []


@pytest.mark.parametrize("waits", [True, False])
def test_only_who_waits_to_have_the_event_alone_deletes_it_without_a_circle(account, runner, monkeypatch, waits):
    """The negative control: who deletes at once has one option, wants the other, and so does who decides."""
    if not waits:
        monkeypatch.setattr("events.services.have_event_alone", lambda event_id: None)
    with transaction.atomic():
        event = make_open_event(account, runner)
        free = [make_option(event, runner, cost_per_unit=Decimal(0)) for _ in range(2)]
        options = sorted(free, key=lambda option: option.pk)
        person = make_attendees(account, 1)[0]
        first, last = (ask(event, person, option) for option in options)
    deciding = {"event": event, "acting_user": runner, "now": NOW}
    stuck: list[Exception] = []

    def attempt(work):
        try:
            with tenant_scope(account.pk, user_id=runner.pk), transaction.atomic():
                work()
        except OperationalError as error:
            stuck.append(error)

    def delete():
        attempt(lambda: delete_event(**deciding))
        connections.close_all()

    def decide():
        approve(registration_id=last.pk, **deciding)
        thread.start()
        wait_until_somebody_waits()
        approve(registration_id=first.pk, **deciding)

    thread = threading.Thread(target=delete)
    attempt(decide)
    thread.join(30)
    assert [("deadlock detected" in str(error)) for error in stuck] == ([] if waits else [True])
    assert proven() == []


def wait_until_somebody_waits():
    with connection.cursor() as cursor:
        while True:
            cursor.execute("SELECT count(*) FROM pg_locks WHERE pg_backend_pid() = ANY (pg_blocking_pids(pid))")
            if cursor.fetchone()[0]:
                return
