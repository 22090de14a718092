"""Paying what is due in one press, and taking that back in another."""

from datetime import datetime
from decimal import Decimal
from uuid import UUID

from django.db import transaction

from budgets.models import Expense, ExpensePayment
from budgets.services.expense_access import lock_expense
from budgets.services.expense_payments import live_invoices, live_payments, uncovered_bills
from budgets.services.payment import add_payment, cancel_payment, change_payment
from budgets.services.problems import BudgetProblem
from budgetsite.accounts.models import User
from budgetsite.accounts.roles import Role


class NothingDue(BudgetProblem):
    """It was paid, or taken back, since the page was read."""

    code = "nothing_due"

    def __init__(self) -> None:
        super().__init__("Nothing of this is still to be paid: somebody has noted it already, or it was cancelled.")


@transaction.atomic
def pay_instalment(
    *, expense_id: UUID, payment_id: UUID, acting_user: User, acting_role: Role, now: datetime
) -> ExpensePayment:
    """Note that a planned instalment was paid now. Raises `NothingDue`, and as `change_payment`."""
    expense = lock_expense(expense_id)
    if all(payment.pk != payment_id or payment.paid_at for payment in live_payments(expense)):
        raise NothingDue
    return change_payment(
        expense_id=expense_id,
        payment_id=payment_id,
        acting_user=acting_user,
        acting_role=acting_role,
        now=now,
        paid_at=now,
    )


@transaction.atomic
def pay_bill(
    *, expense_id: UUID, invoice_id: UUID, acting_user: User, acting_role: Role, now: datetime
) -> ExpensePayment:
    """Note that the rest of a bill was paid now. Raises `NothingDue`, and as `add_payment`."""
    return add_payment(
        expense_id=expense_id,
        amount=_rest_of(lock_expense(expense_id), invoice_id),
        acting_user=acting_user,
        acting_role=acting_role,
        now=now,
        paid_at=now,
    )


@transaction.atomic
def unpay_instalment(
    *, expense_id: UUID, payment_id: UUID, acting_user: User, acting_role: Role, now: datetime
) -> ExpensePayment:
    """Let an instalment be planned again. Raises `NothingDue` when it is, and as `change_payment`."""
    expense = lock_expense(expense_id)
    if not any(one.pk == payment_id and one.paid_at and one.due_date for one in live_payments(expense)):
        raise NothingDue
    return change_payment(
        expense_id=expense_id,
        payment_id=payment_id,
        acting_user=acting_user,
        acting_role=acting_role,
        now=now,
        paid_at=None,
    )


def unpay_bill(
    *, expense_id: UUID, payment_id: UUID, acting_user: User, acting_role: Role, now: datetime
) -> ExpensePayment:
    """Take the payment of a bill back. Raises as `cancel_payment`."""
    return cancel_payment(
        expense_id=expense_id,
        payment_id=payment_id,
        acting_user=acting_user,
        acting_role=acting_role,
        now=now,
        reason="Noted by mistake",
    )


def _rest_of(expense: Expense, invoice_id: UUID) -> Decimal:
    for invoice, rest in uncovered_bills(expense, live_invoices(expense)):
        if invoice.pk == invoice_id:
            return rest
    raise NothingDue
