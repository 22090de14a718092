"""What was spent from a scoped budget, put together by days, sources, people, or whatever is known about it.

Everything that counts in the budget: its own usage, that of the budgets below it, the entries of the events that they
fund. One statement, whatever the number of entries.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta
from decimal import Decimal
from fractions import Fraction
from typing import Any, Protocol, TypeVar
from uuid import UUID

from django.db import connection
from django.utils import formats

from budgets.models import EntryKind, EntrySource
from budgets.selectors.report_groups import GroupBy, Grouping
from budgets.selectors.report_range import Range, RangeProblem
from budgets.services.windows import HasCalendar
from budgetsite.money.allocation import round_together
from budgetsite.tenancy.scope import deleted_rows_visible, require_tenant_id

ZERO = Decimal(0)
_HUNDREDTH = Decimal("0.01")

# So many groups stand by themselves, the largest; the rest are counted as others. Days are as many as there are.
MOST_GROUPS = 100
MOST_BY_DAY = 400
MOST_SPENDERS = 10

# Deleted budgets and events are in sight: what was spent from them goes on counting above. The rows of one tenant are
# found by the indexes on (tenant, scoped_budget, occurred_at) and (tenant, budget); metadata is read of these alone.
_REPORT = """
    WITH place AS MATERIALIZED (
        SELECT b.id AS leaf, b.name, {place} AS key FROM budgets_scopedbudget b
        WHERE b.tenant_id = %(tenant)s AND (b.id = %(node)s OR b.path @> ARRAY[%(node)s]::uuid[])
    ),
    moved AS (
        SELECT e.actual_delta, e.committed_delta, e.machine, CASE e.machine WHEN '' THEN e.actor_id END AS actor_id,
               {usage} AS key, {usage_label} AS label
        FROM place p
        JOIN budgets_ledgerentry e ON e.tenant_id = %(tenant)s AND e.scoped_budget_id = p.leaf
        WHERE e.occurred_at >= %(start)s AND e.occurred_at < %(end)s
        UNION ALL
        SELECT e.actual_delta, e.committed_delta, e.machine, CASE e.machine WHEN '' THEN e.actor_id END,
               {funded}, {funded_label}
        FROM place p
        JOIN budgets_eventbudget f ON f.tenant_id = %(tenant)s AND f.funded_by_id = p.leaf
        JOIN events_event v ON v.tenant_id = %(tenant)s AND v.id = f.event_id
        JOIN budgets_ledgerentry e ON e.tenant_id = %(tenant)s AND e.budget_id = f.id AND e.kind <> 'income'
        WHERE e.occurred_at >= %(start)s AND e.occurred_at < %(end)s
    ),
    summed AS (
        SELECT CASE WHEN grouping(key) = 0 THEN 'group' WHEN grouping(machine) = 0 THEN 'spender' ELSE 'all' END
                   AS part,
               left(key, 300) AS key, min(label) AS label, actor_id, machine,
               coalesce(sum(actual_delta), 0) AS actual, coalesce(sum(committed_delta), 0) AS committed,
               count(*) AS entries
        FROM moved GROUP BY GROUPING SETS ((key), (actor_id, machine), ())
    ),
    ranked AS (
        SELECT *, row_number() OVER (PARTITION BY part ORDER BY actual DESC, committed DESC, key, machine, actor_id)
            AS place FROM summed
    ),
    bounded AS (
        SELECT part, place > most AS is_rest, CASE WHEN place <= most THEN place END AS place, min(key) AS key,
               min(label) AS label, min(actor_id::text) AS actor_id, min(machine) AS machine, sum(actual) AS actual,
               sum(committed) AS committed, sum(entries) AS entries, count(*) AS groups
        FROM ranked, LATERAL (SELECT CASE part WHEN 'spender' THEN {spenders} ELSE %(most)s END AS most) bound
        GROUP BY 1, 2, 3
    )
    SELECT b.part, b.is_rest, b.key, b.label, b.actor_id, b.machine, b.actual, b.committed, b.entries, b.groups,
           coalesce(nullif(u.name, ''), u.email),
           (SELECT coalesce(sum(r.held_amount), 0) FROM budgets_reservation r JOIN place p ON p.leaf = r.budget_id
            WHERE b.part = 'all' AND r.tenant_id = %(tenant)s AND r.status = 'held' AND r.deleted_at IS NULL
                AND r.expires_at > %(now)s AND r.held_at >= %(start)s AND r.held_at < %(end)s)
    FROM bounded b LEFT JOIN accounts_user u ON u.id = b.actor_id::uuid
    ORDER BY b.part, b.place NULLS LAST
