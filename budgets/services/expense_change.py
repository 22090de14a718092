"""Changing what is bought for an event: what has moved money is corrected by further entries."""

from datetime import datetime
from typing import Any
from uuid import UUID

from django.db import transaction

from budgets.models import (
    Expense,
    ExpenseStage,
)
from budgets.services import expense_money
from budgets.services.expense import checked_amount, convert, override_of, refuse_due_before
from budgets.services.expense_access import lock_expense, refuse_cancelled, refuse_clients_change, store
from budgets.services.expense_approval import judge_anew, needs_stronger, refuse_more, role_needed
from budgets.services.expense_line import clear_unbudgeted, line_for
from budgets.services.expense_money import Override
from budgets.services.expense_payments import derive_payments, live_invoices, live_payments, refuse_paid
from budgets.services.expense_policy import expense_limits
from budgets.services.expense_problems import (
    AmountBelowBilled,
    CurrencyOfBilled,
    RefundWithoutBill,
    SeveralBills,
)
from budgets.services.guards import refuse_locked, role_under_lock
from budgets.services.texts import one_line, plain_breaks
from budgets.services.vendor import find_or_make_vendor
from budgetsite.accounts.models import Account, User
from budgetsite.accounts.roles import Role

# What a change may set. Amount and currency are the expense's own; `line_item_id` and `category` say what it is for.
CHANGEABLE = frozenset(
    {
        "description",
        "vendor",
        "amount",
        "currency",
        "exchange_rate",
        "rate_source",
        "line_item_id",
        "category",
        "expense_date",
        "due_date",
        "invoice_number",
        "notes",
    }
)
_MONEY = frozenset({"amount", "currency", "exchange_rate"})


@transaction.atomic
def change_expense(
    *,
    expense_id: UUID,
    version: int | None,
    acting_user: User,
    acting_role: Role,
    account: Account,
    now: datetime,
    override: bool = False,
    reason: str = "",
    **fields: Any,
) -> Expense:
    """Change fields of `CHANGEABLE`; what moved money is corrected by further entries. All effects:

    - another amount: the promise grows or shrinks; of an expense with one bill, the bill is corrected;
    - another line or category: what is promised and billed moves there;
    - another amount of one that has moved no money is judged by the account's limits anew, and so is a line whose
      category asks for a stronger role; once money has moved, only who could approve that may do it.

    `version` is what the writer has read; None is for those who read it in this transaction. Raises as
    `record_expense`, and `ExpenseNotFound`, `StaleVersion`, `InvalidStep`, `AmountBelowBilled`, `SeveralBills`,
    `PaidAlready`, `CurrencyOfBilled`, `RaiseNeedsApproval`.
    """
    unknown = fields.keys() - CHANGEABLE
    if unknown:
        raise TypeError(f"not fields of an expense: {', '.join(sorted(unknown))}")
    expense = lock_expense(expense_id, version=version)
    refuse_cancelled(expense, "change")
    refuse_clients_change(expense, acting_user, acting_role)
    overriding = override_of(override, reason, acting_user=acting_user, acting_role=acting_role)
    # What says what is there already changes nothing, and asks nobody to approve it again.
    fields = {name: value for name, value in fields.items() if name not in _MONEY or value != getattr(expense, name)}
    if "description" in fields:
        expense.description = one_line(fields["description"]).strip()
    if "notes" in fields:
        expense.notes = plain_breaks(fields["notes"])
    if "vendor" in fields:
        expense.vendor = find_or_make_vendor(fields["vendor"])
    if "invoice_number" in fields:
        expense.invoice_number = fields["invoice_number"].strip()
    if "due_date" in fields:
        expense.due_date = fields["due_date"]
    if "expense_date" in fields:
        expense.expense_date = fields["expense_date"]
    if expense.due_date is not None and {"due_date", "expense_date"} & fields.keys():
        refuse_due_before(expense.due_date, expense.expense_date)
    posted, billed = (expense.committed_amount, expense.actual_amount), expense.invoiced_amount
    left_line_id = expense.line_item_id
    if fields.keys() & {"amount", "currency", "exchange_rate"}:
        _change_amount(expense, fields, acting_user=acting_user, acting_role=acting_role, override=overriding, now=now)
    if fields.get("line_item_id") or fields.get("category"):
        _change_line(expense, fields, acting_user=acting_user, acting_role=acting_role, override=overriding, now=now)
    invoices = live_invoices(expense)
    _follow_only_bill(expense, invoices, fields)
    derive_payments(expense, invoices, live_payments(expense))
    refuse_paid(expense, billed_before=billed)
    holds_money = bool(expense.committed_amount or expense.actual_amount)
    moves_line = expense.line_item_id != left_line_id
    store(
        expense,
        kind="expense.changed",
        moved_money=posted != (expense.committed_amount, expense.actual_amount) or (moves_line and holds_money),
        fields=sorted(fields),
    )
    if moves_line:
        clear_unbudgeted(left_line_id, now=now)
    return expense


