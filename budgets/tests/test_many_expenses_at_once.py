"""Instalments planned twice, and many expenses changed together by two people, on real connections."""

from collections import Counter
from collections.abc import Callable
from datetime import date
from decimal import Decimal
from typing import Any

import pytest
from django.db import transaction

from budgets.models import EventBudget, Expense, ExpensePayment
from budgets.services.expense_bulk_steps import CANCEL, COMMIT, change_many
from budgets.services.ledger_proof import verify_ledger
from budgets.services.payment_plan import Interval, TooManyParts, plan_instalments
from budgetsite.accounts.models import Account, User
from budgetsite.accounts.roles import Role
from budgetsite.testing.budgets import make_budget
from budgetsite.testing.concurrency import run_at_once
from budgetsite.testing.expenses import NOW, make_expense
from budgetsite.testing.people import make_member


@pytest.fixture
def staff(committed_db: None, account: Account) -> User:
    with transaction.atomic():
        return make_member(account, Role.STAFF).user


@pytest.fixture
def budgets(staff: User, account: Account) -> list[EventBudget]:
    with transaction.atomic():
        return [make_budget(account, staff, total="1000") for _ in range(2)]


def test_instalments_planned_by_two_at_once_are_planned_once(
    account: Account, staff: User, budgets: list[EventBudget]
) -> None:
    with transaction.atomic():
        expense = make_expense(budgets[0], staff, amount=Decimal(100), stage="invoiced")

    def plan() -> list[ExpensePayment]:
        return plan_instalments(
            expense_id=expense.pk,
            parts=3,
            first_due=date(2026, 8, 31),
            interval=Interval.MONTH,
            acting_user=staff,
            acting_role=Role.STAFF,
            now=NOW,
        )

    results = run_at_once([plan, plan], tenant_id=account.pk)
    assert Counter(type(result).__name__ for result in results) == {"list": 1, "PaymentExceedsBilled": 1}
    with transaction.atomic():
        assert sorted(str(payment.amount) for payment in ExpensePayment.objects.all()) == [
            "33.330",
            "33.330",
            "33.340",
        ]
        assert Expense.objects.get().scheduled_amount == 100


def test_parts_of_nothing_are_refused(account: Account, staff: User, budgets: list[EventBudget]) -> None:
    with transaction.atomic():
        expense = make_expense(budgets[0], staff, amount=Decimal("0.02"), stage="invoiced")
        with pytest.raises(TooManyParts):
            plan_instalments(
                expense_id=expense.pk,
                parts=3,
                first_due=date(2026, 8, 31),
                interval=Interval.WEEK,
                acting_user=staff,
                acting_role=Role.STAFF,
                now=NOW,
            )
        assert not ExpensePayment.objects.exists()


def test_two_who_change_the_same_expenses_in_either_order_do_not_block_each_other(
    account: Account, staff: User, budgets: list[EventBudget]
) -> None:
    with transaction.atomic():
        ids = [make_expense(budget, staff, amount=Decimal(60)).pk for budget in budgets for _ in range(2)]

    def changed(order: list[Any], step: str) -> Callable[[], Any]:
        return lambda: change_many(
            expense_ids=order, step=step, acting_user=staff, acting_role=Role.STAFF, account=account, now=NOW
        )

    results = run_at_once(
        [changed(ids, COMMIT), changed(ids[::-1], CANCEL), changed(ids[::-1], COMMIT)], tenant_id=account.pk
    )
    assert [type(result).__name__ for result in results] == ["list"] * 3
    with transaction.atomic():
        # Whoever came last: all are cancelled, for what is cancelled is promised no more.
        assert set(Expense.objects.values_list("stage", "committed_amount")) == {("cancelled", 0)}
        assert verify_ledger() == []
