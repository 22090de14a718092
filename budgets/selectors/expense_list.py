"""Reading expenses for their list: narrowed, with the sums of what is shown."""

from dataclasses import dataclass, replace
from datetime import date, datetime
from decimal import Decimal
from uuid import UUID
from zoneinfo import ZoneInfo

from django.db.models import Count, Q, Sum

from budgets.models import Expense, ExpenseApproval, ExpenseStage, PaymentStatus
from budgets.querysets import ExpenseQuerySet
from budgetsite.accounts.roles import Role

WAITING = "waiting"


@dataclass(frozen=True, slots=True)
class ExpenseFilter:
    """What a list is narrowed to; empty values narrow nothing. `stage` may also be `WAITING`: for an approval."""

    event_id: UUID | None = None
    line_item_id: UUID | None = None
    category_id: UUID | None = None
    vendor_id: UUID | None = None
    stage: str = ""
    payment_status: str = ""
    search: str = ""

    @property
    def narrows(self) -> bool:
        return replace(self, event_id=None) != ExpenseFilter()


@dataclass(frozen=True, slots=True)
class ExpenseSums:
    """How many expenses in budgets of one currency, and what they come to in it. Cancelled and refused ones are out."""

    currency: str
    count: int
    amount: Decimal
    committed: Decimal
    actual: Decimal


@dataclass(frozen=True, slots=True)
class ExpenseRow:
    """An expense as a list shows it today, where its event is."""

    expense: Expense
    is_overdue: bool

    @property
    def state(self) -> str:
        """Return what to say of it: that it waits or was refused goes before its stage."""
        expense = self.expense
        if expense.stage == ExpenseStage.CANCELLED or expense.approval == ExpenseApproval.APPROVED:
            return expense.stage
        return WAITING if expense.approval == ExpenseApproval.PENDING else "rejected"

    @property
    def payment_status(self) -> str:
        """Return the status of its payments; empty while there is nothing to pay."""
        expense = self.expense
        if self.is_overdue:
            return PaymentStatus.OVERDUE
        return expense.payment_status if expense.invoiced_amount or expense.paid_amount else ""


def expenses_listed(
    found: ExpenseFilter, *, user_id: UUID, role: Role, now: datetime, budget_id: UUID | None = None
) -> ExpenseQuerySet:
    """Return the expenses that a person sees, narrowed, each with its event, budget, line, category and vendor."""
    expenses: ExpenseQuerySet = Expense.objects.visible_to(user_id=user_id, role=role).filter(
        event__deleted_at=None, budget__deleted_at=None
    )
    equal = {
        "budget_id": budget_id,
        "event_id": found.event_id,
        "line_item_id": found.line_item_id,
        "line_item__category_id": found.category_id,
        "vendor_id": found.vendor_id,
    }
    expenses = expenses.filter(**{name: value for name, value in equal.items() if value is not None})
    if found.stage == WAITING:
        expenses = expenses.filter(approval=ExpenseApproval.PENDING).exclude(stage=ExpenseStage.CANCELLED)
    elif found.stage:
        expenses = expenses.filter(stage=found.stage)
    if found.payment_status:
        expenses = expenses.with_payment_status(found.payment_status, now=now)
        if found.payment_status == PaymentStatus.PENDING:
            # What is only planned or promised has no payment that could be missing.
            expenses = expenses.exclude(invoiced_amount=0)
    if found.search:
        text = found.search
        expenses = expenses.filter(
            Q(description__icontains=text) | Q(vendor__name__icontains=text) | Q(invoice_number__icontains=text)
        )
    return expenses.select_related("event", "budget", "line_item__category", "vendor")


def sums_of(expenses: ExpenseQuerySet) -> list[ExpenseSums]:
    """Return the sums of the live ones among `expenses`, one for each currency of their budgets. One statement."""
    live = expenses.live().exclude(approval=ExpenseApproval.PENDING).select_related(None).order_by()
    rows = live.values("budget__currency").annotate(
        count=Count("pk"), amount=Sum("budget_amount"), committed=Sum("committed_amount"), actual=Sum("actual_amount")
    )
    return [
        ExpenseSums(row["budget__currency"], row["count"], row["amount"], row["committed"], row["actual"])
        for row in rows.order_by("budget__currency")
    ]


def shown(expense: Expense, *, now: datetime) -> ExpenseRow:
    """Return an expense, its event loaded, as a list shows it at `now`."""
    due = expense.next_due_date
    return ExpenseRow(expense, is_overdue=due is not None and due < today_at(expense, now))


def today_at(expense: Expense, now: datetime) -> date:
    return now.astimezone(ZoneInfo(expense.event.timezone)).date()
