"""Paying in instalments: what is billed and still open, in equal parts by the week or the month."""

from calendar import monthrange
from collections.abc import Iterator
from datetime import date, datetime, timedelta
from decimal import Decimal
from enum import StrEnum
from fractions import Fraction
from uuid import UUID, uuid4

from django.db import transaction

from budgets.models import Expense, ExpensePayment
from budgets.services.expense_access import lock_expense, refuse_cancelled, refuse_unapproved, store
from budgets.services.expense_payments import derive_payments, live_invoices, live_payments
from budgets.services.expense_policy import expense_policy
from budgets.services.expense_problems import ClientsMayNot, PaymentExceedsBilled
from budgets.services.problems import BudgetProblem
from budgetsite.accounts.models import User
from budgetsite.accounts.roles import Role
from budgetsite.money.allocation import round_together, smallest_unit

FEWEST_PARTS, MOST_PARTS = 2, 24


class Interval(StrEnum):
    WEEK = "week"
    MONTH = "month"


class TooManyParts(BudgetProblem):
    """One of the parts would be nothing."""

    code = "too_many_parts"

    def __init__(self, parts: int) -> None:
        super().__init__(f"There is not enough open for {parts} parts. Choose fewer.")


@transaction.atomic
def plan_instalments(
    *,
    expense_id: UUID,
    parts: int,
    first_due: date,
    interval: Interval,
    acting_user: User,
    acting_role: Role,
    now: datetime,
    method: str = "",
) -> list[ExpensePayment]:
    """Plan what is billed and neither paid nor planned yet in `parts` (2 to 24) parts, the first due on `first_due`.

    The parts add up exactly; what is left over in the smallest unit goes to the first ones. A month after 31 January
    is the last of February. Raises `PaymentExceedsBilled` where nothing is open, `TooManyParts`, `NotApprovedYet`,
    `InvalidStep`, `ClientsMayNot`, `ExpenseNotFound`.
    """
    if not FEWEST_PARTS <= parts <= MOST_PARTS:
        raise ValueError(f"{parts} parts are not between {FEWEST_PARTS} and {MOST_PARTS}")
    if acting_role == Role.CLIENT and not expense_policy().clients_add_payments:
        raise ClientsMayNot("payments")
    expense = lock_expense(expense_id)
    refuse_cancelled(expense, "pay")
    refuse_unapproved(expense)
    payments = [
        ExpensePayment(
            pk=uuid4(), expense=expense, amount=amount, due_date=due_date, method=method, recorded_by=acting_user
        )
        for amount, due_date in zip(_parts_of(expense, parts), _days(first_due, parts, interval), strict=True)
    ]
    for payment in payments:
        payment.save(force_insert=True)
    derive_payments(expense, live_invoices(expense), live_payments(expense))
    store(
        expense,
        kind="expense.payment_planned",
        moved_money=False,
        payments=[str(payment.pk) for payment in payments],
    )
    return payments


def _parts_of(expense: Expense, parts: int) -> list[Decimal]:
    still_open = expense.invoiced_amount - expense.paid_amount - expense.scheduled_amount
    if not still_open or (still_open < 0) != (expense.invoiced_amount < 0):
        raise PaymentExceedsBilled(invoiced=expense.invoiced_amount, open_amount=still_open, currency=expense.currency)
    each = Fraction(abs(still_open)) / parts
    amounts = round_together([each] * parts, smallest_unit(expense.currency))
    if not all(amounts):
        raise TooManyParts(parts)
    return [amount.copy_sign(still_open) for amount in amounts]


def _days(first: date, parts: int, interval: Interval) -> Iterator[date]:
    for number in range(parts):
        yield first + timedelta(weeks=number) if interval == Interval.WEEK else _months_after(first, number)


def _months_after(day: date, months: int) -> date:
    year, month = divmod(day.month - 1 + months, 12)
    year, month = day.year + year, month + 1
    return date(year, month, min(day.day, monthrange(year, month)[1]))
