"""Bringing the alerts about what is ahead of events' budgets in line: payments, and where the spending is heading.

They follow the figures after the commit, and what time alone changes by a job: nobody who posts or pays waits for sums
over all payments and lines. Whatever changes a budget or an expense tells the outbox in the same transaction, and that
asks for an evaluation, one for all that is changed together. The evaluation locks the budgets, which keeps their
figures, expenses and payments as they are, and then reads: alerts never follow older figures than somebody else's.
"""

import logging
from collections.abc import Collection, Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from django.db import DatabaseError, connection, transaction
from django.db.models import Exists, OuterRef, Q

from alerts.models import BudgetAlert
from alerts.services.due_payments import due_payments, payment_demands
from alerts.services.escalation_policy import escalation_policy
from alerts.services.evaluators import BY_OUTLOOK, OF_PAYMENTS
from alerts.services.event_forecast import event_forecasts, forecast_demands
from alerts.services.following import (
    HELD_COLUMNS,
    Comparison,
    Held,
    Subject,
    follow,
    held_alert,
    is_in_line,
    json_rows,
)
from alerts.services.rule_values import DEFAULT_RULE, RuleValues
from budgets.models import LOCKED_STATUSES, EventBudget, Expense
from budgetsite.operations.piecework import Piecework
from budgetsite.tenancy.scope import require_tenant_id

logger = logging.getLogger(__name__)

# So many budgets are looked at together, and so many are locked together.
BATCH_SIZE = 500
LOCKED_TOGETHER = 50

_READ = f"""
    WITH held AS (
        SELECT a.budget_id, {HELD_COLUMNS} FROM alerts_budgetalert a
        WHERE a.tenant_id = %(tenant)s AND a.budget_id = ANY (%(budgets)s) AND a.state_holds AND a.deleted_at IS NULL
            AND a.alert_type = ANY (%(types)s)
        ORDER BY a.budget_id, a.id {{lock}}
    )
    SELECT
        (SELECT jsonb_agg(to_jsonb(r)) FROM alerts_alertrule r
         WHERE r.tenant_id = %(tenant)s AND r.deleted_at IS NULL
            AND (r.budget_id IS NULL OR r.budget_id = ANY (%(budgets)s))),
        (SELECT jsonb_agg(to_jsonb(held)) FROM held)
"""  # noqa: S608  (constants)
_READ_LOCKED = _READ.format(lock="FOR NO KEY UPDATE")
_READ_ONLY = _READ.format(lock="")

_LOCK = """
    SELECT b.id FROM budgets_eventbudget b
    WHERE b.tenant_id = %s AND b.id = ANY (%s) AND b.deleted_at IS NULL
    ORDER BY b.id FOR NO KEY UPDATE {busy}
"""
_LOCK_FREE, _LOCK_WAITING = _LOCK.format(busy="SKIP LOCKED"), _LOCK.format(busy="")


@dataclass(slots=True)
class Followed:
    """How many budgets were looked at, and how many alerts written."""

    budgets: int = 0
    alerts: int = 0


def follow_event_budgets(budget_ids: Collection[UUID], *, now: datetime) -> Followed:
    """Look at several budgets, and evaluate those whose alerts are not in line.

    Begins and commits its own transactions. Of closed budgets the payments alone are followed: a bill is paid, or falls
    due, when the books are closed as well. One failing stops no other: `SomeFailed` is raised at the end.
    """
    with _piecework() as work:
        return _follow_each(budget_ids, work, now=now)


def follow_all_event_budgets(*, now: datetime) -> Followed:
    """Look at the account's budgets, some at a time: for what only time changes, and what a lost task left.

    Those that are closed only where payments are open. Safe to run twice, and in parallel. Raises what
    `follow_event_budgets` does.
    """
    followed = Followed()
    after: UUID | None = None
    with _piecework() as work:
        while batch := _next_batch(after):
            part = _follow_each(batch, work, now=now)
            followed.budgets += part.budgets
            followed.alerts += part.alerts
            after = batch[-1]
    return followed


def _piecework() -> Piecework:
    return Piecework(logger, "what is ahead of budget %s could not be evaluated; the next run tries again")


def _follow_each(budget_ids: Collection[UUID], work: Piecework, *, now: datetime) -> Followed:
    followed = Followed(budgets=len(budget_ids))
    out_of_line = _out_of_line(budget_ids, now=now)
    for start in range(0, len(out_of_line), LOCKED_TOGETHER):
        part = out_of_line[start : start + LOCKED_TOGETHER]
        try:
            done, written = _evaluate_those_free(part, now=now)
        except DatabaseError:
            # Each by itself: the one that fails is told of, and the others are evaluated.
            done, written = set(), 0
        followed.alerts += written
        # Those that somebody works on are waited for one by one, so that none of the others is held meanwhile.
        for budget_id in part:
            if budget_id not in done:
                with work.piece(budget_id):
                    followed.alerts += evaluate_outlook(budget_id, now=now)
    return followed


