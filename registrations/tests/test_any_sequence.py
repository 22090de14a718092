"""Whatever is asked, decided, cut and moved in whatever order: incremental counters equal those counted anew."""

from contextlib import suppress
from datetime import timedelta
from decimal import Decimal
from uuid import UUID

import pytest
from django.db import transaction
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule, run_state_machine_as_test

from budgets.models import EventBudget
from budgets.services.ledger_proof import verify_ledger
from budgets.services.problems import BudgetProblem
from budgetsite.accounts.roles import Role
from budgetsite.testing.people import make_member
from budgetsite.testing.registrations import NOW, make_attendees, make_open_event, make_option
from registrations.models import EventOption, EventRegistration, PickupSlot, WaitlistEntry
from registrations.services.check_in import check_in, undo_check_in
from registrations.services.decision import decide_many
from registrations.services.desk import change_policy
from registrations.services.option import update_option
from registrations.services.problems import RegistrationProblem
from registrations.services.registration import approve, assign, cancel, register, reject
from registrations.services.registration_proof import verify_registrations
from registrations.services.slot import update_slot
from registrations.services.waitlist import accept_offer, join_waitlist, leave_waitlist
from registrations.tests.registrations import expire_offers

PEOPLE = 6
choices = st.integers(0, 10_000)


class Desk(RuleBasedStateMachine):
    """People who ask, queue and cancel; an owner who decides, cuts and hands out."""

    account = None

    @initialize(holds=st.booleans())
    def open(self, holds):
        self.owner = make_member(self.account, Role.OWNER).user
        self.people = make_attendees(self.account, PEOPLE)
        self.event = make_open_event(self.account, self.owner, total="60", pending_holds=holds)
        self.options = [
            make_option(self.event, self.owner, total_available=4).pk,
            make_option(self.event, self.owner, option_name="Free", total_available=3, cost_per_unit=0).pk,
            None,
        ]
        slots = PickupSlot.objects.filter(event=self.event).order_by("starts_at")[:2]
        self.slots = [*slots.values_list("pk", flat=True), None]
        for slot_id in self.slots[:2]:
            update_slot(event=self.event, slot_id=slot_id, capacity=3, acting_user=self.owner, now=NOW)
        change_policy(
            event=self.event,
            acting_user=self.owner,
            cancel_until_hours=0,
            kept_share=Decimal("33.33"),
            offer_minutes=60,
        )
        self.now = NOW

    def attempt(self, service, **arguments):
        """Do it, or have it refused; the invariant says that a refusal has changed nothing by halves."""
        with suppress(RegistrationProblem, BudgetProblem), transaction.atomic():
            service(event=self.event, **arguments)

    def some(self, rows, number) -> UUID | None:
        ids = list(rows.order_by("created_at", "id").values_list("pk", flat=True))
        return ids[number % len(ids)] if ids else None

    @rule(person=choices, option=choices, slot=choices, party=st.integers(1, 3), queues=st.booleans())
    def ask_or_queue(self, person, option, slot, party, queues):
        self.attempt(
            join_waitlist if queues else register,
            user=self.people[person % PEOPLE],
            option_id=self.options[option % 3],
            slot_id=self.slots[slot % 3],
            party_size=party,
            now=self.now,
        )

    @rule(number=choices, slot=choices)
    def approve_one(self, number, slot):
        row = self.some(EventRegistration.objects, number)
        if row:
            slot_id = self.slots[slot % 3]
            self.attempt(approve, registration_id=row, acting_user=self.owner, now=self.now, assigned_slot_id=slot_id)

    @rule(number=choices, late=st.booleans(), by_owner=st.booleans(), rejects=st.booleans())
    def take_back(self, number, late, by_owner, rejects):
        row = self.some(EventRegistration.objects, number)
        if row:
            person = self.owner if by_owner else EventRegistration.objects.get(pk=row).user
            moment = self.event.event_date + timedelta(hours=1) if late else self.now
            self.attempt(reject if rejects else cancel, registration_id=row, acting_user=person, now=moment)

    @rule(number=choices, slot=st.integers(0, 1))
    def give_another_slot(self, number, slot):
        row = self.some(EventRegistration.objects, number)
        if row:
            self.attempt(assign, registration_id=row, slot_id=self.slots[slot], acting_user=self.owner, now=self.now)

    @rule(total=st.integers(0, 8), price=st.sampled_from(["0", "7.50", "10", "30"]), option=st.integers(0, 1))
    def change_option(self, total, price, option):
        self.attempt(
            update_option,
            option_id=self.options[option],
            acting_user=self.owner,
            now=self.now,
            total_available=total,
            cost_per_unit=Decimal(price),
        )

    @rule(capacity=st.integers(1, 5), slot=st.integers(0, 1))
    def change_slot(self, capacity, slot):
        self.attempt(update_slot, slot_id=self.slots[slot], capacity=capacity, acting_user=self.owner, now=self.now)

    @rule(number=choices, accepts=st.booleans())
    def answer_an_offer(self, number, accepts):
        entry = self.some(WaitlistEntry.objects, number)
        if entry:
            user = WaitlistEntry.objects.get(pk=entry).user
            self.attempt(accept_offer if accepts else leave_waitlist, entry_id=entry, user=user, now=self.now)

    @rule(minutes=st.integers(1, 90))
    def let_time_pass(self, minutes):
        self.now += timedelta(minutes=minutes)
        expire_offers(now=self.now)

    @rule(number=choices, undo=st.booleans())
    def at_the_door(self, number, undo):
        row = self.some(EventRegistration.objects, number)
        if row and undo:
            self.attempt(undo_check_in, registration_id=row, acting_user=self.owner, reason="Mistake")
        elif row:
            token = EventRegistration.objects.get(pk=row).qr_token
            self.attempt(check_in, qr_token=token, acting_user=self.owner, now=self.now)

    @rule(wanted=st.sampled_from(["APPROVED", "REJECTED"]), dry_run=st.booleans())
    def decide_on_all(self, wanted, dry_run):
        ids = list(EventRegistration.objects.order_by("created_at").values_list("pk", flat=True))
        decide_many(
            event=self.event,
            registration_ids=ids,
            wanted=wanted,
            acting_user=self.owner,
            now=self.now,
            dry_run=dry_run,
        )

    @invariant()
    def is_sound(self):
        if not hasattr(self, "event"):
            return
        assert verify_registrations() == []
        for option in EventOption.objects.all():
            assert option.available_slots >= 0
        assert EventBudget.objects.get(event=self.event).total_committed_amount >= 0

    def teardown(self):
        assert verify_ledger() == []


@pytest.mark.slow
def test_any_sequence_leaves_every_counter_as_the_rows_say(account):
    class InThisAccount(Desk):
        def __init__(self):
            super().__init__()
            self._savepoint = transaction.atomic()
            self._savepoint.__enter__()

        def teardown(self):
            super().teardown()
            transaction.set_rollback(True)
            self._savepoint.__exit__(None, None, None)

    InThisAccount.account = account
    run_state_machine_as_test(
        InThisAccount,
        settings=settings(
            max_examples=25,
            stateful_step_count=25,
            deadline=None,
            suppress_health_check=list(HealthCheck),
        ),
    )
