"""The steps of an expense: promised, billed, taken back, approved, refused."""

from datetime import date, datetime
from decimal import Decimal
from uuid import UUID
from zoneinfo import ZoneInfo

from django.db import transaction

from budgets.models import Expense, ExpenseApproval, ExpenseInvoice, ExpenseStage
from budgets.services import expense_money
from budgets.services.approval import roles_that_may, strongest_of
from budgets.services.exchange_rate import Conversion, conversion
from budgets.services.expense import override_of, take_to
from budgets.services.expense_access import (
    lock_expense,
    possible_steps,
    refuse_cancelled,
    refuse_clients_change,
    refuse_unapproved,
    store,
)
from budgets.services.expense_approval import refuse_more
from budgets.services.expense_invoice import NewBill, enter_bill, mark_cancelled
from budgets.services.expense_payments import derive_payments, live_invoices, live_payments, refuse_paid
from budgets.services.expense_policy import expense_limits, expense_policy
from budgets.services.expense_problems import (
    AmountTooLarge,
    ApprovalNotYours,
    CreditNoteFirst,
    InvalidStep,
    InvoiceNotFound,
    OwnExpense,
)
from budgets.services.guards import refuse_locked, role_under_lock
from budgets.services.problems import ReasonRequired
from budgetsite.accounts.models import Account, User
from budgetsite.accounts.permissions import PERMISSIONS, may
from budgetsite.accounts.roles import Role
from budgetsite.accounts.selectors import present_role
from budgetsite.money.amounts import InvalidAmount, parse_amount


@transaction.atomic
def commit_expense(
    *,
    expense_id: UUID,
    acting_user: User,
    acting_role: Role,
    now: datetime,
    version: int | None = None,
    override: bool = False,
    reason: str = "",
) -> Expense:
    """Promise what no bill has come for yet: a contract was signed. Stops at what budget and line have available.

    Raises `AmountDoesNotFit`, and `FundingDoesNotFit` where what pays for the event's budget has no room (unless
    overridden by who may, with a reason), `NotApprovedYet`, `InvalidStep`, `BudgetLocked`, `ExpenseNotFound`,
    `StaleVersion`.
    """
    expense = lock_expense(expense_id, version=version)
    refuse_unapproved(expense)
    refuse_locked(expense.budget)
    overriding = override_of(override, reason, acting_user=acting_user, acting_role=acting_role)
    if expense.stage != ExpenseStage.PLANNED:
        raise InvalidStep(step="commit", stage=expense.stage, allowed=possible_steps(expense))
    expense_money.promise(expense, override=overriding, now=now)
    derive_payments(expense, live_invoices(expense), live_payments(expense))
    # An amount in another currency may be too small to be one in the budget's.
    store(expense, kind="expense.committed", moved_money=bool(expense.committed_amount))
    return expense


@transaction.atomic
def invoice_expense(
    *,
    expense_id: UUID,
    acting_user: User,
    now: datetime,
    amount: Decimal | None = None,
    invoice_number: str = "",
    invoice_date: date | None = None,
    due_date: date | None = None,
    final: bool = False,
    exchange_rate: Decimal | None = None,
    rate_source: str = "",
    confirm_duplicate: bool = False,
    version: int | None = None,
) -> ExpenseInvoice:
    """Enter a bill, or a credit note with a negative amount; without an amount it is for all that is left.

    The actual is posted, and as much of the promise released as the bill settles; `final` says that no more will come.
    Bills that go beyond the expense's amount, and beyond the account's limits, are entered by who could approve them.
    Raises `RaiseNeedsApproval`, `InvalidStep`, `NotApprovedYet`, `InvalidAmount`, `DueBeforeBilled`,
    `DuplicateInvoice`, `RefundExceedsBilled`, `RateMissing`, `RateOutOfRange`, `BudgetLocked`, `ExpenseNotFound`,
    `StaleVersion`.
    """
    expense = lock_expense(expense_id, version=version)
    refuse_cancelled(expense, "invoice")
    refuse_unapproved(expense)
    refuse_locked(expense.budget)
    wanted = _amount_to_bill(expense, amount)
    day = invoice_date or now.astimezone(ZoneInfo(expense.event.timezone)).date()
    if invoice_date is None and due_date is not None:
        day = min(day, due_date)
    new = NewBill(
        amount=wanted,
        invoice_number=invoice_number,
        invoice_date=day,
        due_date=due_date or _agreed_due(expense, day),
    )
    converted = _rate_on(expense, day, exchange_rate, rate_source)
    if wanted > 0 and expense.invoiced_amount + wanted > expense.amount:
        _refuse_beyond_limits(expense, converted.to_budget(wanted), acting_user)
    invoice = enter_bill(
        expense,
        new,
        converted,
        final=final,
        confirm_duplicate=confirm_duplicate,
        now=now,
    )
    expense.invoice_number = invoice.invoice_number or expense.invoice_number
    derive_payments(expense, [*live_invoices(expense), invoice], live_payments(expense))
    moved = bool(invoice.actual_amount or invoice.settled_amount)
    store(expense, kind="expense.invoiced", moved_money=moved, bill=invoice, invoice=str(invoice.pk))
    return invoice


