"""Recording, changing and deleting what is bought for an event."""

from datetime import date, datetime
from decimal import Decimal
from uuid import UUID, uuid4
from zoneinfo import ZoneInfo

from django.db import transaction

from budgets.models import (
    EventBudget,
    Expense,
    ExpenseApproval,
    ExpenseStage,
)
from budgets.services import expense_money
from budgets.services.exchange_rate import Conversion, conversion
from budgets.services.expense_access import lock_expense, refuse_clients_change, store
from budgets.services.expense_approval import role_needed
from budgets.services.expense_days import refuse_impossible_days
from budgets.services.expense_invoice import NewBill, enter_bill, mark_cancelled
from budgets.services.expense_line import clear_unbudgeted, line_for
from budgets.services.expense_money import Override
from budgets.services.expense_payments import derive_payments, live_invoices, live_payments, refuse_paid
from budgets.services.expense_policy import ExpenseLimits, expense_limits
from budgets.services.expense_problems import (
    AmountTooLarge,
    ClientsMayNot,
    DueBeforeBilled,
    NoBudgetToSpend,
    OverrideNotYours,
    RefundWithoutBill,
)
from budgets.services.guards import refuse_locked, role_under_lock
from budgets.services.problems import ReasonRequired
from budgets.services.texts import one_line, plain_breaks
from budgets.services.vendor import find_or_make_vendor
from budgetsite.accounts.models import Account, User
from budgetsite.accounts.permissions import may
from budgetsite.accounts.roles import Role
from budgetsite.money.amounts import InvalidAmount, parse_amount
from budgetsite.tenancy.deletion import soft_delete
from events.models import Event

ZERO = Decimal(0)


@transaction.atomic
def record_expense(
    *,
    event: Event,
    acting_user: User,
    acting_role: Role,
    account: Account,
    now: datetime,
    description: str,
    amount: Decimal,
    line_item_id: UUID | None = None,
    category: str | UUID | None = None,
    vendor: str | UUID | None = None,
    currency: str | None = None,
    exchange_rate: Decimal | None = None,
    rate_source: str = "",
    expense_date: date | None = None,
    due_date: date | None = None,
    stage: str = ExpenseStage.PLANNED,
    invoice_number: str = "",
    notes: str = "",
    confirm_duplicate: bool = False,
    override: bool = False,
    reason: str = "",
) -> Expense:
    """Record an expense of an event, and take it to `stage` (planned, committed or invoiced). All effects:

    - a committed one promises its amount on its line, an invoiced one posts it as the bill's actual;
    - a category without a line gets one that is marked as unbudgeted; a vendor whose name is new is made;
    - above the account's limits, and whenever a client records it, it waits for approval with no money moved, and goes
      as far as was wanted once it is approved; the outbox is told.

    `override` promises more than is available, for those who may, with a `reason`; it goes beyond what pays for the
    event's budget too for those who may override that. Raises `NoBudgetToSpend`,
    `BudgetLocked`, `InvalidAmount`, `AmountTooLarge`, `RefundWithoutBill`, `WhatItIsFor`, `LineNotFound`,
    `WrongKindOfLine`, `UnknownCategory`, `VendorNotFound`, `RateMissing`, `RateOutOfRange`, `DueBeforeBilled`,
    `DuplicateInvoice`, `AmountDoesNotFit`, `FundingDoesNotFit`, `ClientsMayNot`, `OverrideNotYours`, `ReasonRequired`.
    """
    budget = _lock_budget_of(event)
    limits = expense_limits()
    if acting_role == Role.CLIENT and not limits.clients_add_expenses:
        raise ClientsMayNot("expenses")
    refuse_locked(budget)
    overriding = override_of(override, reason, acting_user=acting_user, acting_role=acting_role)
    expense = Expense(
        pk=uuid4(),
        event=event,
        budget=budget,
        description=one_line(description).strip(),
        currency=currency or budget.currency,
        due_date=due_date,
        invoice_number=invoice_number.strip(),
        notes=plain_breaks(notes),
        created_by=acting_user,
        wanted_stage=stage,
    )
    _set_dates(expense, expense_date, now)
    expense.amount = checked_amount(amount, expense.currency, limits)
    if expense.amount < 0 and stage != ExpenseStage.INVOICED:
        raise RefundWithoutBill
    converted = convert(expense, rate=exchange_rate, source=rate_source)
    expense.line_item = line_for(budget, line_item_id=line_item_id, category=category, amount=expense.budget_amount)
    expense.vendor = find_or_make_vendor(vendor)
    role = role_needed(expense, limits, by_client=acting_role == Role.CLIENT)
    if role is not None:
        expense.approval, expense.needs_role = ExpenseApproval.PENDING, role
        derive_payments(expense, [], [])
        store(expense, kind="expense.requested", moved_money=False, wanted_stage=stage)
        return expense
    take_to(expense, stage, converted, confirm_duplicate=confirm_duplicate, override=overriding, now=now)
    return expense


