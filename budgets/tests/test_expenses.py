"""Expenses through their stages: what each step posts, what it leaves alone, and what refuses it."""

from datetime import date
from decimal import Decimal

import pytest

from alerts.models import BudgetAlert
from budgets.models import BudgetLineItem, Expense, ExpenseInvoice, LedgerEntry, Vendor
from budgets.services.expense import delete_expense
from budgets.services.expense_change import change_expense
from budgets.services.expense_days import ImpossibleDay
from budgets.services.expense_problems import (
    AmountTooLarge,
    ClientsMayNot,
    DueBeforeBilled,
    DuplicateInvoice,
    InvalidStep,
    NotApprovedYet,
    OverrideNotYours,
    OwnExpense,
    RefundExceedsBilled,
    RefundWithoutBill,
)
from budgets.services.expense_stages import approve_expense, cancel_expense, commit_expense, invoice_expense
from budgets.services.ledger_proof import verify_ledger
from budgets.services.problems import AmountDoesNotFit, BudgetLocked, ReasonRequired
from budgetsite.accounts.roles import Role
from budgetsite.money.amounts import InvalidAmount
from budgetsite.testing.budgets import make_budget, make_line, move
from budgetsite.testing.expenses import NOW, figures, limit_expenses, make_expense
from budgetsite.testing.people import make_member


@pytest.fixture
def budget(account, organizer):
    return make_budget(account, organizer, total="1000")


@pytest.fixture
def line(budget, organizer):
    return make_line(budget, organizer, category="Flowers", name="Flowers", budgeted_amount=Decimal("1000"))


def step(service, expense, user, *, role=Role.STAFF, **options):
    if service is not invoice_expense:
        options["acting_role"] = role
    service(expense_id=expense.pk, acting_user=user, now=NOW, **options)
    return Expense.objects.get(pk=expense.pk)


def test_a_promise_of_30_billed_with_10_leaves_20_promised_and_cancelling_the_bill_promises_30_again(
    line, budget, staff
):
    expense = make_expense(budget, staff, line_item=line, amount=Decimal(30), stage="committed")
    assert figures(line) == ("30", "0", "970")

    expense = step(invoice_expense, expense, staff, amount=Decimal(10))
    assert figures(line) == figures(budget) == ("20", "10", "970")
    assert (expense.stage, expense.invoiced_amount) == ("committed", 10)

    expense = step(cancel_expense, expense, staff)
    assert figures(line) == figures(budget) == ("30", "0", "970")
    assert expense.stage == "committed"

    expense = step(cancel_expense, expense, staff)
    assert figures(line) == ("0", "0", "1000")
    assert (expense.stage, expense.payment_status) == ("cancelled", "cancelled")
    assert verify_ledger() == []


def test_three_bills_of_a_thousand_use_it_up_to_the_cent_and_are_not_overspent(line, budget, staff):
    for amount in ("333.33", "333.33", "333.34"):
        make_expense(budget, staff, line_item=line, amount=Decimal(amount), stage="invoiced")
    assert figures(line) == ("0", "1000", "0")
    budget.refresh_from_db()
    assert (budget.utilization_percentage, budget.is_over_budget) == (Decimal("100.00"), False)
    assert verify_ledger() == []


def test_a_refund_is_a_negative_bill(line, budget, staff):
    make_expense(budget, staff, line_item=line, amount=Decimal(500), stage="invoiced")
    make_expense(budget, staff, line_item=line, amount=Decimal(-150), stage="invoiced")
    assert figures(line) == ("0", "350", "650")
    with pytest.raises(RefundWithoutBill):
        make_expense(budget, staff, line_item=line, amount=Decimal(-1))
    assert [e.kind for e in LedgerEntry.objects.order_by("seq")] == ["actual", "refund"]
    assert verify_ledger() == []


def test_a_credit_note_takes_back_what_was_billed_and_no_more(line, budget, staff):
    expense = make_expense(budget, staff, line_item=line, amount=Decimal(500), stage="invoiced")
    expense = step(invoice_expense, expense, staff, amount=Decimal(-150))
    assert (expense.invoiced_amount, expense.actual_amount, expense.stage) == (350, 350, "invoiced")
    with pytest.raises(RefundExceedsBilled):
        step(invoice_expense, expense, staff, amount=Decimal(-351))
    assert figures(line) == ("0", "350", "650")


def test_the_last_bill_may_be_lower_than_the_promise(line, budget, staff):
    expense = make_expense(budget, staff, line_item=line, amount=Decimal(300), stage="committed")
    expense = step(invoice_expense, expense, staff, amount=Decimal(250), final=True)
    assert (expense.stage, expense.to_be_billed_amount) == ("invoiced", 0)
    assert figures(line) == ("0", "250", "750")
    expense = step(cancel_expense, expense, staff)
    assert figures(line) == ("300", "0", "700")
    assert verify_ledger() == []


