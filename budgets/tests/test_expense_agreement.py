"""Whose agreement a change asks for, and what bills, credit notes and payments leave behind them."""

from datetime import timedelta
from decimal import Decimal

import pytest

from budgets.models import ApprovalRule, ApprovalSubject, Category, Expense
from budgets.services.expense_bulk import change_expenses
from budgets.services.expense_change import change_expense
from budgets.services.expense_problems import (
    CreditNoteFirst,
    CurrencyOfBilled,
    MoneyCameBack,
    PaidAlready,
    RaiseNeedsApproval,
)
from budgets.services.expense_stages import cancel_expense, invoice_expense
from budgets.services.ledger_proof import verify_ledger
from budgets.services.payment import add_payment, cancel_payment, change_payment
from budgetsite.accounts.roles import Role
from budgetsite.testing.budgets import make_budget, make_line
from budgetsite.testing.expenses import NOW, figures, limit_expenses, make_expense
from budgetsite.testing.people import make_member


@pytest.fixture
def budget(account, organizer):
    return make_budget(account, organizer, total="1000")


@pytest.fixture
def line(budget, organizer):
    return make_line(budget, organizer, category="Flowers", name="Flowers", budgeted_amount=Decimal("1000"))


@pytest.fixture
def change(account):
    def changed(expense, user, *, role=Role.STAFF, **fields):
        change_expense(
            expense_id=expense.pk,
            version=None,
            acting_user=user,
            acting_role=role,
            account=account,
            now=NOW,
            **fields,
        )
        return Expense.objects.get(pk=expense.pk)

    return changed


def limit_photography():
    ApprovalRule.objects.create(
        subject=ApprovalSubject.EXPENSE,
        role=Role.MANAGER,
        above_amount=Decimal(10),
        currency="CAD",
        category=Category.objects.get(name="Photography"),
    )


def bill(expense, user, amount=None, **options):
    options.setdefault("now", NOW)
    return invoice_expense(expense_id=expense.pk, acting_user=user, amount=amount, **options)


def cancel(expense, user, **options):
    return cancel_expense(expense_id=expense.pk, acting_user=user, acting_role=Role.STAFF, now=NOW, **options)


def pay(expense, user, amount):
    return add_payment(expense_id=expense.pk, amount=amount, acting_user=user, acting_role=Role.STAFF, now=NOW)


def test_a_category_with_a_rule_of_its_own_is_not_reached_by_moving_there(
    line, budget, staff, manager, account, change
):
    limit_photography()
    planned = make_expense(budget, staff, line_item=line, amount=Decimal(50))
    acting = {"acting_user": staff, "acting_role": Role.STAFF, "account": account, "now": NOW}
    assert change_expenses(expense_ids=[planned.pk], category="Photography", **acting)[0].ok
    planned.refresh_from_db()
    assert (planned.approval, planned.needs_role) == ("pending", "manager")

    promised = make_expense(budget, staff, line_item=line, amount=Decimal(50), stage="committed")
    with pytest.raises(RaiseNeedsApproval):
        change(promised, staff, category="Photography")
    assert figures(line) == ("50", "0", "950")
    assert change(promised, manager, role=Role.MANAGER, category="Photography").approval == "approved"
    assert figures(line) == ("0", "0", "1000")
    # Back to where nobody has to agree, and small enough there: nobody is asked.
    assert change(promised, staff, line_item_id=line.pk).approval == "approved"
    assert verify_ledger() == []


def test_bills_beyond_what_was_agreed_on_ask_as_a_new_expense_would(line, budget, staff, manager):
    limit_expenses("100")
    expense = make_expense(budget, staff, line_item=line, amount=Decimal(90), stage="committed")
    bill(expense, staff, Decimal(60))
    with pytest.raises(RaiseNeedsApproval):
        bill(expense, staff, Decimal("40.01"))
    assert figures(line) == ("30", "60", "910")
    # Up to the limit a bill is a fact, and beyond it for who could have approved it.
    bill(expense, staff, Decimal(40))
    bill(expense, manager, Decimal(5))
    assert figures(line) == ("0", "105", "895")


