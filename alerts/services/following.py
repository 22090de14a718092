"""Bringing stored alerts in line with what figures demand, of any number of budgets in one statement.

Whoever calls has read the alerts whose state held so far, and has locked them, under the lock that keeps the figures.
"""

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any
from uuid import UUID, uuid4

from django.db import connection
from django.dispatch import Signal

from alerts.models import AlertLevel, BudgetAlert
from alerts.services.demands import Demand, Key
from alerts.signals import AlertNews, alert_opened, alert_raised, alert_resolved
from budgetsite.outbox.services import INSERT_EVENT, relay_after_commit
from budgetsite.tenancy.scope import current_scope, require_tenant_id

# What `held_alert` reads, of `alerts_budgetalert a`.
HELD_COLUMNS = (
    "a.id, a.scoped_budget_id, a.window_start, a.window_end, a.line_item_id, a.alert_type, a.level, a.threshold, "
    "a.threshold_amount, a.utilization, a.overrun_amount, a.message, a.is_acknowledged, a.resolved"
)

# What an event tells of the alert `a`, which is its subject.
EVENT_PAYLOAD = """
    jsonb_build_object('budget_id', a.budget_id, 'scoped_budget_id', a.scoped_budget_id,
        'line_item_id', a.line_item_id, 'alert_type', a.alert_type, 'level', a.level,
        'threshold', a.threshold::text, 'utilization', a.utilization::text)
"""
_EVENT_COLUMNS = "id, budget_id, scoped_budget_id, line_item_id, alert_type, level, threshold, utilization"

# What was open is resolved before anything is opened in its place: counting the changed rows makes it so. An alert that
# somebody else has just opened stays theirs, and nothing is told of it.
_WRITE = f"""
    WITH changed AS (
        UPDATE alerts_budgetalert a SET
            level = c.level,
            threshold = c.threshold,
            threshold_amount = c.threshold_amount,
            utilization = c.utilization,
            overrun_amount = c.overrun,
            message = c.message,
            raised_at = CASE WHEN c.raised THEN statement_timestamp() ELSE a.raised_at END,
            times_raised = a.times_raised + c.raised::integer,
            waits_since = CASE WHEN c.asks_again AND (a.is_acknowledged OR a.level <> c.level) THEN now()
                ELSE a.waits_since END,
            is_acknowledged = a.is_acknowledged AND NOT c.asks_again,
            resolved = a.resolved OR NOT c.holds,
            resolved_at = CASE WHEN c.holds THEN a.resolved_at ELSE coalesce(a.resolved_at, statement_timestamp()) END,
            state_holds = c.holds
        FROM jsonb_to_recordset(%(changed)s::jsonb) AS c(id uuid, level text, threshold numeric,
            threshold_amount numeric, utilization numeric, overrun numeric, message text, raised boolean,
            asks_again boolean, holds boolean)
        WHERE a.tenant_id = %(tenant)s AND a.id = c.id
        RETURNING {", ".join(f"a.{column}" for column in _EVENT_COLUMNS.split(", "))}
    ), opened AS (
        INSERT INTO alerts_budgetalert (tenant_id, budget_id, scoped_budget_id, window_start, window_end, id,
            line_item_id, alert_type, level, threshold, threshold_amount, utilization, overrun_amount, message,
            times_raised, is_acknowledged, acknowledged_comment, resolved, resolved_comment, state_holds)
        SELECT %(tenant)s, o.budget_id, o.scoped_budget_id, o.window_start, o.window_end, o.id, o.line_item_id,
            o.alert_type, o.level, o.threshold, o.threshold_amount, o.utilization, o.overrun, o.message, 0, false, '',
            false, '', true
        FROM jsonb_to_recordset(%(opened)s::jsonb) AS o(id uuid, budget_id uuid, scoped_budget_id uuid,
            window_start timestamptz, window_end timestamptz, line_item_id uuid, alert_type text, level text,
            threshold numeric, threshold_amount numeric, utilization numeric, overrun numeric, message text)
        WHERE (SELECT count(*) FROM changed) >= 0
        ON CONFLICT DO NOTHING
        RETURNING {_EVENT_COLUMNS}
    ), told AS (
        {INSERT_EVENT}
        SELECT gen_random_uuid(), %(tenant)s, n.kind, 'alert', a.id, {EVENT_PAYLOAD}, %(user)s
        FROM jsonb_to_recordset(%(news)s::jsonb) AS n(place integer, kind text, id uuid)
        JOIN (SELECT * FROM changed UNION ALL SELECT * FROM opened) a ON a.id = n.id
        ORDER BY n.place
    )
    SELECT id FROM changed UNION ALL SELECT id FROM opened
"""  # noqa: S608  (constants)

