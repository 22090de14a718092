"""Reading one expense for its page: what it is, its bills and payments, and who did what."""

from dataclasses import dataclass
from itertools import pairwise
from typing import Any
from uuid import UUID

from budgets.models import Expense, ExpenseInvoice, ExpensePayment
from budgets.selectors.changed_fields import ChangedField
from budgetsite.accounts.roles import Role

RECORDS_READ = 100
# What the form of an expense holds, as its history names it.
EDITED = (
    "description",
    "amount",
    "currency",
    "exchange_rate",
    "rate_source",
    "line_item_id",
    "vendor_id",
    "expense_date",
    "due_date",
    "invoice_number",
    "notes",
)


@dataclass(frozen=True, slots=True)
class ExpensePapers:
    """An expense's bills and payments in the order in which they came, cancelled ones too."""

    bills: list[ExpenseInvoice]
    payments: list[ExpensePayment]

    @property
    def live_bills(self) -> list[ExpenseInvoice]:
        return [bill for bill in self.bills if bill.cancelled_at is None]


def expense_for_page(expense_id: UUID, *, user_id: UUID, role: Role) -> Expense | None:
    """Return a live expense with all that its page names, or None."""
    expense: Expense | None = (
        Expense.objects.visible_to(user_id=user_id, role=role)
        .select_related("event__venue", "budget__event", "line_item__category", "vendor", "created_by", "decided_by")
        .filter(pk=expense_id, event__deleted_at=None, budget__deleted_at=None)
        .first()
    )
    return expense


def papers_of(expense: Expense) -> ExpensePapers:
    """Two statements."""
    return ExpensePapers(
        bills=list(expense.invoices.select_related("recorded_by").order_by("created_at", "id")),
        payments=list(expense.payments.select_related("recorded_by").order_by("created_at", "id")),
    )


def records_of(expense: Expense) -> list[Any]:
    """Return the last records of an expense's history, the oldest of them first, with who made each."""
    newest = Expense.history.filter(id=expense.pk).select_related("history_user").order_by("-history_id")
    return list(newest[:RECORDS_READ])[::-1]


def changes_since(expense: Expense, version: int) -> list[ChangedField]:
    """Return, field by field, what others changed of an expense after it was read in `version`."""
    records = [record for record in records_of(expense) if record.version >= version]
    if not records or records[0].version != version:
        return []
    read, found = records[0], []
    for name in EDITED:
        before, now = getattr(read, name), getattr(records[-1], name)
        if before != now:
            writer = next(
                newer
                for older, newer in reversed(list(pairwise(records)))
                if getattr(older, name) != getattr(newer, name)
            )
            found.append(ChangedField(name, before, now, writer.history_user, writer.history_date))
    return found
