"""The back office's pages of expenses: what is read, what is decided in bulk, what is brought back."""

import io
from decimal import Decimal

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from budgets.models import ExchangeRate, Expense, ExpensePolicy, Receipt, Vendor
from budgets.services.receipt import add_receipt
from budgets.tests.pages import words
from budgetsite.accounts.roles import Role
from budgetsite.testing.budgets import make_budget
from budgetsite.testing.expenses import NOW, limit_expenses, make_expense
from budgetsite.testing.papers import png
from budgetsite.testing.people import sign_in

LIST = "admin:budgets_expense_changelist"


@pytest.fixture
def budget(account, organizer):
    return make_budget(account, organizer)


@pytest.fixture
def boss(account, manager):
    return sign_in(manager, account)


@pytest.fixture
def worker(account, staff):
    return sign_in(staff, account)


def answer(client, action, expenses, **more):
    rows = {"_selected_action": [str(expense.pk) for expense in expenses]}
    return client.post(reverse(LIST), {"action": action, "confirmed": "yes", **rows, **more}, follow=True)


def test_several_are_approved_and_each_refusal_is_told(budget, boss, worker, manager, staff, account):
    limit_expenses("100")
    waiting = [make_expense(budget, staff, description=name, stage="committed") for name in ("Roses", "Tulips")]
    own = make_expense(budget, manager, role=Role.MANAGER, description="My own")
    small = make_expense(budget, staff, amount=Decimal(50), description="Small")

    assert "Expenses to approve" in words(boss.get(reverse("admin:index")))
    assert "Expenses to approve" not in words(worker.get(reverse("admin:index")))
    asked = boss.post(reverse(LIST), {"action": "approve_rows", "_selected_action": [str(waiting[0].pk)]})
    assert "Approve these 1 expense?" in words(asked)
    assert "CA$500.00" in words(asked)

    told = words(answer(boss, "approve_rows", [*waiting, own, small], reason=""))

    assert "2 approved, 1 did not wait for an approval." in told
    assert "My own: You recorded this expense. Someone else has to approve it." in told
    assert [Expense.objects.get(pk=one.pk).stage for one in waiting] == ["committed", "committed"]
    budget.refresh_from_db()
    assert budget.total_committed_amount == 1000


def test_rejecting_needs_a_reason_and_the_role(budget, boss, worker, staff):
    limit_expenses("100")
    expense = make_expense(budget, staff)
    page = reverse("admin:budgets_expense_reject_one", args=[expense.pk])
    assert worker.post(page, {"reason": "No"}).status_code == 403
    answer(worker, "approve_rows", [expense], reason="")
    assert boss.post(page, {"reason": " "}).status_code == 400
    assert Expense.objects.get().approval == "pending"
    assert boss.post(page, {"reason": "Too dear"}).status_code == 302
    assert (Expense.objects.get().approval, Expense.objects.get().decision_reason) == ("rejected", "Too dear")


def test_an_expense_is_read_with_its_bills_and_never_written(budget, boss, staff):
    expense = make_expense(budget, staff, description="Hall & <b>", stage="invoiced", vendor="O'Brien")
    page = boss.get(reverse("admin:budgets_expense_change", args=[expense.pk]))
    assert "Hall &amp; &lt;b&gt;" in page.content.decode()
    boss.post(reverse("admin:budgets_expense_change", args=[expense.pk]), {"description": "Changed"})
    assert Expense.objects.get().description == "Hall & <b>"


def test_a_list_costs_the_same_number_of_statements_for_one_row_and_for_five(budget, boss, staff):
    def statements():
        with CaptureQueriesContext(connection) as captured:
            for name in ("expense", "receipt"):
                assert boss.get(reverse(f"admin:budgets_{name}_changelist")).status_code == 200
        return len(captured)

    def add(number):
        expense = make_expense(budget, staff, vendor=f"Vendor {number}", stage="invoiced")
        add_receipt(
            expense_id=expense.pk, file=io.BytesIO(png()), name="a.png", acting_user=staff,
            acting_role=Role.STAFF, now=NOW,
        )  # fmt: skip

    add(1)
    statements()
    one = statements()
    for number in range(2, 6):
        add(number)
    assert statements() == one


def test_a_deleted_receipt_comes_back(budget, worker, staff):
    expense = make_expense(budget, staff)
    receipt = add_receipt(
        expense_id=expense.pk, file=io.BytesIO(png()), name="a.png", acting_user=staff, acting_role=Role.STAFF, now=NOW
    )
    worker.post(reverse("admin:budgets_receipt_delete", args=[receipt.pk]))
    assert not Receipt.objects.exists()
    assert "a.png" in words(worker.get(reverse("admin:budgets_receipt_changelist"), {"deleted": "yes"}))
    worker.post(reverse("admin:budgets_receipt_restore_row", args=[receipt.pk]))
    assert Receipt.objects.get().pk == receipt.pk


def test_vendors_rates_and_the_policy_are_written_by_their_services(boss, worker):
    vendor = {"name": "Florist", "payment_terms_days": "30", "bank_details": "IBAN 1", "notes": ""}
    assert worker.post(reverse("admin:budgets_vendor_add"), vendor).status_code == 302
    twice = worker.post(reverse("admin:budgets_vendor_add"), {**vendor, "name": "FLORIST"})
    assert "There is a vendor “FLORIST” already." in words(twice)
    assert (Vendor.objects.get().payment_terms_days, Vendor.objects.get().bank_details) == (30, "IBAN 1")

    rate = {"base_currency": "EUR", "quote_currency": "CAD", "on_date": "2026-07-01", "rate": "1.6", "source": "Bank"}
    assert worker.post(reverse("admin:budgets_exchangerate_add"), rate).status_code == 403
    assert boss.post(reverse("admin:budgets_exchangerate_add"), rate).status_code == 302
    assert boss.post(reverse("admin:budgets_exchangerate_add"), rate).status_code == 200
    assert ExchangeRate.objects.get().rate == Decimal("1.6")

    policy = {
        "largest_amount": "5000",
        "receipt_hosts": "Drive.example.org\nb.example.org",
        "clients_add_expenses": "on",
    }
    assert boss.post(reverse("admin:budgets_expensepolicy_add"), policy).status_code == 302
    stored = ExpensePolicy.objects.get()
    assert (stored.largest_amount, stored.receipt_hosts) == (5000, ["b.example.org", "drive.example.org"])
    assert (stored.clients_add_expenses, stored.clients_add_payments) == (True, False)
    assert boss.get(reverse("admin:budgets_expensepolicy_add")).status_code == 403