@transaction.atomic
def cancel_expense(
    *,
    expense_id: UUID,
    acting_user: User,
    acting_role: Role,
    now: datetime,
    invoice_id: UUID | None = None,
    whole: bool = False,
    reason: str = "",
    version: int | None = None,
) -> Expense:
    """Take back the last step, or one bill, or (`whole`) all of it; the ledger follows by correcting entries.

    A bill that came for a promise, or beside other bills, is taken back alone: what it had settled is promised again.
    Otherwise the expense is cancelled. Raises `PaidAlready` while payments are on what would go, `CreditNoteFirst`,
    `InvoiceNotFound`, `InvalidStep`, `BudgetLocked`, `ExpenseNotFound`, `StaleVersion`.
    """
    expense = lock_expense(expense_id, version=version)
    refuse_cancelled(expense, "cancel")
    if expense.committed_amount or expense.actual_amount:
        refuse_locked(expense.budget)
    refuse_clients_change(expense, acting_user, acting_role)
    invoices = live_invoices(expense)
    taken = _bill_to_take_back(expense, invoices, invoice_id, whole)
    if taken is None:
        _cancel_whole(expense, invoices, acting_user=acting_user, reason=reason, now=now)
        return expense
    billed = expense.invoiced_amount
    if (billed - taken.amount) * expense.amount < 0:
        raise CreditNoteFirst
    expense_money.take_back_bill(expense, taken, now=now)
    mark_cancelled(taken, acting_user, reason, now)
    derive_payments(expense, [invoice for invoice in invoices if invoice.pk != taken.pk], live_payments(expense))
    refuse_paid(expense, billed_before=billed)
    moved = bool(taken.actual_amount or taken.settled_amount)
    store(expense, kind="expense.invoice_cancelled", moved_money=moved, invoice=str(taken.pk))
    return expense


@transaction.atomic
def approve_expense(
    *,
    expense_id: UUID,
    acting_user: User,
    acting_role: Role,
    account: Account,
    now: datetime,
    version: int | None = None,
    reason: str = "",
    override: bool = False,
) -> Expense:
    """Agree to an expense that waits; it goes as far as was wanted when it was recorded.

    For the role that the account's rules name, or one above it, and never for who recorded it, unless the account has
    switched four eyes off. Raises `InvalidStep`, `ApprovalNotYours`, `OwnExpense`, `AmountDoesNotFit`,
    `DuplicateInvoice`, `BudgetLocked`, `ExpenseNotFound`, `StaleVersion`.
    """
    expense = lock_expense(expense_id, version=version)
    _refuse_decision(expense, "approve", acting_user=acting_user, acting_role=acting_role)
    if expense.created_by_id == acting_user.pk and account.four_eyes:
        raise OwnExpense
    refuse_locked(expense.budget)
    overriding = override_of(override, reason, acting_user=acting_user, acting_role=acting_role)
    _decide(expense, ExpenseApproval.APPROVED, acting_user, reason, now)
    take_to(
        expense,
        expense.wanted_stage,
        expense_money.rate_of(expense),
        confirm_duplicate=True,
        override=overriding,
        now=now,
        kind="expense.approved",
    )
    return expense


