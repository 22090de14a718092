"""What the pages of payments show: what is due grouped by week, and a month of days."""

import calendar
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import date, timedelta
from decimal import Decimal
from itertools import groupby
from uuid import UUID

from django.db.models import Exists, OuterRef, QuerySet

from budgets.models import Expense
from budgets.selectors.payments_due import DueItem
from budgetsite.accounts.roles import Role
from events.models import Event

EVENTS_OFFERED = 200


@dataclass(frozen=True, slots=True)
class DueGroup:
    """`monday` is None for what is overdue. `sums` (currency, amount) is empty where a page cut the group."""

    monday: date | None
    items: list[DueItem]
    sums: list[tuple[str, Decimal]]


@dataclass(frozen=True, slots=True)
class Day:
    day: date
    in_month: bool
    items: list[DueItem] = field(default_factory=list)


def by_week(items: Sequence[DueItem], *, cut_before: bool, cut_after: bool) -> list[DueGroup]:
    """Group what is due (in the order of days): overdue, then week by week, each with its sums by currency."""
    groups = [(key, list(found)) for key, found in groupby(items, key=_week)]
    last = len(groups) - 1
    return [
        DueGroup(
            monday,
            found,
            [] if (cut_before and number == 0) or (cut_after and number == last) else sums_of(found),
        )
        for number, (monday, found) in enumerate(groups)
    ]


def sums_of(items: Iterable[DueItem]) -> list[tuple[str, Decimal]]:
    """Return what items add up to in each currency, by its code."""
    sums: dict[str, Decimal] = {}
    for item in items:
        sums[item.currency] = sums.get(item.currency, Decimal(0)) + item.amount
    return sorted(sums.items())


def weeks_of_month(year: int, month: int) -> list[list[date]]:
    """Return the weeks that a month touches, from Monday to Sunday."""
    return calendar.Calendar(firstweekday=0).monthdatescalendar(year, month)


def month_of_days(weeks: list[list[date]], month: int, items: Iterable[DueItem]) -> list[list[Day]]:
    on_day: dict[date, list[DueItem]] = {}
    for item in items:
        on_day.setdefault(item.due_date, []).append(item)
    return [[Day(day, day.month == month, on_day.get(day, [])) for day in week] for week in weeks]


def events_with_payments(*, user_id: UUID, role: Role) -> QuerySet[Event]:
    """Return the events of which something in sight is to be paid, the next first."""
    expenses = Expense.objects.visible_to(user_id=user_id, role=role)
    due = expenses.filter(event_id=OuterRef("pk"), deleted_at=None, next_due_date__isnull=False)
    found: QuerySet[Event] = Event.objects.filter(Exists(due)).order_by("event_date", "pk")
    return found[:EVENTS_OFFERED]


def _week(item: DueItem) -> date | None:
    return None if item.is_overdue else item.due_date - timedelta(days=item.due_date.weekday())
