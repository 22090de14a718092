"""What was spent, month by month, from the ledger."""

from dataclasses import dataclass
from datetime import date, datetime, time
from decimal import Decimal
from typing import Any
from zoneinfo import ZoneInfo

from django.contrib.postgres.fields import ArrayField
from django.db.models import DateTimeField, F, Func, IntegerField, Q, Sum, Value

from budgets.models import EntryKind, LedgerEntry
from budgets.selectors.analytics.inquiry import ZERO, Inquiry, budgets_of
from budgets.selectors.analytics.position import answer

MONTHS = 12
MOST_MONTHS = 60


@dataclass(frozen=True, slots=True)
class Month:
    """What moved in one month of the account's calendar; `first` is its first day.

    `spent` is what was billed less what came back, `committed` what was promised less what was settled or released,
    `received` what came in.
    """

    first: date
    spent: Decimal = ZERO
    committed: Decimal = ZERO
    received: Decimal = ZERO

    @property
    def last(self) -> date:
        return date.fromordinal(_months_later(self.first, 1).toordinal() - 1)


@dataclass(frozen=True, slots=True)
class Trends:
    currency: str
    zone: str
    months: list[Month]

    @property
    def spent(self) -> Decimal:
        return sum((month.spent for month in self.months), ZERO)

    @property
    def received(self) -> Decimal:
        return sum((month.received for month in self.months), ZERO)

    @property
    def average_spent(self) -> Decimal:
        """What was spent in a month on average, unrounded."""
        return self.spent / len(self.months)

    @property
    def highest(self) -> Month | None:
        """The month in which most was spent, the latest of equals; None when nothing was spent in any."""
        highest = max(self.months, key=lambda month: (month.spent, month.first))
        return highest if highest.spent > 0 else None


def trends(inquiry: Inquiry) -> Trends:
    """Return the months from the first to the last day asked for: twelve up to the present one unless it is said.

    Never more than `MOST_MONTHS`, the latest. A month in which nothing moved is there with zeros.
    """
    return answer("trends", inquiry, lambda: compute_trends(inquiry))


def months_asked(inquiry: Inquiry) -> list[date]:
    """Return the first days of the months that an inquiry is about."""
    today = inquiry.as_of.astimezone(ZoneInfo(inquiry.zone)).date()
    last = (inquiry.last or (today if inquiry.first is None else max(today, inquiry.first))).replace(day=1)
    first = (inquiry.first or _months_later(last, 1 - MONTHS)).replace(day=1)
    count = (last.year - first.year) * 12 + last.month - first.month + 1
    count = min(max(count, 1), MOST_MONTHS)
    return [_months_later(last, position + 1 - count) for position in range(count)]


def day_begins(day: date, zone: str) -> datetime:
    """Return the moment at which a day begins in a zone."""
    return datetime.combine(day, time.min, ZoneInfo(zone))


def compute_trends(inquiry: Inquiry) -> Trends:
    firsts = months_asked(inquiry)
    begins = [day_begins(first, inquiry.zone) for first in (*firsts, _months_later(firsts[-1], 1))]
    # The bounds are moments, so that PostgreSQL converts no entry's time: daylight saving is in them.
    number = Func(
        F("occurred_at"),
        Value(begins, output_field=ArrayField(DateTimeField())),
        function="width_bucket",
        output_field=IntegerField(),
    )
    is_income = Q(kind=EntryKind.INCOME)
    rows: Any = (
        LedgerEntry.objects.filter(
            budget__in=budgets_of(inquiry.on_any_day()).order_by().values("pk"),
            occurred_at__gte=begins[0],
            occurred_at__lt=begins[-1],
        )
        .order_by()
        .annotate(number=number)
        .values("number")
        .annotate(
            spent=Sum("actual_delta", filter=~is_income, default=ZERO),
            committed=Sum("committed_delta", default=ZERO),
            received=Sum("actual_delta", filter=is_income, default=ZERO),
        )
    )
    found = {row["number"]: row for row in rows}
    months = [
        Month(first, found[number]["spent"], found[number]["committed"], found[number]["received"])
        if number in found
        else Month(first)
        for number, first in enumerate(firsts, start=1)
    ]
    return Trends(currency=inquiry.currency, zone=inquiry.zone, months=months)


def _months_later(first: date, months: int) -> date:
    year, month = divmod(first.year * 12 + first.month - 1 + months, 12)
    return date(year, month + 1, 1)
