"""Bulk changes and the table of rates at once, on real connections."""

import io
from collections import Counter
from datetime import date
from decimal import Decimal

import pytest
from django.db import transaction

from budgets.models import ExchangeRate, Expense, Vendor
from budgets.services.exchange_rate_table import create_rate, import_rates
from budgets.services.expense_bulk import change_expenses
from budgets.services.ledger_proof import verify_ledger
from budgetsite.accounts.roles import Role
from budgetsite.testing.budgets import make_budget
from budgetsite.testing.concurrency import run_at_once
from budgetsite.testing.expenses import NOW, make_expense
from budgetsite.testing.people import make_member


@pytest.fixture
def staff(committed_db, account):
    with transaction.atomic():
        return make_member(account, Role.STAFF).user


def test_changes_of_the_same_expenses_in_any_order_wait_for_each_other_and_share_a_new_vendor(account, staff):
    with transaction.atomic():
        budgets = [make_budget(account, staff, total="1000") for _ in range(3)]
        ids = [make_expense(budget, staff, amount=Decimal(10), stage="committed").pk for budget in budgets]
    common = {"acting_user": staff, "acting_role": Role.STAFF, "account": account, "now": NOW}
    orders = [ids, ids[::-1], [ids[1], ids[2], ids[0]]] * 2
    results = run_at_once(
        [lambda order=order: change_expenses(expense_ids=order, category="Cake", vendor="Neu", **common)
         for order in orders],
        tenant_id=account.pk,
    )  # fmt: skip
    assert [[outcome.ok for outcome in result] for result in results] == [[True] * 3] * 6
    with transaction.atomic():
        assert Vendor.objects.count() == 1
        assert {e.line_item.name for e in Expense.objects.select_related("line_item")} == {"Cake"}
        assert verify_ledger() == []


def test_of_those_who_give_one_day_a_rate_at_once_one_does(account, staff):
    rate = {"base_currency": "EUR", "quote_currency": "CAD", "on_date": date(2026, 1, 1), "rate": Decimal("1.5")}
    file = b"base_currency,quote_currency,on_date,rate\nEUR,CAD,2026-01-01,1.60001\n"
    work = []
    for _ in range(3):
        work.append(lambda: create_rate(acting_user=staff, **rate))
        work.append(lambda: import_rates(file=io.BytesIO(file), filename="r.csv", acting_user=staff))
    results = Counter(type(result).__name__ for result in run_at_once(work, tenant_id=account.pk))
    with transaction.atomic():
        stored = ExchangeRate.objects.get()
    by_hand = stored.rate == Decimal("1.5")
    # Who imports what is there already is told that there is nothing to do.
    expected = {"ExchangeRate": 1, "RateExists": 2, "RateImportRefused": 3} if by_hand else {
        "RateImportReport": 3, "RateExists": 3,
    }  # fmt: skip
    assert results == expected
