"""Bills of an expense: entered in one step or in several, and taken back."""

from dataclasses import dataclass
from datetime import date, datetime, timedelta
from decimal import Decimal
from uuid import UUID, uuid4

from budgets.models import Expense, ExpenseInvoice
from budgets.services import expense_money
from budgets.services.exchange_rate import Conversion
from budgets.services.expense_days import refuse_impossible_days
from budgets.services.expense_problems import DueBeforeBilled, DuplicateInvoice
from budgetsite.accounts.models import User
from budgetsite.tenancy.scope import current_scope


@dataclass(frozen=True, slots=True)
class NewBill:
    """A bill as it came; a negative amount is a credit note. In the expense's currency."""

    amount: Decimal
    invoice_date: date
    invoice_number: str = ""
    due_date: date | None = None


def enter_bill(
    expense: Expense,
    new: NewBill,
    conversion: Conversion,
    *,
    final: bool = False,
    confirm_duplicate: bool = False,
    now: datetime,
) -> ExpenseInvoice:
    """Post a bill of an expense whose budget is locked, and return it unsaved: the caller stores the expense first.

    Without a due date it is due as its vendor's terms say. Raises `DuplicateInvoice`, `DueBeforeBilled`,
    `RefundExceedsBilled`.
    """
    if not confirm_duplicate:
        _refuse_duplicate(expense, new.invoice_number)
    refuse_impossible_days(new.invoice_date, new.due_date)
    if new.due_date is not None and new.due_date < new.invoice_date:
        raise DueBeforeBilled(new.invoice_date)
    invoice = ExpenseInvoice(
        pk=uuid4(),
        expense=expense,
        vendor=expense.vendor,
        amount=new.amount,
        invoice_number=new.invoice_number.strip(),
        invoice_date=new.invoice_date,
        due_date=new.due_date or _due_by_terms(expense, new),
        recorded_by_id=current_scope().user_id,
        # As the database will say; the order of an expense's bills is needed before that.
        created_at=now,
    )
    expense_money.bill(expense, invoice, conversion, final=final, now=now)
    return invoice


def mark_cancelled(invoice: ExpenseInvoice, acting_user: User, reason: str, now: datetime) -> None:
    """Note that a bill no longer counts; what it posted was taken back before."""
    invoice.cancelled_at, invoice.cancelled_by, invoice.cancel_reason = now, acting_user, reason.strip()
    invoice.save()


def _due_by_terms(expense: Expense, new: NewBill) -> date | None:
    terms = expense.vendor.payment_terms_days if expense.vendor else None
    return None if terms is None or new.amount < 0 else new.invoice_date + timedelta(days=terms)


def _refuse_duplicate(expense: Expense, number: str) -> None:
    number = number.strip()
    if not number or expense.vendor_id is None:
        return
    earlier: tuple[UUID, UUID, str] | None = (
        ExpenseInvoice.objects.filter(vendor_id=expense.vendor_id, invoice_number=number, cancelled_at=None)
        .values_list("expense_id", "expense__event_id", "expense__description")
        .first()
    )
    if earlier is not None:
        assert expense.vendor is not None
        expense_id, event_id, description = earlier
        # Whoever runs this event may see nothing of another.
        told = description if event_id == expense.event_id else ""
        raise DuplicateInvoice(number, expense.vendor.name, expense_id, told)