"""


class Reported(HasCalendar, Protocol):
    """A `ScopedBudget`, or a budget of a chain."""

    @property
    def id(self) -> UUID: ...
    @property
    def name(self) -> str: ...
    @property
    def currency(self) -> str: ...


@dataclass(frozen=True, slots=True)
class Group:
    """Entries with something in common. `key` is None for those that have nothing to be grouped by.

    `share` is its percentage of what all groups above zero spent; these shares add up to 100.00. A group in which no
    more was spent than came back has none. `first_day` and `last_day` are those of a stretch of time, within the range.
    """

    key: str | None
    label: str
    actual: Decimal = ZERO
    committed: Decimal = ZERO
    entries: int = 0
    share: Decimal | None = None
    first_day: date | None = None
    last_day: date | None = None


@dataclass(frozen=True, slots=True)
class Others:
    """The groups, or spenders, beyond the largest ones, together."""

    groups: int
    actual: Decimal
    committed: Decimal
    entries: int
    share: Decimal | None = None


@dataclass(frozen=True, slots=True)
class Spender:
    """Who recorded: a machine by its key's name, a person, or (neither) the site itself. `share` as of a group."""

    actor_id: UUID | None
    name: str
    machine: str
    actual: Decimal
    entries: int
    share: Decimal | None = None


@dataclass(frozen=True, slots=True)
class ScopedReport:
    """Amounts in the budget's currency. `reserved` is held by reservations that were made within the range."""

    budget: Reported
    range: Range
    grouping: Grouping
    groups: list[Group]
    others: Others | None
    spenders: list[Spender]
    other_spenders: Others | None
    actual: Decimal
    committed: Decimal
    reserved: Decimal
    entries: int

    @property
    def promised(self) -> Decimal:
        """What the status calls committed: promised, or reserved."""
        return self.committed + self.reserved


_Shared = TypeVar("_Shared", Group, Spender)


def scoped_report(budget: Reported, *, days: Range, grouping: Grouping, now: datetime) -> ScopedReport:
    """Return what counted in a budget within the range. Of this window its sums are the status' figures.

    Stretches of time come in their order, also those in which nothing moved; other groups by what was spent, the
    largest first. Raises `RangeProblem` where days are asked for one by one and are too many. One statement.
    """
    if grouping.name == GroupBy.DAY and days.days > MOST_BY_DAY:
        raise RangeProblem(
            "group_by", "out_of_range", f"Days are shown one by one for up to {MOST_BY_DAY}: group by week or month."
        )
    rows = _rows(budget, days, grouping, now)
    found = [_group(grouping, row) for row in rows if row[:2] == ("group", False)]
    if grouping.is_time:
        found = _all_stretches(found, grouping, days)
    groups, others = _with_shares(found, _others(rows, "group"))
    spenders, other_spenders = _with_shares(
        [_spender(row) for row in rows if row[:2] == ("spender", False)], _others(rows, "spender")
    )
    total = next(row for row in rows if row[0] == "all")
    return ScopedReport(
        budget=budget,
        range=days,
        grouping=grouping,
        groups=groups,
        others=others,
        spenders=spenders,
        other_spenders=other_spenders,
        actual=total[6],
        committed=total[7],
        reserved=total[11],
        entries=int(total[8]),
    )


def _others(rows: Sequence[Any], part: str) -> Others | None:
    return next((Others(row[9], row[6], row[7], int(row[8])) for row in rows if row[:2] == (part, True)), None)


def _with_shares(found: Sequence[_Shared], others: Others | None) -> tuple[list[_Shared], Others | None]:
    *shares, of_others = shares_of([*(one.actual for one in found), ZERO if others is None else others.actual])
    shared = [replace(one, share=share) for one, share in zip(found, shares, strict=True)]
    return shared, None if others is None else replace(others, share=of_others)


