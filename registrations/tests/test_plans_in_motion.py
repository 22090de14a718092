"""Promises while the plan that pays them moves: transfers between lines, cuts, a revision, and the end of the books."""

import random
from collections import Counter
from contextlib import suppress
from decimal import Decimal

import pytest
from django.db import transaction

from budgets.models import BudgetLineItem, BudgetTransfer, EventBudget
from budgets.services.line_item import update_line_item
from budgets.services.problems import BudgetProblem
from budgets.services.transfer import reverse_transfer, transfer_between_lines
from budgetsite.accounts.roles import Role
from budgetsite.testing.budgets import make_line, move
from budgetsite.testing.concurrency import run_at_once
from budgetsite.testing.people import make_member
from budgetsite.testing.registrations import NOW, ask, make_attendees, make_open_event, make_option
from registrations.models import EventOption, EventRegistration
from registrations.services.problems import RegistrationProblem
from registrations.services.registration import approve, cancel, reject
from registrations.tests.registrations import assert_sound

THREADS = 10
ROUNDS = 5


@pytest.fixture
def runners(committed_db, account):
    with transaction.atomic():
        return make_member(account, Role.OWNER).user, make_member(account, Role.MANAGER).user


class Gala:
    """An event whose two options are paid by two lines of an approved plan: 100 and 60."""

    def __init__(self, account, runners):
        self.account, (self.owner, self.manager) = account, runners
        self.event = make_open_event(account, self.owner, total="160")
        self.budget = EventBudget.objects.get(event=self.event)
        self.lines = [
            make_line(self.budget, self.owner, name=name, budgeted_amount=amount)
            for name, amount in (("Mugs", "100"), ("Shirts", "60"))
        ]
        self.options = [
            make_option(self.event, self.owner, option_name=line.name, line_item_id=line.pk) for line in self.lines
        ]
        move(self.budget, "submit", user=self.owner, role=Role.OWNER, account=account)
        self.move("approve")
        self.people = make_attendees(account, 40)

    def move(self, action, **options):
        return move(self.budget, action, user=self.manager, role=Role.MANAGER, account=self.account, **options)

    def by(self, user, role, **options):
        common = {"budget_id": self.budget.pk, "account": self.account, "now": NOW, "reason": "Fewer guests"}
        return {**common, "acting_user": user, "acting_role": role, **options}

    def step(self, seed):
        """Return one thing that somebody does."""
        choose = random.Random(f"gala {seed}")

        def do():
            what, mine = choose.random(), list(EventRegistration.objects.order_by("pk").values_list("pk", "user_id"))
            if what < 0.3 or not mine:
                return ask(self.event, choose.choice(self.people), choose.choice(self.options))
            if what < 0.5:
                source, target = choose.sample([line.pk for line in self.lines], 2)
                amounts = {"from_line_id": source, "to_line_id": target, "amount": Decimal(choose.randint(5, 40))}
                return transfer_between_lines(**self.by(self.owner, Role.OWNER, **amounts))
            if what < 0.6:
                moved = choose.choice(list(BudgetTransfer.objects.order_by("pk")) or [None])
                return moved and reverse_transfer(**self.by(self.owner, Role.OWNER, transfer_id=moved.pk))
            row, _user = choose.choice(mine)
            service = choose.choice([approve, approve, approve, cancel, reject])
            return service(registration_id=row, event=self.event, acting_user=self.manager, now=NOW)

        return do


def check(gala):
    with transaction.atomic():
        assert_sound()
        lines = list(BudgetLineItem.objects.filter(budget=gala.budget))
        assert sum(line.in_force_amount for line in lines) == 160
        assert all(line.committed_amount <= line.in_force_amount for line in lines)
        for option in EventOption.objects.filter(event=gala.event):
            [line] = [line for line in lines if line.pk == option.line_item_id]
            assert line.committed_amount == option.committed_count * 10