def take_to(
    expense: Expense,
    stage: str,
    converted: Conversion,
    *,
    confirm_duplicate: bool = False,
    override: Override | None = None,
    now: datetime,
    kind: str = "expense.recorded",
) -> None:
    """Take a planned expense of a locked budget as far as `stage`, and store it."""
    invoice = None
    if stage == ExpenseStage.COMMITTED:
        expense_money.promise(expense, override=override, now=now)
    elif stage == ExpenseStage.INVOICED:
        wanted = NewBill(
            amount=expense.amount,
            invoice_number=expense.invoice_number,
            invoice_date=expense.expense_date,
            due_date=expense.due_date,
        )
        invoice = enter_bill(expense, wanted, converted, confirm_duplicate=confirm_duplicate, now=now)
    derive_payments(expense, [invoice] if invoice else [], [])
    # An amount in another currency may be too small to be one in the budget's.
    store(expense, kind=kind, moved_money=bool(expense.committed_amount or expense.actual_amount), bill=invoice)


@transaction.atomic
def delete_expense(
    *, expense_id: UUID, acting_user: User, acting_role: Role, now: datetime, version: int | None = None
) -> None:
    """Soft-delete an expense; entries that take its promise and its actual back are posted.

    Raises `PaidAlready` while payments are on it, `ExpenseNotFound`, `StaleVersion`, `BudgetLocked`.
    """
    expense = lock_expense(expense_id, version=version)
    refuse_clients_change(expense, acting_user, acting_role)
    moved = bool(expense.committed_amount or expense.actual_amount)
    if moved:
        refuse_locked(expense.budget)
    expense_money.take_back_all(expense, description=f"Deleted: {expense.description}", now=now)
    derive_payments(expense, [], live_payments(expense))
    refuse_paid(expense)
    for invoice in live_invoices(expense):
        mark_cancelled(invoice, acting_user, "deleted", now)
    expense.stage = ExpenseStage.CANCELLED
    derive_payments(expense, [], [])
    store(expense, kind="expense.deleted", moved_money=moved)
    soft_delete(expense, now=now)
    clear_unbudgeted(expense.line_item_id, now=now)


def override_of(override: bool, reason: str, *, acting_user: User, acting_role: Role) -> Override | None:
    """Return what is overridden: nothing, or what available says, by someone who may, with a reason.

    What pays for the event's budget is overridden too by those alone who may override scoped budgets. Raises
    `OverrideNotYours`, `ReasonRequired`.
    """
    if not override:
        return None
    role = role_under_lock(acting_user, acting_role)
    if not may(role, "expenses.override"):
        raise OverrideNotYours
    if not reason.strip():
        raise ReasonRequired
    return Override(reason.strip(), beyond_funding=may(role, "scoped_budgets.override"))


def _lock_budget_of(event: Event) -> EventBudget:
    budget: EventBudget | None = (
        EventBudget.objects.filter(event=event, deleted_at=None).select_for_update(no_key=True).first()
    )
    if budget is None:
        raise NoBudgetToSpend(event.name)
    return budget


def _set_dates(expense: Expense, expense_date: date | None, now: datetime) -> None:
    """An expense without a date is of today, where the event is; one that was due before is of that day."""
    refuse_impossible_days(expense_date, expense.due_date)
    today = now.astimezone(ZoneInfo(expense.event.timezone)).date()
    if expense_date is not None and expense.due_date is not None:
        refuse_due_before(expense.due_date, expense_date)
    expense.expense_date = expense_date or min(today, expense.due_date or today)


def refuse_due_before(due_date: date, billed_on: date) -> None:
    if due_date < billed_on:
        raise DueBeforeBilled(billed_on)


def checked_amount(amount: Decimal, currency: str, limits: ExpenseLimits) -> Decimal:
    checked = parse_amount(amount, currency)
    if not checked:
        raise InvalidAmount("zero", "Say how much it is: an amount other than 0.")
    if abs(checked) > limits.largest_amount:
        raise AmountTooLarge(limits.largest_amount, currency)
    return checked


def convert(expense: Expense, *, rate: Decimal | None, source: str) -> Conversion:
    """Set what the expense is in its budget's currency, by the rate of its day."""
    converted = conversion(
        currency=expense.currency,
        budget_currency=expense.budget.currency,
        on_date=expense.expense_date,
        rate=rate,
        source=source,
    )
    expense.exchange_rate, expense.rate_date, expense.rate_source = converted.rate, converted.on_date, converted.source
    expense.budget_amount = converted.to_budget(expense.amount)
    return converted
