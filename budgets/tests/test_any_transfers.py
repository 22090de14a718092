"""Whatever is moved, taken back, approved, promised and spent: the plan's sum stays, and the books are right."""

from decimal import Decimal

import pytest
from django.db import transaction
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule, run_state_machine_as_test

from budgets.models import BudgetLineItem, BudgetTransfer, EntryKind, EventBudget
from budgets.services import ledger
from budgets.services.ledger_proof import verify_ledger
from budgets.services.problems import BudgetProblem
from budgets.services.transfer import decide_transfer, reverse_transfer, transfer_between_lines
from budgets.tests.transfers import NOW, approve, limit_transfers
from budgetsite.accounts.roles import Role
from budgetsite.money.amounts import InvalidAmount
from budgetsite.testing.budgets import make_budget, move

pytestmark = pytest.mark.slow

CENTS = st.integers(min_value=-100, max_value=60_000).map(lambda cents: Decimal(cents) / 100)
PICK = st.integers(min_value=0, max_value=1000)
TOTAL = Decimal(1500)


class Transfers(RuleBasedStateMachine):
    """Four lines, one by quantity; above 200 a transfer waits for a manager."""

    account = owner = manager = None

    def __init__(self):
        super().__init__()
        lines = [
            {"category": "Venue", "name": f"Line {number}", "budgeted_amount": Decimal(number * 100)}
            for number in range(1, 4)
        ]
        priced = {"category": "Venue", "name": "By quantity", "quantity": Decimal(8), "unit_price": Decimal("112.50")}
        budget = make_budget(self.account, self.owner, total="2000", lines=[*lines, priced])
        self.budget = approve(budget, self.account, self.owner, self.manager)
        self.made = []
        self.lines = list(BudgetLineItem.objects.filter(budget=budget).order_by("sort_order", "id"))

    def attempt(self, service, **arguments):
        try:
            with transaction.atomic():
                done = service(**arguments)
        except (BudgetProblem, InvalidAmount):
            return
        if isinstance(done, BudgetTransfer) and done.pk not in self.made:
            self.made.append(done.pk)

    def asked(self, user, role):
        return {"acting_user": user, "acting_role": role, "account": self.account, "now": NOW}

    def a_transfer(self, pick):
        return self.made[pick % len(self.made)] if self.made else None

    @rule(giving=PICK, taking=PICK, amount=CENTS)
    def transfer(self, giving, taking, amount):
        self.attempt(
            transfer_between_lines,
            budget_id=self.budget.pk,
            from_line_id=self.lines[giving % 4].pk,
            to_line_id=self.lines[taking % 4].pk,
            amount=amount,
            reason="Moved",
            **self.asked(self.owner, Role.OWNER),
        )

    @rule(pick=PICK, approves=st.booleans())
    def decide(self, pick, approves):
        if found := self.a_transfer(pick):
            self.attempt(
                decide_transfer,
                budget_id=self.budget.pk,
                transfer_id=found,
                approve=approves,
                reason="Decided",
                **self.asked(self.manager, Role.MANAGER),
            )

    @rule(pick=PICK)
    def take_back(self, pick):
        if found := self.a_transfer(pick):
            self.attempt(
                reverse_transfer,
                budget_id=self.budget.pk,
                transfer_id=found,
                reason="Back",
                **self.asked(self.owner, Role.OWNER),
            )

    @rule(pick=PICK, amount=CENTS, commits=st.booleans())
    def post(self, pick, amount, commits):
        if amount:
            self.attempt(
                ledger.post,
                budget_id=self.budget.pk,
                line_item_id=self.lines[pick % 4].pk,
                kind=EntryKind.COMMIT if commits else EntryKind.ACTUAL,
                currency="CAD",
                source="manual",
                **{"committed_delta" if commits else "actual_delta": amount},
            )

    @rule()
    def revise_and_approve_again(self):
        move(self.budget, "revise", user=self.owner, role=Role.OWNER, account=self.account, reason="Again")
        approve(self.budget, self.account, self.owner, self.manager)

    @invariant()
    def the_sum_stays_and_the_books_are_right(self):
        if not hasattr(self, "budget"):
            return
        lines = list(BudgetLineItem.objects.filter(budget=self.budget))
        assert sum(line.budgeted_amount for line in lines) == TOTAL
        assert sum(line.transferred_amount for line in lines) == 0
        for line in lines:
            if line.unit_price is not None:
                assert line.budgeted_amount == line.quantity * line.unit_price + line.transferred_amount
        budget = EventBudget.objects.get(pk=self.budget.pk)
        assert (budget.lines_total_amount, budget.total_budget_amount) == (TOTAL, 2000)
        assert verify_ledger() == []


@pytest.mark.django_db
def test_any_transfers_keep_the_sum_and_the_books(account, owner, manager):
    limit_transfers(above="200")

    class Life(Transfers):
        def __init__(self):
            # Each life goes as it came: the books are proven after every step, those of all budgets.
            self.savepoint = transaction.savepoint()
            super().__init__()

        def teardown(self):
            transaction.savepoint_rollback(self.savepoint)

    Life.account, Life.owner, Life.manager = account, owner, manager
    run_state_machine_as_test(
        Life,
        settings=settings(
            max_examples=20, stateful_step_count=20, deadline=None, suppress_health_check=list(HealthCheck)
        ),
    )
