"""Whatever happens to expenses, in any order: figures are what a simple count says, and the books are right."""

from decimal import Decimal

import pytest
from django.db import transaction
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule, run_state_machine_as_test

from budgets.models import BudgetLineItem, EventBudget, Expense, ExpenseInvoice, ExpensePayment
from budgets.services.expense import delete_expense
from budgets.services.expense_change import change_expense
from budgets.services.expense_stages import (
    approve_expense,
    cancel_expense,
    commit_expense,
    invoice_expense,
    reject_expense,
)
from budgets.services.ledger_proof import verify_ledger
from budgets.services.payment import add_payment, cancel_payment
from budgets.services.problems import BudgetProblem
from budgetsite.accounts.roles import Role
from budgetsite.money.amounts import InvalidAmount
from budgetsite.testing.budgets import make_budget
from budgetsite.testing.expenses import NOW, limit_expenses, make_expense

CENTS = st.integers(min_value=-9_000, max_value=60_000).map(lambda cents: Decimal(cents) / 100)
PICK = st.integers(min_value=0, max_value=1000)
STAGES = st.sampled_from(["planned", "committed", "invoiced"])
PLACES = st.sampled_from(["Flowers", "Venue", "Cake"])


class ExpenseLives(RuleBasedStateMachine):
    """A budget of 1,000 with two lines, and a category without one; above 300 somebody else approves."""

    account = staff = manager = None

    def __init__(self):
        super().__init__()
        lines = [
            {"category": "Flowers", "name": "Flowers", "budgeted_amount": Decimal(600)},
            {"category": "Venue", "name": "Hall", "budgeted_amount": Decimal(400)},
        ]
        self.budget = make_budget(self.account, self.staff, total="1000", lines=lines)
        # What each expense has promised and cost, by this test's own reckoning: (line, committed, actual).
        self.counted = {}

    def attempt(self, service, *positional, **arguments):
        try:
            with transaction.atomic():
                return service(*positional, **arguments)
        except (BudgetProblem, InvalidAmount):
            return None

    def an_expense(self, pick):
        known = sorted(self.counted)
        return known[pick % len(known)] if known else None

    def on(self, service, pick, *, user=None, role=Role.STAFF, **options):
        expense_id = self.an_expense(pick)
        if expense_id is None:
            return None, None
        if service is not invoice_expense:
            options["acting_role"] = role
        done = self.attempt(service, expense_id=expense_id, acting_user=user or self.staff, now=NOW, **options)
        return expense_id, done

    @rule(amount=CENTS, stage=STAGES, place=PLACES)
    def record(self, amount, stage, place):
        made = self.attempt(make_expense, self.budget, self.staff, amount=amount, stage=stage, category=place)
        if made is None:
            return
        waits = amount > 300
        stage = "planned" if waits else stage
        assert made.approval == ("pending" if waits else "approved")
        committed = amount if stage == "committed" else Decimal(0)
        actual = amount if stage == "invoiced" else Decimal(0)
        self.counted[made.pk] = (made.line_item_id, committed, actual)

    @rule(pick=PICK)
    def commit(self, pick):
        expense_id, done = self.on(commit_expense, pick)
        if done is not None:
            line, committed, actual = self.counted[expense_id]
            assert committed == 0
            self.counted[expense_id] = (line, done.amount - actual, actual)

    @rule(pick=PICK, amount=st.none() | CENTS, final=st.booleans())
    def invoice(self, pick, amount, final):
        expense_id, bill = self.on(invoice_expense, pick, amount=amount, final=final)
        if bill is None:
            return
        line, committed, actual = self.counted[expense_id]
        agreed = Expense.objects.values_list("amount", flat=True).get(pk=expense_id)
        actual += bill.amount
        if bill.amount > 0:
            committed = Decimal(0) if final or actual >= agreed else max(Decimal(0), committed - bill.amount)
        self.counted[expense_id] = (line, committed, actual)

    @rule(pick=PICK, bill=PICK, whole=st.booleans())
    def cancel(self, pick, bill, whole):
        expense_id = self.an_expense(pick)
        if expense_id is None:
            return
        bills = list(ExpenseInvoice.objects.filter(expense_id=expense_id, cancelled_at=None).order_by("pk"))
        taken = None if whole or not bills else bills[bill % len(bills)]
        _id, done = self.on(cancel_expense, pick, invoice_id=taken and taken.pk, whole=taken is None)
        if done is None:
            return
        line, committed, actual = self.counted[expense_id]
        if taken is None:
            self.counted[expense_id] = (line, Decimal(0), Decimal(0))
        else:
            self.counted[expense_id] = (line, committed + taken.settled_amount, actual - taken.amount)

    @rule(pick=PICK, amount=CENTS)
    def change_amount(self, pick, amount):
        expense_id, done = self.on(change_expense, pick, version=None, account=self.account, amount=amount)
        if done is not None:
            line, committed, actual = self.counted[expense_id]
            if done.stage == "invoiced":
                self.counted[expense_id] = (line, Decimal(0), amount)
            else:
                self.counted[expense_id] = (line, amount - actual if committed else committed, actual)

    @rule(pick=PICK, place=PLACES)
    def move(self, pick, place):
        expense_id, done = self.on(change_expense, pick, version=None, account=self.account, category=place)
        if done is not None:
            self.counted[expense_id] = (done.line_item_id, *self.counted[expense_id][1:])

    @rule(pick=PICK)
    def approve(self, pick):
        expense_id, done = self.on(approve_expense, pick, user=self.manager, role=Role.MANAGER, account=self.account)
        if done is not None:
            line, *_nothing = self.counted[expense_id]
            committed = done.amount if done.stage == "committed" else Decimal(0)
            self.counted[expense_id] = (line, committed, done.amount if done.stage == "invoiced" else Decimal(0))

    @rule(pick=PICK)
    def reject(self, pick):
        self.on(reject_expense, pick, user=self.manager, role=Role.MANAGER, reason="Too dear")

    @rule(pick=PICK, amount=CENTS)
    def pay(self, pick, amount):
        self.on(add_payment, pick, amount=amount)

    @rule(pick=PICK)
    def take_payment_back(self, pick):
        expense_id = self.an_expense(pick)
        payment = ExpensePayment.objects.filter(expense_id=expense_id, cancelled_at=None).first()
        if payment is not None:
            self.on(cancel_payment, pick, payment_id=payment.pk)

    @rule(pick=PICK)
    def delete(self, pick):
        expense_id = self.an_expense(pick)
        if expense_id is None:
            return
        self.on(delete_expense, pick)
        if not Expense.objects.filter(pk=expense_id).exists():
            del self.counted[expense_id]

    @invariant()
    def every_figure_is_what_was_counted(self):
        sums = {}
        for line, committed, actual in self.counted.values():
            before = sums.get(line, (Decimal(0), Decimal(0)))
            sums[line] = (before[0] + committed, before[1] + actual)
        for line in BudgetLineItem.objects.filter(budget=self.budget):
            assert (line.committed_amount, line.actual_amount) == sums.pop(line.pk, (0, 0))
        assert sums == {}
        budget = EventBudget.objects.get(pk=self.budget.pk)
        committed = sum((value[1] for value in self.counted.values()), Decimal(0))
        actual = sum((value[2] for value in self.counted.values()), Decimal(0))
        assert (budget.total_committed_amount, budget.total_actual_amount) == (committed, actual)

    @invariant()
    def nothing_is_paid_beyond_what_is_billed(self):
        for expense in Expense.objects.filter(budget=self.budget).exclude(stage="cancelled"):
            if expense.paid_amount:
                sign = 1 if expense.paid_amount > 0 else -1
                credits_came_later = ExpenseInvoice.objects.filter(expense=expense, amount__lt=0).exists()
                assert credits_came_later or sign * expense.paid_amount <= sign * expense.invoiced_amount

    def teardown(self):
        assert verify_ledger() == []


@pytest.mark.slow
def test_any_expense_life(account, staff, manager):
    limit_expenses("300")

    class Lives(ExpenseLives):
        def __init__(self):
            self.savepoint = transaction.savepoint()
            super().__init__()

        def teardown(self):
            try:
                super().teardown()
            finally:
                transaction.savepoint_rollback(self.savepoint)

    Lives.account, Lives.staff, Lives.manager = account, staff, manager
    run_state_machine_as_test(
        Lives,
        settings=settings(
            max_examples=12,
            stateful_step_count=25,
            deadline=None,
            suppress_health_check=list(HealthCheck),
        ),
    )
