"""Whatever people do, in whatever order: the running totals are those that the entries and the lines give."""

from datetime import UTC, date, datetime, timedelta
from decimal import Decimal

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule, run_state_machine_as_test

from budgets.models import BudgetLineItem, EntryKind, EventBudget
from budgets.services import ledger
from budgets.services.event_budget import update_event_budget
from budgets.services.funding_change import set_funding
from budgets.services.ledger_proof import rebuild_totals, verify_ledger
from budgets.services.line_item import (
    add_line_item,
    delete_line_item,
    move_line_item,
    reorder_line_items,
    restore_line_item,
    update_line_item,
)
from budgets.services.problems import BudgetProblem
from budgetsite.accounts.roles import Role
from budgetsite.tenancy.deletion import restore, soft_delete
from budgetsite.tenancy.scope import deleted_rows_visible
from budgetsite.testing.budgets import make_budget
from budgetsite.testing.scoped_budgets import make_scoped_budget

NOW = datetime(2026, 5, 1, tzinfo=UTC)
CENTS = st.integers(min_value=0, max_value=200_000).map(lambda cents: Decimal(cents) / 100)
SIGNED = st.integers(min_value=-50_000, max_value=200_000).map(lambda cents: Decimal(cents) / 100)
PICK = st.integers(min_value=0, max_value=1000)