@transaction.atomic
def evaluate_outlook(budget_id: UUID, *, now: datetime) -> int:
    """Evaluate one budget, waiting for its lock; return how many alerts were written."""
    return follow(_compared(_locked(_LOCK_WAITING, [budget_id]), now=now, lock=True))


@transaction.atomic
def _evaluate_those_free(budget_ids: Collection[UUID], *, now: datetime) -> tuple[set[UUID], int]:
    free = _locked(_LOCK_FREE, budget_ids)
    return set(free), follow(_compared(free, now=now, lock=True))


@transaction.atomic
def _out_of_line(budget_ids: Collection[UUID], *, now: datetime) -> list[UUID]:
    """Return the budgets whose alerts don't say what holds, without holding anything. Four statements."""
    comparisons = _compared(budget_ids, now=now, lock=False)
    return [each.subject.budget_id for each in comparisons if each.subject.budget_id and not is_in_line(each)]


@transaction.atomic
def _next_batch(after: UUID | None) -> list[UUID]:
    of_it: dict[str, Any] = {"tenant_id": OuterRef("tenant_id"), "budget_id": OuterRef("pk"), "deleted_at": None}
    budgets = EventBudget.objects.filter(
        # Of those that are closed, where something is still to be paid, or is said to be.
        ~Q(status__in=LOCKED_STATUSES)
        | Exists(Expense.objects.filter(**of_it, next_due_date__isnull=False))
        | Exists(BudgetAlert.objects.filter(**of_it, state_holds=True, alert_type__in=OF_PAYMENTS)),
        deleted_at=None,
    )
    if after is not None:
        budgets = budgets.filter(pk__gt=after)
    return list(budgets.order_by("pk").values_list("pk", flat=True)[:BATCH_SIZE])


def _locked(statement: str, budget_ids: Collection[UUID]) -> list[UUID]:
    with connection.cursor() as cursor:
        cursor.execute(statement, [require_tenant_id(), list(budget_ids)])
        return [row[0] for row in cursor.fetchall()]


def _compared(budget_ids: Collection[UUID], *, now: datetime, lock: bool) -> list[Comparison]:
    """Put what is demanded of the budgets beside the alerts that they hold. Four statements, none for no budgets."""
    forecasts = event_forecasts(budget_ids) if budget_ids else {}
    if not forecasts:
        return []
    policy = escalation_policy()
    due = due_payments([forecast.figures for forecast in forecasts.values()], policy=policy, now=now)
    rules, held = _read(forecasts, lock=lock)
    comparisons = []
    for budget_id, forecast in forecasts.items():
        rule = rules.get(budget_id) or rules.get(None) or DEFAULT_RULE
        alerts = held.get(budget_id, [])
        demands = payment_demands(forecast.figures, due.get(budget_id, ()), policy)
        if forecast.figures.status in LOCKED_STATUSES:
            alerts = [alert for alert in alerts if alert.demand.alert_type in OF_PAYMENTS]
        else:
            demands = forecast_demands(forecast, rule) | demands
        wanted = {key: demand for key, demand in demands.items() if str(demand.alert_type) in rule.alert_types}
        comparisons.append(Comparison(Subject(budget_id=budget_id), wanted, alerts))
    return comparisons


def _read(budget_ids: Iterable[UUID], *, lock: bool) -> tuple[dict[UUID | None, RuleValues], dict[UUID, list[Held]]]:
    """Return the rules by the budgets that have one of their own (the account's by None), and the alerts held."""
    parameters: dict[str, Any] = {
        "tenant": require_tenant_id(),
        "budgets": list(budget_ids),
        "types": [str(kind) for kind in BY_OUTLOOK],
    }
    with connection.cursor() as cursor:
        cursor.execute(_READ_LOCKED if lock else _READ_ONLY, parameters)
        rule_rows, held_rows = (json_rows(column) for column in cursor.fetchone())
    rules = {row["budget_id"] and UUID(row["budget_id"]): RuleValues.from_mapping(row) for row in rule_rows}
    held: dict[UUID, list[Held]] = {}
    for row in held_rows:
        held.setdefault(UUID(row["budget_id"]), []).append(held_alert(row))
    for alerts in held.values():
        # A row that a person has resolved is looked at only where there is no open one.
        alerts.sort(key=lambda alert: not alert.resolved)
    return rules, held
