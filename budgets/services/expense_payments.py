"""What the bills and payments of an expense add up to: how much is paid, and by when the rest is to be."""

from collections.abc import Iterator, Sequence
from datetime import date
from decimal import Decimal

from budgets.models import Expense, ExpenseInvoice, ExpensePayment, ExpenseStage, PaymentStatus
from budgets.services.expense_problems import PaidAlready

ZERO = Decimal(0)


def live_invoices(expense: Expense) -> list[ExpenseInvoice]:
    return list(expense.invoices.filter(cancelled_at=None, deleted_at=None).order_by("created_at", "id"))


def live_payments(expense: Expense) -> list[ExpensePayment]:
    return list(expense.payments.filter(cancelled_at=None, deleted_at=None).order_by("created_at", "id"))


def derive_payments(expense: Expense, invoices: Sequence[ExpenseInvoice], payments: Sequence[ExpensePayment]) -> None:
    """Set what follows from the live bills and payments of an expense: its sums, its status and its next due date."""
    expense.paid_amount = sum((p.amount for p in payments if p.paid_at is not None), ZERO)
    expense.scheduled_amount = sum((p.amount for p in payments if p.paid_at is None), ZERO)
    expense.payment_status = _status(expense)
    expense.next_due_date = _next_due_date(expense, invoices, payments)


def refuse_paid(expense: Expense, *, billed_before: Decimal | None = None) -> None:
    """Raise `PaidAlready` when payments go beyond what is billed. Money that is to come back goes beyond nothing.

    A credit note may have left too much paid: with `billed_before` only what is billed less than that is refused.
    """
    paid = expense.paid_amount + expense.scheduled_amount
    if billed_before is not None and abs(expense.invoiced_amount) >= abs(billed_before):
        return
    if abs(paid) > abs(expense.invoiced_amount):
        raise PaidAlready(paid, expense.currency)


def _status(expense: Expense) -> PaymentStatus:
    if not expense.is_live:
        return PaymentStatus.CANCELLED
    billed, paid = expense.invoiced_amount, expense.paid_amount
    if expense.stage == ExpenseStage.INVOICED and abs(paid) >= abs(billed) and (paid or not billed):
        return PaymentStatus.PAID
    return PaymentStatus.PARTIAL if paid else PaymentStatus.PENDING


def _next_due_date(
    expense: Expense, invoices: Sequence[ExpenseInvoice], payments: Sequence[ExpensePayment]
) -> date | None:
    """Return the earliest of: planned instalments, the first bill that payments do not cover, the day agreed on."""
    if not expense.is_live or expense.payment_status == PaymentStatus.PAID:
        return None
    days = [payment.due_date for payment in payments if payment.paid_at is None and payment.due_date is not None]
    if expense.stage != ExpenseStage.INVOICED and expense.due_date is not None:
        days.append(expense.due_date)
    uncovered = next(uncovered_bills(expense, invoices), None)
    if uncovered is not None and uncovered[0].due_date is not None:
        days.append(uncovered[0].due_date)
    return min(days, default=None)


def uncovered_bills(expense: Expense, invoices: Sequence[ExpenseInvoice]) -> Iterator[tuple[ExpenseInvoice, Decimal]]:
    """Yield each bill that payments, made or planned, do not cover, with what is left of it.

    Payments and credit notes cover the bills that are due first.
    """
    bills = [invoice for invoice in invoices if invoice.amount > 0]
    returned = sum((-invoice.amount for invoice in invoices if invoice.amount < 0), ZERO)
    left = expense.paid_amount + expense.scheduled_amount + returned
    for invoice in sorted(bills, key=lambda bill: (bill.due_date or date.max, bill.created_at)):
        left -= invoice.amount
        if left < 0:
            yield invoice, min(invoice.amount, -left)