_KINDS = {alert_opened: "alert.opened", alert_raised: "alert.raised", alert_resolved: "alert.resolved"}


@dataclass(frozen=True, slots=True)
class Subject:
    """What alerts are about: an event's budget, or a scoped one in one of its windows (half-open)."""

    budget_id: UUID | None = None
    scoped_budget_id: UUID | None = None
    window_start: datetime | None = None
    window_end: datetime | None = None


@dataclass(frozen=True, slots=True)
class Held:
    """A stored alert whose state held at the last evaluation; resolved only when a person did that."""

    alert_id: UUID
    demand: Demand
    is_acknowledged: bool
    resolved: bool
    scoped_budget_id: UUID | None = None
    window_start: datetime | None = None
    window_end: datetime | None = None

    def is_in(self, start: datetime | None, end: datetime | None) -> bool:
        """Whether it is about the window with these bounds; None and None for an event's budget."""
        return (self.window_start, self.window_end) == (start, end)

    def is_outdone_by(self, demand: Demand) -> bool:
        """Whether `demand` is news: a higher step, or more overspend."""
        return self.is_below(demand) or (demand.tells_of_spending and demand.overrun > self.demand.overrun)

    def is_below(self, demand: Demand) -> bool:
        """Whether `demand` is a higher step: a threshold or level that whoever acknowledged this had not seen."""
        return demand.is_a_step_above(self.demand) or demand.level.rank > self.demand.level.rank


@dataclass(frozen=True, slots=True)
class Comparison:
    """What a budget's figures demand, beside its alerts whose state held so far."""

    subject: Subject
    demands: Mapping[Key, Demand]
    held: Sequence[Held]


@dataclass(frozen=True, slots=True)
class _News:
    signal: Signal
    subject: Subject
    alert_id: UUID
    demand: Demand


class _Plan:
    """What has to be written, collected over several budgets."""

    def __init__(self) -> None:
        self.opened: list[dict[str, Any]] = []
        self.changed: list[dict[str, Any]] = []
        self.news: list[_News] = []

    def add(self, comparison: Comparison) -> None:
        subject, demands = comparison.subject, comparison.demands
        held = {}
        for alert in comparison.held:
            if alert.is_in(subject.window_start, subject.window_end):
                held[alert.demand.key] = alert
            else:
                # Of a window that is over.
                self._let_go(subject, alert)
        for key in sorted(demands.keys() | held.keys(), key=str):
            self._compare(subject, demands.get(key), held.get(key))

    def _compare(self, subject: Subject, demand: Demand | None, alert: Held | None) -> None:
        if alert is not None and demand is None:
            self._let_go(subject, alert)
        elif alert is not None and demand is not None:
            change = _change(alert, demand)
            if change is not None:
                self.changed.append(change)
            if not alert.resolved and alert.is_outdone_by(demand):
                self.news.append(_News(alert_raised, subject, alert.alert_id, demand))
        if demand is not None and (alert is None or (alert.resolved and alert.is_outdone_by(demand))):
            alert_id = uuid4()
            self.opened.append({"id": str(alert_id), **_subject_as_json(subject), **_as_json(demand)})
            self.news.append(_News(alert_opened, subject, alert_id, demand))

    def _let_go(self, subject: Subject, alert: Held) -> None:
        self.changed.append(_change_row(alert, alert.demand, holds=False))
        if not alert.resolved:
            self.news.append(_News(alert_resolved, subject, alert.alert_id, alert.demand))


