"""The same receipt, and the same press, from several people at once."""

import io
from collections import Counter
from datetime import date
from decimal import Decimal

from django.db import transaction

from budgets.models import ExpensePayment, Receipt
from budgets.services.calendar_feed import make_feed
from budgets.services.payment_due import pay_bill
from budgets.services.receipt import add_receipt
from budgetsite.accounts.roles import Role
from budgetsite.testing.budgets import make_budget
from budgetsite.testing.concurrency import run_at_once
from budgetsite.testing.expenses import NOW, make_expense
from budgetsite.testing.papers import png
from budgetsite.testing.people import make_member


def test_one_receipt_one_payment_and_no_address_too_many(committed_db, account):
    with transaction.atomic():
        staff = make_member(account, Role.STAFF).user
        expense = make_expense(
            make_budget(account, staff), staff, amount=Decimal(500), stage="invoiced", due_date=date(2026, 7, 9)
        )
        bill = expense.invoices.get()
        for number in range(8):
            make_feed(name=f"Phone {number}", acting_user=staff)
    acting = {"acting_user": staff, "acting_role": Role.STAFF, "now": NOW}

    def at_once(work):
        return Counter(type(one).__name__ for one in run_at_once([work] * 4, tenant_id=account.pk))

    sent = at_once(lambda: add_receipt(expense_id=expense.pk, file=io.BytesIO(png()), name="a.png", **acting))
    paid = at_once(lambda: pay_bill(expense_id=expense.pk, invoice_id=bill.pk, **acting))
    made = at_once(lambda: make_feed(name="One more", acting_user=staff))

    assert sent == {"Receipt": 1, "SameReceipt": 3}
    assert paid == {"ExpensePayment": 1, "NothingDue": 3}
    assert made == {"NewFeed": 2, "TooManyFeeds": 2}
    with transaction.atomic():
        assert Receipt.objects.count() == 1
        assert ExpensePayment.objects.get().amount == 500
