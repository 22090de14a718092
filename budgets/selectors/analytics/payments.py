"""What is paid, what is to be paid, and by when. In the currency that each expense is billed in."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import timedelta
from decimal import Decimal
from typing import Any

from django.db.models import Case, CharField, Count, DateTimeField, F, Q, QuerySet, Sum, Value, When

from budgets.models import Expense, ExpenseApproval, ExpenseStage, PaymentStatus
from budgets.selectors.analytics.inquiry import ZERO, Inquiry, expenses_of, on_the_clock
from budgets.selectors.analytics.position import answer

OVERDUE, DUE_SOON, DUE_LATER, NO_DATE = "overdue", "soon", "later", "no_date"
DUE = (OVERDUE, DUE_SOON, DUE_LATER, NO_DATE)
SOON_DAYS = 30


@dataclass(frozen=True, slots=True)
class PaymentSums:
    """The sums of some expenses: what they are for, what is billed, paid, and billed but not paid (`owed`)."""

    count: int = 0
    amount: Decimal = ZERO
    billed: Decimal = ZERO
    paid: Decimal = ZERO

    @property
    def owed(self) -> Decimal:
        return self.billed - self.paid

    def __add__(self, other: "PaymentSums") -> "PaymentSums":
        return PaymentSums(
            self.count + other.count, self.amount + other.amount, self.billed + other.billed, self.paid + other.paid
        )


@dataclass(frozen=True, slots=True)
class Payments:
    """By status as it is shown (`PaymentStatus`), and what is owed by when the next of it is due (`DUE`).

    An expense stands in one status and one of `DUE`, with all that is owed for it.
    """

    currency: str
    by_status: dict[str, PaymentSums]
    by_due: dict[str, PaymentSums]
    others: list[tuple[str, PaymentSums]]

    @property
    def total(self) -> PaymentSums:
        """All that is not cancelled."""
        return _added(sums for status, sums in self.by_status.items() if status != PaymentStatus.CANCELLED)

    def owed_by(self, due: str) -> Decimal:
        return self.by_due[due].owed


def payments(inquiry: Inquiry) -> Payments:
    """Return the sums by status and by due date; expenses in other currencies stand apart. One statement."""
    return answer("payments", inquiry, lambda: payments_as_of(inquiry))


def payments_as_of(inquiry: Inquiry) -> Payments:
    rows = list(_rows(expenses_of(inquiry, all_currencies=True), inquiry))

    def added(**wanted: str) -> PaymentSums:
        return _added(_sums(row) for row in rows if all(row[name] == value for name, value in wanted.items()))

    others = sorted({row["currency"] for row in rows} - {inquiry.currency})
    return Payments(
        currency=inquiry.currency,
        by_status={status: added(currency=inquiry.currency, shown_status=status) for status in PaymentStatus.values},
        by_due={due: added(currency=inquiry.currency, due=due) for due in DUE},
        others=[
            (
                currency,
                _added(
                    _sums(row)
                    for row in rows
                    if row["currency"] == currency and row["shown_status"] != PaymentStatus.CANCELLED
                ),
            )
            for currency in others
        ],
    )


def expenses_behind(inquiry: Inquiry, *, due: str = "", status: str = "", waiting: bool = False) -> QuerySet[Expense]:
    """Return the expenses of one of `DUE`, of a status as it is shown, or those that wait for approval."""
    rows: Any = with_status(expenses_of(inquiry), inquiry).select_related("event", "vendor", "line_item__category")
    if due:
        rows = rows.filter(due=due)
    if status:
        rows = rows.filter(shown_status=status)
    found: QuerySet[Expense] = rows.filter(approval=ExpenseApproval.PENDING) if waiting else rows
    return found


def with_status(expenses: QuerySet[Expense], inquiry: Inquiry) -> QuerySet[Expense]:
    """Annotate expenses with `shown_status` and `due` as `inquiry.as_of` makes them."""
    now = Value(inquiry.as_of, output_field=DateTimeField())
    soon = Value(inquiry.as_of + timedelta(days=SOON_DAYS), output_field=DateTimeField())
    gone = Q(stage=ExpenseStage.CANCELLED) | Q(approval=ExpenseApproval.REJECTED)
    overdue = Q(next_due_date__lt=F("today_there"))
    return expenses.alias(
        today_there=on_the_clock(F("event__timezone"), now), soon_there=on_the_clock(F("event__timezone"), soon)
    ).annotate(
        shown_status=Case(
            When(gone, then=Value(PaymentStatus.CANCELLED.value)),
            When(overdue, then=Value(PaymentStatus.OVERDUE.value)),
            default=F("payment_status"),
            output_field=CharField(),
        ),
        # What is paid or cancelled is due no more.
        due=Case(
            When(gone | Q(payment_status=PaymentStatus.PAID), then=Value("")),
            When(overdue, then=Value(OVERDUE)),
            When(next_due_date__lte=F("soon_there"), then=Value(DUE_SOON)),
            When(next_due_date__isnull=False, then=Value(DUE_LATER)),
            default=Value(NO_DATE),
            output_field=CharField(),
        ),
    )


def _rows(expenses: QuerySet[Expense], inquiry: Inquiry) -> Any:
    rows: Any = with_status(expenses, inquiry).order_by()
    return rows.values("currency", "shown_status", "due").annotate(
        count=Count("pk"),
        amount_sum=Sum("amount", default=ZERO),
        billed=Sum("invoiced_amount", default=ZERO),
        paid=Sum("paid_amount", default=ZERO),
    )


def _sums(row: dict[str, Any]) -> PaymentSums:
    return PaymentSums(count=row["count"], amount=row["amount_sum"], billed=row["billed"], paid=row["paid"])


def _added(sums: Iterable[PaymentSums]) -> PaymentSums:
    total = PaymentSums()
    for one in sums:
        total = total + one
    return total