def follow(comparisons: Iterable[Comparison]) -> int:
    """Open, raise and resolve alerts as the figures demand (design §9), and tell of it; return how many were written.

    For each kind (and line) of a budget:

    - demanded and none there: opened;
    - open: it says what the figures say. A higher threshold or level, or more overspend, raises it; a higher threshold
      or level also asks for a new acknowledgement, more of the same does not;
    - no longer demanded, or of a window that is over: resolved by itself, and the next crossing opens a new one;
    - resolved by a person while still demanded: stays so until it gets worse than it was then, which opens a new one.

    One statement, none when nothing changes.
    """
    plan = _Plan()
    for comparison in comparisons:
        plan.add(comparison)
    if not plan.opened and not plan.changed:
        return 0
    with connection.cursor() as cursor:
        cursor.execute(
            _WRITE,
            {
                "tenant": require_tenant_id(),
                "user": current_scope().user_id,
                "changed": json.dumps(plan.changed),
                "opened": json.dumps(plan.opened),
                "news": json.dumps(
                    [
                        {"place": place, "kind": _KINDS[news.signal], "id": str(news.alert_id)}
                        for place, news in enumerate(plan.news)
                    ]
                ),
            },
        )
        written = {row[0] for row in cursor.fetchall()}
    if plan.news:
        relay_after_commit()
    for news in plan.news:
        if news.alert_id in written:
            news.signal.send(sender=BudgetAlert, news=_alert_news(news))
    return len(written)


def is_in_line(comparison: Comparison) -> bool:
    """Whether `follow` would write nothing for it."""
    plan = _Plan()
    plan.add(comparison)
    return not plan.opened and not plan.changed


def held_alert(row: Mapping[str, Any]) -> Held:
    """Read a row of `HELD_COLUMNS` that came as JSON, its numbers as decimals."""
    return Held(
        alert_id=UUID(row["id"]),
        demand=Demand(
            alert_type=row["alert_type"],
            line_item_id=UUID(row["line_item_id"]) if row["line_item_id"] else None,
            level=AlertLevel(row["level"]),
            threshold=row["threshold"],
            utilization=row["utilization"],
            overrun=row["overrun_amount"],
            message=row["message"],
            threshold_amount=row["threshold_amount"],
        ),
        is_acknowledged=row["is_acknowledged"],
        resolved=row["resolved"],
        scoped_budget_id=UUID(row["scoped_budget_id"]) if row["scoped_budget_id"] else None,
        window_start=_moment(row["window_start"]),
        window_end=_moment(row["window_end"]),
    )


def _moment(text: str | None) -> datetime | None:
    return None if text is None else datetime.fromisoformat(text)


def json_rows(column: str | None) -> list[dict[str, Any]]:
    """Return a jsonb array of rows; Django hands it over as text. Numbers are exact decimals, never floats."""
    return [] if column is None else json.loads(column, parse_float=Decimal, parse_int=Decimal)


def _change(alert: Held, demand: Demand) -> dict[str, Any] | None:
    """Return how the stored alert has to change, None when it may stay as it is."""
    if alert.resolved:
        # Worse than a person took note of: the new alert takes over, this one stays as that person left it.
        return _change_row(alert, alert.demand, holds=False) if alert.is_outdone_by(demand) else None
    if demand == alert.demand:
        return None
    return _change_row(alert, demand, holds=True, raised=alert.is_outdone_by(demand), asks_again=alert.is_below(demand))


def _change_row(
    alert: Held, shown: Demand, *, holds: bool, raised: bool = False, asks_again: bool = False
) -> dict[str, Any]:
    return {
        **_as_json(shown),
        "id": str(alert.alert_id),
        "holds": holds,
        "raised": raised,
        "asks_again": asks_again,
    }


def _as_json(demand: Demand) -> dict[str, Any]:
    return {
        "alert_type": str(demand.alert_type),
        "line_item_id": str(demand.line_item_id) if demand.line_item_id else None,
        "level": str(demand.level),
        "threshold": str(demand.threshold),
        "threshold_amount": None if demand.threshold_amount is None else str(demand.threshold_amount),
        "utilization": str(demand.utilization),
        "overrun": str(demand.overrun),
        "message": demand.message,
    }


def _subject_as_json(subject: Subject) -> dict[str, Any]:
    return {
        "budget_id": str(subject.budget_id) if subject.budget_id else None,
        "scoped_budget_id": str(subject.scoped_budget_id) if subject.scoped_budget_id else None,
        "window_start": subject.window_start.isoformat() if subject.window_start else None,
        "window_end": subject.window_end.isoformat() if subject.window_end else None,
    }


def _alert_news(news: _News) -> AlertNews:
    demand = news.demand
    return AlertNews(
        alert_id=news.alert_id,
        budget_id=news.subject.budget_id,
        scoped_budget_id=news.subject.scoped_budget_id,
        line_item_id=demand.line_item_id,
        alert_type=str(demand.alert_type),
        level=str(demand.level),
        threshold=demand.threshold,
        utilization=demand.utilization,
        message=demand.message,
    )
