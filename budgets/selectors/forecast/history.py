"""What the events still to come will cost, by what the account's finished events of the same kind came to."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from enum import StrEnum
from typing import Any
from uuid import UUID

from django.db import connection

from budgets.selectors.analytics.accuracy import Accuracy, accuracy_of
from budgets.selectors.scoped_status import Standing
from budgets.services.windows import first_moment, last_day_after
from budgetsite.money import ratios
from budgetsite.money.amounts import quantize
from budgetsite.tenancy.scope import require_tenant_id

ZERO = Decimal(0)
# Fewer finished events of a type are chance.
LEAST_EVENTS = 3
# The latest of each type are looked at, and the next ones to come.
MOST_PAST, MOST_COMING = 30, 200

_COMING = """
    WITH place AS MATERIALIZED (
        SELECT b.id FROM budgets_scopedbudget b
        WHERE b.tenant_id = %(tenant)s AND b.deleted_at IS NULL
            AND (b.id = %(node)s OR b.path @> ARRAY[%(node)s]::uuid[])
    )
    SELECT f.id, v.id, v.name, v.event_type, (v.event_date AT TIME ZONE v.timezone)::date,
           (v.event_date AT TIME ZONE v.timezone)::date - (%(now)s::timestamptz AT TIME ZONE v.timezone)::date,
           coalesce(f.approved_total_amount, f.total_budget_amount), f.total_committed_amount, f.total_actual_amount
    FROM place p
    JOIN budgets_eventbudget f ON f.tenant_id = %(tenant)s AND f.funded_by_id = p.id AND f.deleted_at IS NULL
    JOIN events_event v ON v.tenant_id = %(tenant)s AND v.id = f.event_id AND v.deleted_at IS NULL
    WHERE v.event_date > %(now)s AND v.event_date >= %(starts)s AND v.event_date < %(ends)s
        AND f.status NOT IN ('finalized', 'archived')
    ORDER BY v.event_date, f.id LIMIT %(most)s
"""

# Finished: closed, or begun with nothing promised any more.
_PAST = """
    WITH past AS MATERIALIZED (
        SELECT * FROM (
            SELECT f.id, v.event_type, v.event_date, (v.event_date AT TIME ZONE v.timezone)::date AS event_day,
                   coalesce(f.approved_total_amount, f.total_budget_amount) AS planned, f.total_actual_amount AS actual,
                   row_number() OVER (PARTITION BY v.event_type ORDER BY v.event_date DESC, f.id DESC) AS place
            FROM budgets_eventbudget f
            JOIN events_event v ON v.tenant_id = %(tenant)s AND v.id = f.event_id AND v.deleted_at IS NULL
            WHERE f.tenant_id = %(tenant)s AND f.deleted_at IS NULL AND f.currency = %(currency)s
                AND v.event_type = ANY (%(types)s) AND v.event_date <= %(now)s AND f.total_actual_amount > 0
                AND (f.status IN ('finalized', 'archived') OR f.total_committed_amount = 0)
        ) one WHERE place <= %(most)s
    )
"""
_FINISHED = f"{_PAST} SELECT event_type, event_day, planned, actual FROM past ORDER BY event_type, event_date, id"

# What all of a type had promised and spent more than so many days before their own.
_PACE = f"""
    {_PAST}
    SELECT p.event_type, ceil(extract(epoch FROM p.event_date - e.occurred_at) / 86400)::int - 1,
           sum(e.committed_delta + e.actual_delta)
    FROM past p JOIN budgets_ledgerentry e ON e.tenant_id = %(tenant)s AND e.budget_id = p.id AND e.kind <> 'income'
    GROUP BY 1, 2
"""


class Basis(StrEnum):
    """What an event's forecast goes by."""

    # What finished events cost of their plans.
    PLAN = "plan"
    # What they cost in relation to what they had promised and spent so many days before.
    PACE = "pace"
    # Too few are known: what is promised and spent now is taken as it is.
    PRESENT = "present"


@dataclass(frozen=True, slots=True)
class TypeHistory:
    """The finished events of one type, and what all of them cost. `accuracy` is of those that had a plan."""

    event_type: str
    count: int
    first_day: date
    last_day: date
    cost: Decimal
    accuracy: Accuracy

    @property
    def is_enough(self) -> bool:
        return self.count >= LEAST_EVENTS

    @property
    def cost_percentage(self) -> Decimal | None:
        """What those with a plan cost in percent of their plans; None where nothing was planned."""
        return ratios.share_percentage(self.accuracy.actual, self.accuracy.planned)