def test_a_bill_may_be_higher_than_what_was_agreed_on(line, budget, staff):
    expense = make_expense(budget, staff, line_item=line, amount=Decimal(900), stage="committed")
    step(invoice_expense, expense, staff, amount=Decimal(1100))
    assert figures(line) == ("0", "1100", "-100")
    assert verify_ledger() == []


def test_a_promise_stops_at_what_is_available_unless_a_manager_says_why(line, budget, staff, manager):
    expense = make_expense(budget, staff, line_item=line, amount=Decimal("1000.01"))
    with pytest.raises(AmountDoesNotFit):
        step(commit_expense, expense, staff)
    with pytest.raises(OverrideNotYours):
        step(commit_expense, expense, staff, override=True, reason="The couple insists")
    with pytest.raises(ReasonRequired):
        step(commit_expense, expense, manager, role=Role.MANAGER, override=True)
    assert (figures(line), LedgerEntry.objects.count()) == (("0", "0", "1000"), 0)
    step(commit_expense, expense, manager, role=Role.MANAGER, override=True, reason="The couple insists")
    assert figures(line) == ("1000.01", "0", "-0.01")
    assert "The couple insists" in LedgerEntry.objects.get().description


def test_spending_on_a_category_without_a_line_makes_one_that_says_so_and_an_alert(account, budget, staff, manager):
    make_line(budget, staff, category="Venue", name="Hall", budgeted_amount=Decimal(800))
    move(budget, "submit", user=staff, role=Role.STAFF, account=account)
    move(budget, "approve", user=manager, role=Role.MANAGER, account=account)
    budget.refresh_from_db()
    version = budget.version
    expense = make_expense(budget, staff, category="flowers", amount=Decimal(150), stage="committed")
    line = BudgetLineItem.objects.get(is_unbudgeted=True)
    assert (line.name, line.budgeted_amount, expense.line_item_id) == ("Flowers", 0, line.pk)
    assert figures(line) == ("150", "0", "-150")
    assert "“Flowers” has no money planned: 150.00 CAD promised." in [a.message for a in BudgetAlert.objects.all()]
    assert verify_ledger() == []
    # What is left of the budget is the limit that stays.
    with pytest.raises(AmountDoesNotFit):
        make_expense(budget, staff, category="Flowers", amount=Decimal(851), stage="committed")
    delete_expense(expense_id=expense.pk, acting_user=staff, acting_role=Role.STAFF, now=NOW)
    assert not BudgetLineItem.objects.filter(is_unbudgeted=True).exists()
    budget.refresh_from_db()
    assert budget.version == version
    assert verify_ledger() == []


def test_a_moved_expense_takes_its_money_along(line, budget, staff, organizer):
    change = {"acting_user": staff, "acting_role": Role.STAFF, "account": None, "now": NOW}
    line.budgeted_amount = Decimal(600)
    line.save()
    cake = make_line(budget, organizer, category="Cake", name="Cake", budgeted_amount=Decimal(100))
    expense = make_expense(budget, staff, line_item=line, amount=Decimal(150), stage="committed")
    step(invoice_expense, expense, staff, amount=Decimal(60))
    change_expense(expense_id=expense.pk, version=None, line_item_id=cake.pk, **change)
    assert figures(line) == ("0", "0", "600")
    assert figures(cake) == ("90", "60", "-50")
    # A promise that is moved has to fit as a new one has to.
    big = make_expense(budget, staff, line_item=line, amount=Decimal(150), stage="committed")
    with pytest.raises(AmountDoesNotFit, match="Cake"):
        change_expense(expense_id=big.pk, version=None, category="Cake", **change)
    assert verify_ledger() == []


def test_changing_amounts_posts_the_difference(line, budget, staff):
    change = {"acting_user": staff, "acting_role": Role.STAFF, "account": None, "now": NOW}
    promised = make_expense(budget, staff, line_item=line, amount=Decimal(100), stage="committed")
    billed = make_expense(budget, staff, line_item=line, amount=Decimal(200), stage="invoiced")
    change_expense(expense_id=promised.pk, version=1, amount=Decimal(80), **change)
    change_expense(expense_id=billed.pk, version=1, amount=Decimal(250), **change)
    assert figures(line) == ("80", "250", "670")
    assert ExpenseInvoice.objects.get().amount == 250
    delete_expense(expense_id=billed.pk, acting_user=staff, acting_role=Role.STAFF, now=NOW)
    assert figures(line) == ("80", "0", "920")
    assert verify_ledger() == []


