"""Entering an expense that may be paid already: one step for whoever has the receipt in their hand."""

from datetime import datetime
from decimal import Decimal
from typing import Any

from django.db import transaction

from budgets.models import Expense, ExpenseApproval, ExpenseStage
from budgets.services.expense import record_expense
from budgets.services.expense_money import moment_of
from budgets.services.payment import add_payment
from budgets.services.quick_expense import PAID
from budgetsite.accounts.models import Account, User
from budgetsite.accounts.roles import Role
from events.models import Event


@transaction.atomic
def enter_expense(
    *,
    event: Event,
    stage: str,
    amount: Decimal,
    acting_user: User,
    acting_role: Role,
    account: Account,
    now: datetime,
    **fields: Any,
) -> Expense:
    """Record an expense as far as `stage` says: a stage of expenses, or `PAID` for one that is billed and paid.

    It was paid on the day of the expense, all of it. What waits for approval is not paid yet: its payment is noted
    once it is approved. Raises as `record_expense` and `add_payment`.
    """
    expense = record_expense(
        event=event,
        stage=ExpenseStage.INVOICED if stage == PAID else stage,
        amount=amount,
        acting_user=acting_user,
        acting_role=acting_role,
        account=account,
        now=now,
        **fields,
    )
    if stage == PAID and expense.approval == ExpenseApproval.APPROVED:
        add_payment(
            expense_id=expense.pk,
            amount=expense.amount,
            paid_at=moment_of(expense.expense_date, expense, now),
            acting_user=acting_user,
            acting_role=acting_role,
            now=now,
        )
        expense.refresh_from_db()
    return expense