@transaction.atomic
def reject_expense(
    *,
    expense_id: UUID,
    acting_user: User,
    acting_role: Role,
    now: datetime,
    reason: str,
    version: int | None = None,
) -> Expense:
    """Refuse an expense that waits, with a reason; no money has moved. Whoever recorded it may withdraw it so.

    Raises `ReasonRequired`, `InvalidStep`, `ApprovalNotYours`, `ExpenseNotFound`, `StaleVersion`.
    """
    expense = lock_expense(expense_id, version=version)
    own = expense.created_by_id == acting_user.pk
    if not own:
        _refuse_decision(expense, "reject", acting_user=acting_user, acting_role=acting_role)
        if not reason.strip():
            raise ReasonRequired
    elif expense.approval != ExpenseApproval.PENDING:
        raise InvalidStep(step="reject", stage=expense.stage, allowed=possible_steps(expense))
    _decide(expense, ExpenseApproval.REJECTED, acting_user, reason, now)
    derive_payments(expense, [], [])
    store(expense, kind="expense.rejected", moved_money=False)
    return expense


def _amount_to_bill(expense: Expense, amount: Decimal | None) -> Decimal:
    if amount is None:
        left = expense.to_be_billed_amount
        if left <= 0:
            raise InvalidStep(step="invoice", stage=expense.stage, allowed=possible_steps(expense))
        return left
    wanted = parse_amount(amount, expense.currency)
    if not wanted:
        raise InvalidAmount("zero", "Say how much the bill is: an amount other than 0.")
    largest = expense_policy().largest_amount
    if abs(wanted) > largest:
        raise AmountTooLarge(largest, expense.currency)
    return wanted


def _refuse_beyond_limits(expense: Expense, more: Decimal, acting_user: User) -> None:
    """Nobody agreed to what is billed beyond the amount: with it the expense is judged as one that is recorded now."""
    rules = expense_limits().rules
    billed = expense.actual_amount + more
    needed = strongest_of(rules, billed, expense.budget.currency, [expense.line_item.category_id])
    refuse_more(expense, needed, present_role(acting_user), acting_user)


def _agreed_due(expense: Expense, day: date) -> date | None:
    """The day that was agreed on, unless the bill came after it."""
    return expense.due_date if expense.due_date is not None and expense.due_date >= day else None


def _rate_on(expense: Expense, day: date, rate: Decimal | None, source: str) -> Conversion:
    return conversion(
        currency=expense.currency,
        budget_currency=expense.budget.currency,
        on_date=day,
        rate=rate,
        source=source,
    )


def _bill_to_take_back(
    expense: Expense, invoices: list[ExpenseInvoice], invoice_id: UUID | None, whole: bool
) -> ExpenseInvoice | None:
    if invoice_id is not None:
        named = [invoice for invoice in invoices if invoice.pk == invoice_id]
        if not named:
            raise InvoiceNotFound(invoice_id)
        return named[0]
    if whole or not invoices:
        return None
    last = invoices[-1]
    return last if len(invoices) > 1 or last.settled_amount or expense.stage != ExpenseStage.INVOICED else None


def _cancel_whole(
    expense: Expense, invoices: list[ExpenseInvoice], *, acting_user: User, reason: str, now: datetime
) -> None:
    payments = live_payments(expense)
    moved = bool(expense.committed_amount or expense.actual_amount)
    expense_money.take_back_all(expense, description=f"Cancelled: {expense.description}", now=now)
    derive_payments(expense, [], payments)
    refuse_paid(expense)
    for invoice in invoices:
        mark_cancelled(invoice, acting_user, reason, now)
    expense.stage = ExpenseStage.CANCELLED
    expense.decision_reason = reason.strip() or expense.decision_reason
    derive_payments(expense, [], [])
    store(expense, kind="expense.cancelled", moved_money=moved)


def _refuse_decision(expense: Expense, step: str, *, acting_user: User, acting_role: Role) -> None:
    if expense.approval != ExpenseApproval.PENDING or expense.stage == ExpenseStage.CANCELLED:
        raise InvalidStep(step=step, stage=expense.stage, allowed=possible_steps(expense))
    role = role_under_lock(acting_user, acting_role)
    allowed = PERMISSIONS["expenses.approve"] & roles_that_may(expense.needs_role or Role.MANAGER)
    if role not in allowed or not may(role, "expenses.approve"):
        raise ApprovalNotYours(allowed)


def _decide(expense: Expense, approval: ExpenseApproval, acting_user: User, reason: str, now: datetime) -> None:
    expense.approval = approval
    expense.decided_by, expense.decided_at, expense.decision_reason = acting_user, now, reason.strip()