def test_above_the_limit_someone_else_approves_and_no_money_moves_before(account, line, budget, staff, manager):
    limit_expenses("400")
    small = make_expense(budget, manager, role=Role.MANAGER, line_item=line, amount=Decimal(400), stage="invoiced")
    large = make_expense(budget, manager, role=Role.MANAGER, line_item=line, amount=Decimal("400.01"), stage="invoiced")
    assert (small.approval, large.approval, large.stage) == ("approved", "pending", "planned")
    assert figures(line) == ("0", "400", "600")
    with pytest.raises(NotApprovedYet):
        step(invoice_expense, large, manager)
    with pytest.raises(OwnExpense):
        step(approve_expense, large, manager, role=Role.MANAGER, account=account)
    second = make_member(account, Role.MANAGER).user
    large = step(approve_expense, large, second, role=Role.MANAGER, account=account)
    assert (large.approval, large.stage) == ("approved", "invoiced")
    assert figures(line) == ("0", "800.01", "199.99")
    with pytest.raises(InvalidStep):
        step(approve_expense, large, second, role=Role.MANAGER, account=account)


def test_a_closed_budget_takes_no_expense(account, line, budget, staff, owner, manager):
    expense = make_expense(budget, staff, line_item=line, stage="committed")
    for action, user, role in (
        ("submit", staff, Role.STAFF),
        ("approve", manager, Role.MANAGER),
        ("activate", staff, Role.STAFF),
    ):
        move(budget, action, user=user, role=role, account=account)
    move(budget, "finalize", user=owner, role=Role.OWNER, account=account, override=True, reason="Closed early")
    before = figures(budget)
    for attempt in (
        lambda: make_expense(budget, staff, line_item=line),
        lambda: step(invoice_expense, expense, staff),
        lambda: step(cancel_expense, expense, staff),
    ):
        with pytest.raises(BudgetLocked):
            attempt()
    assert figures(budget) == before


@pytest.mark.parametrize("amount", [Decimal(0), Decimal("123.456"), Decimal("NaN"), Decimal("1e400")])
def test_what_is_no_amount_is_refused(line, budget, staff, amount):
    with pytest.raises(InvalidAmount):
        make_expense(budget, staff, line_item=line, amount=amount)
    assert Expense.objects.count() == 0


def test_an_amount_above_the_accounts_largest_is_refused(line, budget, staff):
    with pytest.raises(AmountTooLarge):
        make_expense(budget, staff, line_item=line, amount=Decimal(1_234_567_890))


def test_due_before_it_is_billed_is_refused(line, budget, staff):
    with pytest.raises(DueBeforeBilled):
        make_expense(
            budget, staff, line_item=line, expense_date=date(2026, 5, 2), due_date=date(2026, 5, 1), stage="invoiced"
        )


def test_a_day_that_nobody_means_is_refused(line, budget, staff):
    with pytest.raises(ImpossibleDay):
        make_expense(budget, staff, line_item=line, due_date=date(9999, 12, 31))
    expense = make_expense(budget, staff, line_item=line, vendor="Neu")
    Vendor.objects.update(payment_terms_days=30)
    with pytest.raises(ImpossibleDay):
        step(invoice_expense, expense, staff, invoice_date=date(9999, 12, 31))
    assert Expense.objects.get().stage == "planned"


def test_a_client_withdraws_what_they_noted_until_the_team_has_agreed(account, line, budget, manager):
    client = make_member(account, Role.CLIENT).user
    noted = [make_expense(budget, client, role=Role.CLIENT, line_item=line, stage="committed") for _ in range(2)]
    step(approve_expense, noted[0], manager, role=Role.MANAGER, account=account)
    with pytest.raises(ClientsMayNot):
        step(cancel_expense, noted[0], client, role=Role.CLIENT)
    assert step(cancel_expense, noted[1], client, role=Role.CLIENT).stage == "cancelled"
    assert figures(line) == ("500", "0", "500")


def test_a_vendors_number_is_taken_twice_only_when_that_is_confirmed(line, budget, staff, account, organizer):
    bill = {"line_item": line, "amount": Decimal(10), "stage": "invoiced", "invoice_number": "R-7"}
    first = make_expense(budget, staff, vendor="Blüten & Co", **bill)
    with pytest.raises(DuplicateInvoice) as refused:
        make_expense(budget, staff, vendor="blüten & co", **bill)
    assert refused.value.expense_id == str(first.pk)
    assert "with “Roses”" in str(refused.value)
    make_expense(budget, staff, vendor="Another", **bill)
    make_expense(budget, staff, vendor="BLÜTEN & CO", confirm_duplicate=True, **bill)
    assert Vendor.objects.count() == 2
    assert figures(line)[1] == "30"
    # Who runs another event reads that the number is taken, not what for.
    del bill["line_item"]
    with pytest.raises(DuplicateInvoice) as elsewhere:
        make_expense(make_budget(account, organizer), organizer, vendor="Another", **bill)
    assert "Roses" not in str(elsewhere.value)
