"""What must be paid when: instalments that were planned, what of bills no payment covers, what was agreed on and is
not billed yet. One statement finds them all, each with its own day and amount in its expense's currency.

An expense's `next_due_date` is the first of these days; it leads to the expenses that are looked at.
"""

from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from typing import Any
from uuid import UUID

from django.db import connection
from django.db.models import DateField, DateTimeField, F, Func, QuerySet, Sum, Value
from django.db.models.aggregates import Count
from django.db.models.functions import Cast

from budgets.models import Expense, ExpenseApproval, ExpensePayment
from budgetsite.accounts.roles import Role
from budgetsite.tenancy.scope import require_tenant_id

INSTALMENT, BILL, AGREED = "instalment", "bill", "agreed"
OVERDUE, UPCOMING = "overdue", "upcoming"

# Rows of what is due, from a CTE `mine` of expenses. Bills are covered in the order in which they are due, by payments
# made and planned and by credit notes, as budgets.services.expense_payments says.
DUE = """
    SELECT 'instalment' AS kind, payment.id, mine.id AS expense_id, payment.due_date, payment.amount,
           mine.currency, mine.today
    FROM mine JOIN budgets_expensepayment payment ON payment.tenant_id = %(tenant)s AND payment.expense_id = mine.id
    WHERE payment.paid_at IS NULL AND payment.cancelled_at IS NULL AND payment.deleted_at IS NULL
    UNION ALL
    SELECT 'bill', bill.id, bill.expense_id, bill.due_date, least(bill.amount, bill.running - bill.covered),
           bill.currency, bill.today
    FROM (
        SELECT invoice.id, invoice.expense_id, invoice.due_date, invoice.amount, mine.currency, mine.today,
               sum(greatest(invoice.amount, 0)) OVER (
                   PARTITION BY invoice.expense_id
                   ORDER BY invoice.due_date NULLS LAST, invoice.created_at, invoice.id
               ) AS running,
               mine.paid_amount + mine.scheduled_amount
                   - sum(least(invoice.amount, 0)) OVER (PARTITION BY invoice.expense_id) AS covered
        FROM mine JOIN budgets_expenseinvoice invoice
            ON invoice.tenant_id = %(tenant)s AND invoice.expense_id = mine.id
        WHERE invoice.cancelled_at IS NULL AND invoice.deleted_at IS NULL
    ) bill
    WHERE bill.amount > 0 AND bill.running > bill.covered AND bill.due_date IS NOT NULL
    UNION ALL
    SELECT 'agreed', mine.id, mine.id, mine.due_date, mine.amount - mine.invoiced_amount, mine.currency, mine.today
    FROM mine
    WHERE mine.stage IN ('planned', 'committed') AND mine.due_date IS NOT NULL AND mine.amount > mine.invoiced_amount
"""
_MINE = ("id", "currency", "stage", "amount", "invoiced_amount", "paid_amount", "scheduled_amount", "due_date")


@dataclass(frozen=True, slots=True)
class DueItem:
    """Something to be paid. `id` is the instalment's, the bill's or, of what is agreed, the expense's.

    `amount` is in the expense's currency; negative where money is to come back.
    """

    kind: str
    id: UUID
    due_date: date
    amount: Decimal
    currency: str
    is_overdue: bool
    expense: Expense

    @property
    def place(self) -> "Place":
        return (self.due_date, self.kind, self.id)


# Where a page begins: after, or before, what has this day, kind and id.
Place = tuple[date, str, UUID]


@dataclass(frozen=True, slots=True)
class DueSum:
    currency: str
    is_overdue: bool
    amount: Decimal
    number: int


@dataclass(frozen=True, slots=True)
class DueDay:
    """All that is to be paid of one expense by one day, in its currency; negative where money is to come back."""

    expense: Expense
    due_date: date
    amount: Decimal
    number: int


@dataclass(frozen=True, slots=True)
class DueFilter:
    """What is looked for; None leaves all in. `before` and `after` are days, the days themselves included."""

    status: str | None = None
    expense_id: UUID | None = None
    event_id: UUID | None = None
    vendor_id: UUID | None = None
    before: date | None = None
    after: date | None = None