def known(results):
    """Nothing but what was done and what was refused in words."""
    return [result for result in results if isinstance(result, Exception) and not isinstance(result, REFUSALS)]


REFUSALS = (RegistrationProblem, BudgetProblem)


def test_promises_stay_within_their_lines_while_transfers_go_to_and_fro(account, runners):
    with transaction.atomic():
        gala = Gala(account, runners)
    outcome = Counter()
    for number in range(ROUNDS):
        steps = [gala.step(f"{number}-{position}") for position in range(THREADS)]
        results = run_at_once(steps, tenant_id=account.pk, user_id=gala.owner.pk)
        assert known(results) == []
        outcome += Counter(type(result).__name__ for result in results)
    check(gala)
    assert min(outcome["Decided"], outcome["BudgetTransfer"], outcome["EventRegistration"]) > 3, outcome


def test_whoever_decides_while_the_books_are_closed_is_in_them_or_refused(account, runners):
    with transaction.atomic():
        gala = Gala(account, runners)
        rows = [ask(gala.event, person, gala.options[0]) for person in gala.people[:9]]
        gala.move("activate")
        for row in rows[:3]:
            approve(registration_id=row.pk, event=gala.event, acting_user=gala.manager, now=NOW)
    common = {"event": gala.event, "acting_user": gala.manager, "now": NOW}
    steps = [lambda row=row: cancel(registration_id=row.pk, **common) for row in rows[:3]]
    steps += [lambda row=row: approve(registration_id=row.pk, **common) for row in rows[3:]]
    closing = {"override": True, "reason": "The gala is over"}
    steps.insert(4, lambda: move(gala.budget, "finalize", user=gala.owner, role=Role.OWNER, account=account, **closing))
    results = run_at_once(steps, tenant_id=account.pk, user_id=gala.manager.pk)
    assert known(results) == []
    assert {type(result).__name__ for result in results} <= {
        "Decided", "EventBudget", "RegistrationConflict", "BooksClosed",
    }  # fmt: skip
    check(gala)
    with transaction.atomic():
        assert EventBudget.objects.get(pk=gala.budget.pk).status == "finalized"
    # Nothing is promised or released from then on, in the archive no more than before.
    for archived in (False, True):
        if archived:
            with transaction.atomic():
                move(gala.budget, "archive", user=gala.owner, role=Role.OWNER, account=account)
        before = promised(gala)
        for row in (rows[0], rows[-1]):
            for service in (approve, cancel, reject):
                with suppress(*REFUSALS), transaction.atomic():
                    service(registration_id=row.pk, **common)
        assert promised(gala) == before
    check(gala)


def promised(gala):
    with transaction.atomic():
        return list(
            EventRegistration.objects.filter(event=gala.event, amount_committed__gt=0)
            .order_by("pk")
            .values_list("pk", "status", "amount_committed")
        )


def test_a_plan_under_revision_pays_what_was_approved(account, runners):
    with transaction.atomic():
        gala = Gala(account, runners)
        rows = [ask(gala.event, person, gala.options[1]) for person in gala.people[:8]]
        gala.move("revise", reason="Fewer shirts")
        shirts = BudgetLineItem.objects.get(pk=gala.lines[1].pk)
        version = EventBudget.objects.get(pk=gala.budget.pk).version
        update_line_item(
            line_item_id=shirts.pk, budget_id=gala.budget.pk, version=version, acting_user=gala.owner,
            budgeted_amount=Decimal(10),
        )  # fmt: skip
    decide = [
        lambda row=row: approve(registration_id=row.pk, event=gala.event, acting_user=gala.manager, now=NOW)
        for row in rows
    ]
    results = run_at_once(decide, tenant_id=account.pk, user_id=gala.manager.pk)
    # Sixty are in force until somebody approves the ten.
    assert Counter(type(result).__name__ for result in results) == {"Decided": 6, "RegistrationConflict": 2}
    with transaction.atomic():
        assert_sound()