class BudgetLife(RuleBasedStateMachine):
    """Two budgets: one with a ceiling, one that follows its lines; and three scoped budgets that may pay for them."""

    account = user = None

    def __init__(self):
        super().__init__()
        self.budgets = [
            make_budget(self.account, self.user, total="1500"),
            make_budget(self.account, self.user, total=None),
        ]
        calendar = {"currency": "CAD", "start_date": date(2026, 1, 31), "timezone": "America/Toronto"}
        top = make_scoped_budget(self.account, self.user, amount=Decimal(900), **calendar | {"period": "annual"})
        under = {"parent_id": top.pk, "amount": Decimal(400), **calendar}
        self.pots = [
            make_scoped_budget(self.account, self.user, scope_type="team", **under),
            make_scoped_budget(self.account, self.user, scope_type="team", scope_id="bar", enforcement="warn", **under),
            top,
        ]
        self.clock = NOW

    def budget(self, pick):
        return self.budgets[pick % 2]

    def line(self, pick):
        lines = list(BudgetLineItem.objects.order_by("created_at", "id"))
        return lines[pick % len(lines)] if lines else None

    def attempt(self, service, **arguments):
        """A refusal is as good as a success, as long as it leaves the books right."""
        from django.db import transaction

        try:
            with transaction.atomic():
                service(acting_user=self.user, **arguments)
        except BudgetProblem:
            return False
        return True

    @rule(pick=PICK, budgeted=CENTS, actual=SIGNED)
    def add(self, pick, budgeted, actual):
        self.attempt(
            add_line_item,
            budget_id=self.budget(pick).pk,
            category="Venue",
            name=f"Line {pick}",
            budgeted_amount=budgeted,
            actual_amount=actual,
        )

    @rule(pick=PICK, budgeted=CENTS)
    def plan(self, pick, budgeted):
        if line := self.line(pick):
            self.attempt(
                update_line_item,
                budget_id=line.budget_id,
                line_item_id=line.pk,
                version=line.version,
                budgeted_amount=budgeted,
            )

    @rule(pick=PICK, actual=SIGNED)
    def spend(self, pick, actual):
        if line := self.line(pick):
            self.attempt(
                update_line_item,
                budget_id=line.budget_id,
                line_item_id=line.pk,
                version=line.version,
                actual_amount=actual,
            )

    @rule(pick=PICK, budgeted=CENTS, actual=SIGNED)
    def save_as_a_model(self, pick, budgeted, actual):
        from django.db import transaction

        if line := self.line(pick):
            line.budgeted_amount, line.actual_amount = budgeted, actual
            try:
                with transaction.atomic():
                    line.save()
            except BudgetProblem:
                pass

    @rule(pick=PICK, amount=SIGNED, to_line=st.booleans(), days=st.integers(-60, 60))
    def post(self, pick, amount, to_line, days):
        line = self.line(pick) if to_line else None
        budget_id = line.budget_id if line else self.budget(pick).pk
        kind = EntryKind.COMMIT if amount > 0 else EntryKind.RELEASE
        if not amount:
            return

        def commit(acting_user):
            ledger.post(
                budget_id=budget_id,
                line_item_id=line.pk if line else None,
                kind=kind,
                committed_delta=amount,
                currency="CAD",
                source="manual",
                occurred_at=NOW + timedelta(days=days),
            )

        self.attempt(commit)

    @rule(pick=PICK, override=st.booleans())
    def let_another_pay(self, pick, override):
        pot = [*self.pots, None][pick % 4]
        self.attempt(
            set_funding,
            budget_id=self.budget(pick // 4).pk,
            scoped_budget_id=pot.pk if pot else None,
            acting_role=Role.OWNER,
            now=NOW,
            override=override,
            reason="It was agreed",
        )

    @rule(pick=PICK)
    def delete(self, pick):
        if line := self.line(pick):
            self.attempt(delete_line_item, budget_id=line.budget_id, line_item_id=line.pk, now=self.tick())

    @rule(pick=PICK)
    def restore_a_line(self, pick):
        with deleted_rows_visible():
            gone = list(BudgetLineItem.objects.exclude(deleted_at=None).order_by("created_at", "id"))
        if gone:
            self.attempt(restore_line_item, line=gone[pick % len(gone)])

    @rule(pick=PICK)
    def move(self, pick):
        if line := self.line(pick):
            target = next(budget for budget in self.budgets if budget.pk != line.budget_id)
            self.attempt(move_line_item, budget_id=line.budget_id, line_item_id=line.pk, to_budget_id=target.pk)

    @rule(pick=PICK)
    def reorder(self, pick):
        budget = self.budget(pick)
        ids = list(BudgetLineItem.objects.filter(budget=budget).values_list("pk", flat=True))
        self.attempt(reorder_line_items, budget_id=budget.pk, line_item_ids=ids[pick % (len(ids) + 1) :])

    @rule(pick=PICK, total=CENTS)
    def set_total(self, pick, total):
        budget = EventBudget.objects.get(pk=self.budget(pick).pk)
        self.attempt(update_event_budget, budget_id=budget.pk, version=budget.version, total_budget_amount=total)

    @rule(pick=PICK)
    def delete_the_event_and_restore_it(self, pick):
        event = self.budget(pick).event
        soft_delete(event, now=self.tick())
        assert verify_ledger() == []
        with deleted_rows_visible():
            event.refresh_from_db()
        restore(event)
        event.refresh_from_db()

    @invariant()
    def the_books_are_clean_and_rebuilding_changes_nothing(self):
        assert verify_ledger() == []
        assert rebuild_totals().changed == 0

    @invariant()
    def totals_are_the_sums(self):
        for budget in EventBudget.objects.all():
            lines = BudgetLineItem.objects.filter(budget=budget)
            assert budget.lines_total_amount == sum((line.budgeted_amount for line in lines), Decimal(0))
            assert budget.total_actual_amount == budget.unallocated_actual_amount + sum(
                (line.actual_amount for line in lines), Decimal(0)
            )
            assert budget.lines_total_amount <= budget.total_budget_amount
            assert all(line.version <= budget.version for line in lines)

    def tick(self):
        self.clock += timedelta(seconds=1)
        return self.clock


@pytest.mark.slow
def test_any_sequence_of_changes_keeps_the_books(account, owner):
    from django.db import transaction

    class Life(BudgetLife):
        def teardown(self):
            transaction.savepoint_rollback(self.savepoint)

        def __init__(self):
            self.savepoint = transaction.savepoint()
            super().__init__()

    Life.account, Life.user = account, owner
    run_state_machine_as_test(
        Life,
        settings=settings(
            max_examples=20,
            stateful_step_count=25,
            deadline=None,
            suppress_health_check=list(HealthCheck),
        ),
    )