EVERYTHING = DueFilter()


def payments_due(
    *,
    user_id: UUID,
    role: Role,
    now: datetime,
    wanted: DueFilter = EVERYTHING,
    limit: int,
    beyond: Place | None = None,
    backwards: bool = False,
) -> list[DueItem]:
    """Return the first `limit` of what is to be paid (after a place, or the last before it), by day.

    Two statements, however much there is. Overdue is what is due before today, where the event is.
    """
    sign, way = ("<", "DESC") if backwards else (">", "ASC")
    params: dict[str, Any] = {"limit": limit}
    place = ""
    if beyond is not None:
        params |= {"place_day": beyond[0], "place_kind": beyond[1], "place_id": beyond[2]}
        place = f"AND (due_date, kind, id) {sign} (%(place_day)s, %(place_kind)s, %(place_id)s)"
    rows = _ask(
        "SELECT kind, id, expense_id, due_date, amount, currency, due_date < today FROM due"
        f" WHERE {{conditions}} {place} ORDER BY due_date {way}, kind {way}, id {way} LIMIT %(limit)s",
        user_id=user_id,
        role=role,
        now=now,
        wanted=wanted,
        params=params,
    )
    expenses = Expense.objects.select_related("event", "vendor", "budget").in_bulk({row[2] for row in rows})
    items = [DueItem(row[0], row[1], row[3], row[4], row[5], row[6], expenses[row[2]]) for row in rows]
    return items[::-1] if backwards else items


def due_days(
    *,
    user_id: UUID,
    role: Role,
    now: datetime,
    wanted: DueFilter = EVERYTHING,
    limit: int,
    beyond: tuple[date, UUID] | None = None,
) -> list[DueDay]:
    """Return the first `limit` expenses and days of what is to be paid (after one of them), by day. Two statements."""
    params: dict[str, Any] = {"limit": limit}
    place = ""
    if beyond is not None:
        params |= {"place_day": beyond[0], "place_id": beyond[1]}
        place = "AND (due_date, expense_id) > (%(place_day)s, %(place_id)s)"
    rows = _ask(
        f"SELECT expense_id, due_date, sum(amount), count(*) FROM due WHERE {{conditions}} {place}"
        " GROUP BY expense_id, due_date HAVING sum(amount) <> 0 ORDER BY due_date, expense_id LIMIT %(limit)s",
        user_id=user_id,
        role=role,
        now=now,
        wanted=wanted,
        params=params,
    )
    expenses = Expense.objects.select_related("event", "vendor").in_bulk({row[0] for row in rows})
    return [DueDay(expenses[expense_id], *found) for expense_id, *found in rows]


def due_item(*, expense_id: UUID, kind: str, item_id: UUID, user_id: UUID, role: Role, now: datetime) -> DueItem | None:
    """Return one of an expense's items; None when nothing of it is due any more."""
    wanted = DueFilter(expense_id=expense_id)
    found = payments_due(user_id=user_id, role=role, now=now, wanted=wanted, limit=1000)
    return next((item for item in found if (item.kind, item.id) == (kind, item_id)), None)


def due_sums(*, user_id: UUID, role: Role, now: datetime, wanted: DueFilter = EVERYTHING) -> list[DueSum]:
    """Return what is to be paid in each currency, overdue and upcoming apart: currencies are never added together."""
    rows = _ask(
        "SELECT currency, due_date < today, sum(amount), count(*) FROM due WHERE {conditions}"
        " GROUP BY 1, 2 ORDER BY 2 DESC, 1",
        user_id=user_id,
        role=role,
        now=now,
        wanted=wanted,
        params={},
    )
    return [DueSum(currency, is_overdue, amount, number) for currency, is_overdue, amount, number in rows]