@dataclass(frozen=True, slots=True)
class ComingEvent:
    """An event that the budget pays for, and what it is foreseen to cost."""

    event_id: UUID
    budget_id: UUID
    name: str
    event_type: str
    event_day: date
    days_to_go: int
    planned: Decimal
    committed: Decimal
    actual: Decimal
    projected: Decimal
    basis: Basis

    @property
    def still_to_spend(self) -> Decimal:
        return max(ZERO, self.projected - self.actual)


@dataclass(frozen=True, slots=True)
class HistoryForecast:
    """What the window comes to if the events still to come in it turn out as those before them did.

    `projected_total` is None where no event to come has a type of which enough are finished.
    """

    events: list[ComingEvent]
    types: list[TypeHistory]
    # Types of events to come of which too few are finished.
    unknown_types: list[str]
    spent: Decimal
    amount: Decimal

    @property
    def is_enough_data(self) -> bool:
        return any(event.basis != Basis.PRESENT for event in self.events)

    @property
    def still_to_spend(self) -> Decimal:
        return sum((event.still_to_spend for event in self.events), ZERO)

    @property
    def projected_total(self) -> Decimal | None:
        return self.spent + self.still_to_spend if self.is_enough_data else None

    @property
    def overrun(self) -> Decimal:
        return ZERO if self.projected_total is None else ratios.overrun(self.amount, self.projected_total)

    @property
    def known_count(self) -> int:
        """How many finished events it goes by."""
        return sum(one.count for one in self.types if one.is_enough)


def history_forecast(standing: Standing) -> HistoryForecast:
    """Return what the events to come in a budget's window will cost, by the account's own finished ones.

    Three statements. Once finished events had promised or spent half of what they came to, as many days before, what is
    promised now says more than the plan does; until then, the plan says more.
    """
    budget = standing.budget
    over = last_day_after(budget)
    day_after = standing.window.day_after if over is None else min(standing.window.day_after, over)
    shared = {"tenant": require_tenant_id(), "now": standing.now}
    coming = _ask(
        _COMING,
        {
            **shared,
            "node": budget.id,
            "starts": standing.window.start,
            "ends": first_moment(day_after, budget.timezone),
            "most": MOST_COMING,
        },
    )
    types = sorted({row[3] for row in coming})
    asked = {**shared, "currency": budget.currency, "types": types, "most": MOST_PAST}
    finished, pace = (_ask(_FINISHED, asked), _ask(_PACE, asked)) if types else ([], [])
    histories = {event_type: _history(event_type, finished) for event_type in types}
    return HistoryForecast(
        events=[_event(row, histories[row[3]], pace, budget.currency) for row in coming],
        types=[one for one in histories.values() if one is not None],
        unknown_types=[name for name, one in histories.items() if one is None or not one.is_enough],
        spent=standing.figures.actual,
        amount=budget.amount,
    )


def _history(event_type: str, finished: Sequence[Any]) -> TypeHistory | None:
    found = [row[1:] for row in finished if row[0] == event_type]
    if not found:
        return None
    days = [day for day, _planned, _actual in found]
    plans = [(planned, actual) for _day, planned, actual in found if planned]
    cost = sum((actual for _day, _planned, actual in found), ZERO)
    return TypeHistory(event_type, len(found), min(days), max(days), cost, accuracy_of(event_type, plans))


def _event(row: Any, history: TypeHistory | None, pace: Sequence[Any], currency: str) -> ComingEvent:
    budget_id, event_id, name, event_type, event_day, days_to_go, planned, committed, actual = row
    used = committed + actual
    projected, basis = used, Basis.PRESENT
    if history is not None and history.is_enough:
        used_then = sum((moved for kind, days, moved in pace if kind == event_type and days >= days_to_go), ZERO)
        if used > 0 and used_then * 2 >= history.cost:
            projected, basis = used * history.cost / used_then, Basis.PACE
        elif planned and history.accuracy.planned:
            cost = planned * history.accuracy.actual / history.accuracy.planned
            # What is promised beyond that will be spent too.
            projected, basis = max(cost, used), Basis.PLAN
    return ComingEvent(
        event_id=event_id,
        budget_id=budget_id,
        name=name,
        event_type=event_type,
        event_day=event_day,
        days_to_go=days_to_go,
        planned=planned,
        committed=committed,
        actual=actual,
        # What is spent is spent.
        projected=quantize(max(projected, actual), currency),
        basis=basis,
    )


def _ask(statement: str, parameters: dict[str, Any]) -> list[Any]:
    with connection.cursor() as cursor:
        cursor.execute(statement, parameters)
        found: list[Any] = cursor.fetchall()
        return found