def test_where_four_eyes_are_off_an_owner_raises_their_own(line, budget, account, change):
    owner = make_member(account, Role.OWNER).user
    limit_expenses("100")
    expense = make_expense(budget, owner, role=Role.OWNER, line_item=line, amount=Decimal(90), stage="committed")
    with pytest.raises(RaiseNeedsApproval):
        change(expense, owner, role=Role.OWNER, amount=Decimal(200))
    account.four_eyes = False
    account.save()
    assert change(expense, owner, role=Role.OWNER, amount=Decimal(200)).committed_amount == 200


def test_what_a_client_recorded_still_waits_when_the_team_corrects_its_amount(line, budget, staff, account, change):
    client = make_member(account, Role.CLIENT).user
    expense = make_expense(budget, client, role=Role.CLIENT, line_item=line, amount=Decimal(50), stage="committed")
    corrected = change(expense, staff, amount=Decimal(49))
    assert (corrected.approval, corrected.needs_role, corrected.wanted_stage) == ("pending", "manager", "committed")


def test_a_promise_too_small_for_the_budgets_currency_grows_with_its_expense(line, budget, staff, change):
    rate = {"currency": "JPY", "exchange_rate": Decimal("0.001")}
    expense = make_expense(budget, staff, line_item=line, amount=Decimal(1), stage="committed", **rate)
    assert figures(line) == ("0", "0", "1000")
    change(expense, staff, amount=Decimal(100_000))
    assert figures(line) == figures(budget) == ("100", "0", "900")
    assert verify_ledger() == []


def test_what_is_billed_and_credited_again_stays_agreed_to_and_in_its_currency(line, budget, staff, change):
    limit_expenses("100")
    rate = {"currency": "USD", "exchange_rate": Decimal("1.2")}
    expense = make_expense(budget, staff, line_item=line, amount=Decimal(50), **rate)
    bill(expense, staff, Decimal(40), exchange_rate=Decimal("1.3"))
    bill(expense, staff, Decimal(-40), exchange_rate=Decimal("1.2"))
    assert figures(line) == ("0", "4", "996")
    with pytest.raises(RaiseNeedsApproval):
        change(expense, staff, amount=Decimal(500))
    with pytest.raises(CurrencyOfBilled):
        change(expense, staff, currency="EUR", exchange_rate=Decimal(2))
    assert verify_ledger() == []


def test_a_bill_stays_as_long_as_its_credit_note_does(line, budget, staff):
    expense = make_expense(budget, staff, line_item=line, amount=Decimal(100), stage="committed")
    first = bill(expense, staff)
    bill(expense, staff, Decimal(-30), now=NOW + timedelta(hours=1))
    with pytest.raises(CreditNoteFirst):
        cancel(expense, staff, invoice_id=first.pk)
    assert figures(line) == ("0", "70", "930")
    cancel(expense, staff)
    cancel(expense, staff, invoice_id=first.pk)
    assert figures(line) == ("100", "0", "900")
    assert verify_ledger() == []


def test_an_expense_that_a_credit_note_left_overpaid_is_still_described_and_paid_back(line, budget, staff, change):
    expense = make_expense(budget, staff, line_item=line, amount=Decimal(100), stage="invoiced")
    paid = pay(expense, staff, Decimal(100))
    bill(expense, staff, Decimal(-30))
    assert change(expense, staff, notes="The florist sends 30 back").payment_status == "paid"
    with pytest.raises(PaidAlready):
        cancel(expense, staff, whole=True)
    back = pay(expense, staff, Decimal(-30))
    acting = {"expense_id": expense.pk, "acting_user": staff, "acting_role": Role.STAFF, "now": NOW}
    with pytest.raises(MoneyCameBack):
        cancel_payment(payment_id=paid.pk, **acting)
    with pytest.raises(MoneyCameBack):
        change_payment(payment_id=paid.pk, amount=Decimal(10), **acting)
    cancel_payment(payment_id=back.pk, **acting)
    cancel_payment(payment_id=paid.pk, **acting)
    expense.refresh_from_db()
    assert (expense.paid_amount, expense.payment_status) == (0, "pending")
    assert verify_ledger() == []


def test_money_that_a_cancelled_expense_still_holds_is_named(line, budget, staff):
    expense = make_expense(budget, staff, line_item=line, amount=Decimal(100), stage="committed")
    Expense.objects.filter(pk=expense.pk).update(stage="cancelled")
    told = [str(each) for each in verify_ledger()]
    assert len(told) == 1
    assert "it is billed or cancelled, and money of it is still promised or spent" in told[0]
