"""Many expenses at once, on real connections."""

from collections import Counter
from decimal import Decimal
from uuid import uuid4

import pytest
from django.db import transaction

from budgets.models import BudgetLineItem, EventBudget, Expense, ExpensePayment, Vendor
from budgets.services.expense_problems import PaymentExceedsBilled
from budgets.services.expense_stages import cancel_expense, invoice_expense
from budgets.services.ledger_proof import verify_ledger
from budgets.services.payment import add_payment
from budgets.services.vendor import create_vendor, delete_vendor
from budgetsite.accounts.roles import Role
from budgetsite.tenancy.scope import deleted_rows_visible
from budgetsite.testing.budgets import make_budget, make_line
from budgetsite.testing.concurrency import run_at_once
from budgetsite.testing.expenses import NOW, figures, make_expense
from budgetsite.testing.people import make_member


@pytest.fixture
def staff(committed_db, account):
    with transaction.atomic():
        return make_member(account, Role.STAFF).user


@pytest.fixture
def budget(staff, account):
    with transaction.atomic():
        return make_budget(account, staff, total="1000")


def at_once(account, work):
    return run_at_once(work, tenant_id=account.pk)


def outcomes(results):
    return Counter(type(result).__name__ for result in results)


def test_five_expenses_on_one_line_and_of_one_new_vendor_add_up(account, budget, staff):
    with transaction.atomic():
        line = make_line(budget, staff, category="Flowers", name="Flowers", budgeted_amount=Decimal(1000))
    results = at_once(
        account,
        [
            lambda: make_expense(budget, staff, line_item=line, amount=Decimal(50), vendor="Neu", stage="invoiced")
            for _ in range(5)
        ],
    )
    assert outcomes(results) == {"Expense": 5}
    with transaction.atomic():
        assert figures(line) == ("0", "250", "750")
        assert Vendor.objects.count() == 1
        assert verify_ledger() == []


def test_five_expenses_of_a_category_without_a_line_share_the_one_that_is_made(account, budget, staff):
    results = at_once(
        account,
        [lambda: make_expense(budget, staff, category="Cake", amount=Decimal(50), stage="committed") for _ in range(5)],
    )
    assert outcomes(results) == {"Expense": 5}
    with transaction.atomic():
        line = BudgetLineItem.objects.get(is_unbudgeted=True)
        assert (line.committed_amount, line.budget_id) == (250, budget.pk)
        assert verify_ledger() == []


def test_of_eight_who_pay_the_same_bill_one_does(account, budget, staff):
    with transaction.atomic():
        expense = make_expense(budget, staff, amount=Decimal(100), stage="invoiced")
    results = at_once(
        account,
        [
            lambda: add_payment(
                expense_id=expense.pk,
                amount=Decimal(100),
                acting_user=staff,
                acting_role=Role.STAFF,
                now=NOW,
            )
            for _ in range(8)
        ],
    )
    assert outcomes(results) == {"ExpensePayment": 1, PaymentExceedsBilled.__name__: 7}
    with transaction.atomic():
        assert ExpensePayment.objects.count() == 1
        expense.refresh_from_db()
        assert (expense.paid_amount, expense.payment_status) == (100, "paid")


def test_billing_and_cancelling_one_promise_at_once_keeps_the_books(account, budget, staff):
    with transaction.atomic():
        expenses = [
            make_expense(budget, staff, category="Cake", amount=Decimal(30), stage="committed") for _ in range(3)
        ]
    common = {"acting_user": staff, "now": NOW}
    work = []
    for expense in expenses:
        for _ in range(2):
            work.append(lambda e=expense: invoice_expense(expense_id=e.pk, amount=Decimal(10), **common))
            work.append(lambda e=expense: cancel_expense(expense_id=e.pk, acting_role=Role.STAFF, **common))
    results = at_once(account, work)
    assert set(outcomes(results)) <= {"ExpenseInvoice", "Expense", "InvalidStep"}
    with transaction.atomic():
        stored = EventBudget.objects.get(pk=budget.pk)
        for expense in expenses:
            expense.refresh_from_db()
        assert stored.total_committed_amount == sum(e.committed_amount for e in expenses)
        assert stored.total_actual_amount == sum(e.actual_amount for e in expenses)
        assert verify_ledger() == []


def test_a_vendor_that_is_deleted_while_expenses_name_it_is_either_kept_or_made_anew(account, budget, staff):
    for _ in range(3):
        with transaction.atomic():
            vendor = create_vendor(acting_user=staff, name=f"Neu {uuid4()}")
        record = [
            lambda v=vendor: make_expense(budget, staff, category="Cake", amount=Decimal(5), vendor=v.name)
            for _ in range(3)
        ]
        results = at_once(account, [*record, lambda v=vendor: delete_vendor(vendor=v, acting_user=staff, now=NOW)])
        assert set(outcomes(results)) <= {"Expense", "VendorInUse", "NoneType"}
    with transaction.atomic(), deleted_rows_visible():
        assert not Expense.objects.filter(vendor__deleted_at__isnull=False).exists()
        assert Expense.objects.exclude(vendor=None).count() == 9