def billed_without_a_day(*, user_id: UUID, role: Role, event_id: UUID | None = None) -> list[DueSum]:
    """Return what is billed, not paid and due on no day, by currency: no list by days would ever show it."""
    found: QuerySet[Expense] = Expense.objects.visible_to(user_id=user_id, role=role)
    found = found.filter(
        deleted_at=None,
        next_due_date=None,
        payment_status__in=("pending", "partial"),
        invoiced_amount__gt=F("paid_amount") + F("scheduled_amount"),
    )
    if event_id is not None:
        found = found.filter(event_id=event_id)
    still_open = Sum(F("invoiced_amount") - F("paid_amount") - F("scheduled_amount"))
    rows = found.values_list("currency").annotate(still_open=still_open, number=Count("pk")).order_by("currency")
    return [DueSum(currency, False, amount, number) for currency, amount, number in rows]


def payments_made(*, user_id: UUID, role: Role, wanted: DueFilter = EVERYTHING) -> QuerySet[ExpensePayment]:
    """Return what was paid of the expenses in sight, for a list by the moment of payment."""
    expenses: QuerySet[Expense] = Expense.objects.visible_to(user_id=user_id, role=role).filter(deleted_at=None)
    if wanted.event_id is not None:
        expenses = expenses.filter(event_id=wanted.event_id)
    if wanted.vendor_id is not None:
        expenses = expenses.filter(vendor_id=wanted.vendor_id)
    found: QuerySet[ExpensePayment] = ExpensePayment.objects.filter(
        paid_at__isnull=False, cancelled_at=None, deleted_at=None, expense__in=expenses
    )
    if wanted.before is not None:
        found = found.filter(due_date__lte=wanted.before)
    if wanted.after is not None:
        found = found.filter(due_date__gte=wanted.after)
    return found.select_related("expense__event", "expense__vendor", "expense__budget")


def _ask(
    select: str, *, user_id: UUID, role: Role, now: datetime, wanted: DueFilter, params: dict[str, Any]
) -> list[tuple[Any, ...]]:
    mine, mine_params = _expenses(user_id=user_id, role=role, now=now, wanted=wanted).query.sql_with_params()
    # The expenses' statement comes with parameters by position; here all have names.
    names = [f"mine_{number}" for number in range(len(mine_params))]
    mine = mine % tuple(f"%({name})s" for name in names)
    conditions = ["TRUE"]
    if wanted.status is not None:
        conditions.append("due_date < today" if wanted.status == OVERDUE else "due_date >= today")
    if wanted.before is not None:
        conditions.append("due_date <= %(before)s")
    if wanted.after is not None:
        conditions.append("due_date >= %(after)s")
    columns = ", ".join((*_MINE, "today"))
    asked = select.format(conditions=" AND ".join(conditions))
    with connection.cursor() as cursor:
        cursor.execute(
            f"WITH mine ({columns}) AS ({mine}), due AS ({DUE}) {asked}",
            {
                **dict(zip(names, mine_params, strict=True)),
                "tenant": require_tenant_id(),
                "before": wanted.before,
                "after": wanted.after,
                **params,
            },
        )
        rows: list[tuple[Any, ...]] = cursor.fetchall()
    return rows


def _expenses(*, user_id: UUID, role: Role, now: datetime, wanted: DueFilter) -> QuerySet[Expense, Any]:
    """Return the agreed expenses in sight of which something is due, with the present day where their event is."""
    found: QuerySet[Expense] = Expense.objects.visible_to(user_id=user_id, role=role)
    found = found.filter(deleted_at=None, next_due_date__isnull=False, approval=ExpenseApproval.APPROVED)
    if wanted.before is not None:
        found = found.filter(next_due_date__lte=wanted.before)
    if wanted.expense_id is not None:
        found = found.filter(pk=wanted.expense_id)
    if wanted.event_id is not None:
        found = found.filter(event_id=wanted.event_id)
    if wanted.vendor_id is not None:
        found = found.filter(vendor_id=wanted.vendor_id)
    moment = Value(now, output_field=DateTimeField())
    there = Func(F("event__timezone"), moment, function="timezone", output_field=DateTimeField())
    return found.annotate(today=Cast(there, DateField())).values_list(*_MINE, "today").order_by()
