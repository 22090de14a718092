"""Payments of an expense: planned in instalments, made, taken back. Together they never go beyond what is billed."""

from datetime import date, datetime
from decimal import Decimal
from uuid import UUID, uuid4

from django.db import transaction

from budgets.models import Expense, ExpensePayment
from budgets.services.expense_access import lock_expense, refuse_cancelled, refuse_unapproved, store
from budgets.services.expense_days import refuse_impossible_days
from budgets.services.expense_payments import derive_payments, live_invoices, live_payments
from budgets.services.expense_policy import expense_policy
from budgets.services.expense_problems import ClientsMayNot, MoneyCameBack, PaymentExceedsBilled, PaymentNotFound
from budgetsite.accounts.models import User
from budgetsite.accounts.roles import Role
from budgetsite.money.amounts import InvalidAmount, parse_amount

ZERO = Decimal(0)


@transaction.atomic
def add_payment(
    *,
    expense_id: UUID,
    amount: Decimal,
    acting_user: User,
    acting_role: Role,
    now: datetime,
    paid_at: datetime | None = None,
    due_date: date | None = None,
    method: str = "",
    reference: str = "",
    version: int | None = None,
) -> ExpensePayment:
    """Note what was paid of an expense, or with a due date and no `paid_at` an instalment that is to be paid.

    With neither it was paid now. A closed budget takes payments too: a bill outlives it. Raises
    `PaymentExceedsBilled`, `InvalidAmount`, `NotApprovedYet`, `InvalidStep`, `ClientsMayNot`, `ExpenseNotFound`,
    `StaleVersion`.
    """
    expense = _lock(expense_id, acting_role, version=version)
    refuse_unapproved(expense)
    payments = live_payments(expense)
    payment = ExpensePayment(
        pk=uuid4(),
        expense=expense,
        amount=_fitting(expense, amount),
        due_date=due_date,
        paid_at=paid_at or (None if due_date else now),
        method=method,
        reference=reference.strip(),
        recorded_by=acting_user,
    )
    payment.save(force_insert=True)
    _store(expense, [*payments, payment], "expense.paid" if payment.paid_at else "expense.payment_planned", payment)
    return payment


@transaction.atomic
def change_payment(
    *,
    expense_id: UUID,
    payment_id: UUID,
    acting_user: User,
    acting_role: Role,
    now: datetime,
    version: int | None = None,
    **fields: object,
) -> ExpensePayment:
    """Correct a payment (`amount`, `due_date`, `paid_at`, `method`, `reference`), or note that an instalment was paid.

    `version` is what the writer has read of the expense. Raises as `add_payment`, and `PaymentNotFound`,
    `MoneyCameBack`.
    """
    expense = _lock(expense_id, acting_role, version=version)
    payments = live_payments(expense)
    payment = _find(payments, payment_id)
    _refuse_others(payment, acting_user, acting_role)
    for name in ("due_date", "paid_at", "method", "reference"):
        if name in fields:
            setattr(payment, name, fields[name])
    if "amount" in fields:
        _count(expense, [other for other in payments if other.pk != payment.pk])
        payment.amount = _fitting(expense, fields["amount"])
    if payment.paid_at is None and payment.due_date is None:
        payment.paid_at = now
    payment.save()
    _store(expense, payments, "expense.payment_changed", payment)
    return payment


@transaction.atomic
def cancel_payment(
    *,
    expense_id: UUID,
    payment_id: UUID,
    acting_user: User,
    acting_role: Role,
    now: datetime,
    reason: str = "",
) -> ExpensePayment:
    """Take a payment back: it was never made, or an instalment is not wanted any more. It stays in the history."""
    expense = _lock(expense_id, acting_role)
    payments = live_payments(expense)
    payment = _find(payments, payment_id)
    _refuse_others(payment, acting_user, acting_role)
    payment.cancelled_at, payment.cancelled_by, payment.cancel_reason = now, acting_user, reason.strip()
    payment.save()
    _store(expense, [other for other in payments if other.pk != payment.pk], "expense.payment_cancelled", payment)
    return payment


def _lock(expense_id: UUID, acting_role: Role, *, version: int | None = None) -> Expense:
    if acting_role == Role.CLIENT and not expense_policy().clients_add_payments:
        raise ClientsMayNot("payments")
    expense = lock_expense(expense_id, version=version)
    refuse_cancelled(expense, "pay")
    return expense


def _refuse_others(payment: ExpensePayment, acting_user: User, acting_role: Role) -> None:
    if acting_role == Role.CLIENT and payment.recorded_by_id != acting_user.pk:
        raise ClientsMayNot("changes of its own payments")


def _find(payments: list[ExpensePayment], payment_id: UUID) -> ExpensePayment:
    for payment in payments:
        if payment.pk == payment_id:
            return payment
    raise PaymentNotFound(payment_id)


def _fitting(expense: Expense, amount: object) -> Decimal:
    """Return the amount of a payment that goes no further than what is billed and neither paid nor planned yet."""
    wanted = parse_amount(amount, expense.currency)
    if not wanted:
        raise InvalidAmount("zero", "Say how much is paid: an amount other than 0.")
    still_open = expense.invoiced_amount - expense.paid_amount - expense.scheduled_amount
    if wanted * still_open <= 0 or abs(wanted) > abs(still_open):
        raise PaymentExceedsBilled(invoiced=expense.invoiced_amount, open_amount=still_open, currency=expense.currency)
    return wanted


def _count(expense: Expense, payments: list[ExpensePayment]) -> None:
    expense.paid_amount = sum((p.amount for p in payments if p.paid_at is not None), ZERO)
    expense.scheduled_amount = sum((p.amount for p in payments if p.paid_at is None), ZERO)


def _store(expense: Expense, payments: list[ExpensePayment], kind: str, payment: ExpensePayment) -> None:
    refuse_impossible_days(payment.due_date)
    derive_payments(expense, live_invoices(expense), payments)
    if (expense.paid_amount + expense.scheduled_amount) * expense.amount < 0:
        raise MoneyCameBack
    store(expense, kind=kind, moved_money=False, payment=str(payment.pk))