def shares_of(amounts: Sequence[Decimal]) -> list[Decimal | None]:
    """Return each amount's percentage of all that are above zero, adding up to 100.00; None for the others."""
    whole = sum((amount for amount in amounts if amount > 0), ZERO)
    if not whole:
        return [None] * len(amounts)
    parts = [Fraction(max(amount, ZERO)) * 100 / Fraction(whole) for amount in amounts]
    rounded = round_together(parts, _HUNDREDTH)
    return [share if amount > 0 else None for amount, share in zip(amounts, rounded, strict=True)]


def _rows(budget: Reported, days: Range, grouping: Grouping, now: datetime) -> list[Any]:
    sql = grouping.sql
    statement = _REPORT.format(
        place=sql.place,
        usage=sql.usage,
        funded=sql.funded,
        usage_label=sql.usage_label,
        funded_label=sql.funded_label,
        spenders=MOST_SPENDERS,
    )
    parameters = {
        "tenant": require_tenant_id(),
        "node": budget.id,
        "start": days.start,
        "end": days.end,
        "now": now,
        "zone": budget.timezone,
        # Each of time's stretches is shown.
        "most": days.days + 1 if grouping.is_time else MOST_GROUPS,
        **(sql.parameters or {}),
    }
    with deleted_rows_visible(), connection.cursor() as cursor:
        cursor.execute(statement, parameters)
        found: list[Any] = cursor.fetchall()
        return found


def _group(grouping: Grouping, row: Any) -> Group:
    key, label = row[2], row[3]
    return Group(key, label or label_of(grouping, key), actual=row[6], committed=row[7], entries=int(row[8]))


def label_of(grouping: Grouping, key: str | None) -> str:
    """Return a group's key in words."""
    if key is None:
        return _NOTHING.get(grouping.name, "Not said")
    if grouping.name == GroupBy.SOURCE:
        return str(EntrySource(key).label)
    if grouping.name == GroupBy.KIND:
        return str(EntryKind(key).label)
    return key or "Empty"


_NOTHING: dict[str, str] = {GroupBy.EVENT: "Not for an event", GroupBy.TAG: "Without labels"} | {
    str(name): f"No {name} above it" for name in (GroupBy.USER, GroupBy.TEAM, GroupBy.PROJECT, GroupBy.ORGANIZATION)
}


def _all_stretches(found: Iterable[Group], grouping: Grouping, days: Range) -> list[Group]:
    """Return the days, weeks or months of the range in their order, with zeros where nothing moved."""
    by_key = {group.key: group for group in found}
    stretches = []
    first = days.first_day
    while first < days.day_after:
        begins, after = _stretch(grouping, first)
        last = min(after, days.day_after) - timedelta(days=1)
        group = by_key.get(begins.isoformat()) or Group(begins.isoformat(), "")
        stretches.append(replace(group, label=_in_words(grouping, begins), first_day=first, last_day=last))
        first = after
    return stretches


def _stretch(grouping: Grouping, day: date) -> tuple[date, date]:
    """Return when the stretch that holds a day begins, and the day after it. Weeks begin on Monday."""
    if grouping.name == GroupBy.DAY:
        return day, day + timedelta(days=1)
    if grouping.name == GroupBy.WEEK:
        monday = day - timedelta(days=day.weekday())
        return monday, monday + timedelta(days=7)
    first = day.replace(day=1)
    return first, (first + timedelta(days=31)).replace(day=1)


def _in_words(grouping: Grouping, begins: date) -> str:
    if grouping.name == GroupBy.MONTH:
        return formats.date_format(begins, "F Y")
    words = formats.date_format(begins, "j M Y")
    return f"Week from {words}" if grouping.name == GroupBy.WEEK else words


def _spender(row: Any) -> Spender:
    return Spender(
        actor_id=UUID(row[4]) if row[4] else None,
        name=row[5] or row[10] or "Budgetsite",
        machine=row[5],
        actual=row[6],
        entries=int(row[8]),
    )