def _change_amount(
    expense: Expense,
    fields: dict[str, Any],
    *,
    acting_user: User,
    acting_role: Role,
    override: Override | None,
    now: datetime,
) -> None:
    refuse_locked(expense.budget)
    currency = fields.get("currency") or expense.currency
    has_money = _has_moved_money(expense)
    if has_money and (currency != expense.currency or fields.get("exchange_rate") is not None):
        raise CurrencyOfBilled
    before, limits = expense.budget_amount, expense_limits()
    expense.amount = checked_amount(fields.get("amount", expense.amount), currency, limits)
    if not has_money:
        if expense.amount < 0:
            raise RefundWithoutBill
        if currency == expense.currency and fields.get("exchange_rate") is None:
            expense.budget_amount = expense_money.rate_of(expense).to_budget(expense.amount)
        else:
            expense.currency = currency
            convert(expense, rate=fields.get("exchange_rate"), source=fields.get("rate_source", ""))
        judge_anew(expense, acting_role, limits)
        return
    expense.budget_amount = expense_money.rate_of(expense).to_budget(expense.amount)
    if expense.budget_amount > before:
        needed = role_needed(expense, limits, by_client=False)
        refuse_more(expense, needed, role_under_lock(acting_user, acting_role), acting_user)
    _correct_posted(expense, override=override, now=now)


def _has_moved_money(expense: Expense) -> bool:
    """Whether it was promised or billed, be it with amounts that come to nothing in the budget's currency."""
    return expense.stage != ExpenseStage.PLANNED or bool(live_invoices(expense))


def _correct_posted(expense: Expense, *, override: Override | None, now: datetime) -> None:
    """Let the ledger follow another amount of an expense that was promised or billed."""
    if expense.stage == ExpenseStage.INVOICED:
        invoices = live_invoices(expense)
        if len(invoices) != 1:
            raise SeveralBills(len(invoices))
        if expense.amount * invoices[0].amount < 0:
            raise RefundWithoutBill
        expense_money.correct_bill(expense, invoices[0], expense.amount, now=now)
        invoices[0].save()
        return
    if expense.amount < expense.invoiced_amount:
        raise AmountBelowBilled(expense.invoiced_amount, expense.currency)
    if expense.amount < 0:
        raise RefundWithoutBill
    if expense.stage == ExpenseStage.COMMITTED:
        expense_money.promise(expense, override=override, description=f"Changed: {expense.description}", now=now)
    if expense.amount == expense.invoiced_amount:
        expense.stage = ExpenseStage.INVOICED


def _change_line(
    expense: Expense,
    fields: dict[str, Any],
    *,
    acting_user: User,
    acting_role: Role,
    override: Override | None,
    now: datetime,
) -> None:
    if not fields.get("line_item_id") and _is_of(expense, fields["category"]):
        return
    line = line_for(
        expense.budget,
        line_item_id=fields.get("line_item_id"),
        category=fields.get("category"),
        amount=expense.committed_amount + expense.actual_amount or expense.budget_amount,
    )
    if line.pk == expense.line_item_id:
        return
    refuse_locked(expense.budget)
    limits = expense_limits()
    before = role_needed(expense, limits, by_client=False)
    expense_money.move_money(expense, line, override=override, now=now)
    needed = role_needed(expense, limits, by_client=False)
    if not needs_stronger(needed, before):
        return
    if _has_moved_money(expense):
        refuse_more(expense, needed, role_under_lock(acting_user, acting_role), acting_user)
    else:
        judge_anew(expense, acting_role, limits)


def _is_of(expense: Expense, category: str | UUID) -> bool:
    """Whether the expense's line has this category already: whoever names it again moves nothing."""
    own = expense.line_item.category
    return str(category).strip().lower() in {str(own.pk), own.name.strip().lower()}


def _follow_only_bill(expense: Expense, invoices: list[Any], fields: dict[str, Any]) -> None:
    """The number and the due date of an expense with one bill are the bill's."""
    if len(invoices) != 1 or expense.stage != ExpenseStage.INVOICED:
        return
    changed = {"vendor", "invoice_number", "due_date"} & fields.keys()
    if changed:
        bill = invoices[0]
        bill.vendor = expense.vendor
        bill.invoice_number = expense.invoice_number
        bill.due_date = expense.due_date
        if bill.due_date is not None and "due_date" in fields:
            refuse_due_before(bill.due_date, min(bill.invoice_date, expense.expense_date))
        bill.save()
