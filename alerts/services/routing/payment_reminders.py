"""Payments that are due soon, or late: who runs the event first; what stays unpaid goes up to managers, then owners.

By the calendar where the event is, from eight in the morning there.
"""

from collections.abc import Iterator, Sequence
from datetime import date, datetime, time, timedelta
from textwrap import shorten
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

from django.db import connection, transaction
from django.urls import reverse

from alerts.models import EscalationPolicy
from alerts.services.escalation_policy import escalation_policy
from alerts.services.routing.members import Members
from budgets.selectors.payments_due import DueDay, DueFilter, due_days
from budgetsite.accounts.roles import Role
from budgetsite.money.amounts import format_money
from budgetsite.notifications.models import Level
from budgetsite.notifications.services.telling import Message, tell
from budgetsite.tenancy.scope import require_tenant_id

MORNING = time(8)
# So many expenses and days are told of in one transaction.
BATCH_SIZE = 200
OVERDUE, OVERDUE_MANAGER, OVERDUE_OWNER = "overdue", "overdue-manager", "overdue-owner"
_TOLD_BESIDE = {
    OVERDUE_MANAGER: (Role.MANAGER,),
    OVERDUE_OWNER: (Role.MANAGER, Role.OWNER),
}
_LEVELS = {OVERDUE: Level.WARNING, OVERDUE_MANAGER: Level.WARNING, OVERDUE_OWNER: Level.CRITICAL}
# No clock on earth is further ahead of UTC.
_AHEAD = timedelta(days=1)
# All of the account's payments: nobody in particular looks at them here.
_EVERYBODYS: dict[str, Any] = {"user_id": UUID(int=0), "role": Role.OWNER}
# The site speaks English.
_LOCALE = "en"
_LONGEST_NAME = 80


def remind_of_payments(*, now: datetime) -> int:
    """Tell people of the account what must be paid by when, and what is late; return how many were told something new.

    Each person hears once of each step of an expense's due date (`step_of`); of steps that passed while nobody looked,
    the last alone. Another due date is news again. Begins and commits its own transactions; two at once tell nothing
    twice. A constant number of statements for each batch.
    """
    told, beyond = 0, None
    while True:
        with transaction.atomic():
            _one_at_a_time()
            policy = escalation_policy()
            last_day = now.date() + _AHEAD + timedelta(days=max(policy.days_before, default=0))
            wanted = DueFilter(before=last_day)
            batch = due_days(**_EVERYBODYS, now=now, wanted=wanted, limit=BATCH_SIZE, beyond=beyond)
            told += tell(_messages(batch, policy, now=now), now=now)
        if len(batch) < BATCH_SIZE:
            return told
        beyond = (batch[-1].due_date, batch[-1].expense.pk)


def step_of(days_left: int, policy: EscalationPolicy) -> str | None:
    """Return the last step that a payment due in so many days (negative: overdue) has reached, None before the first.

    A step is a number of days before, "overdue", or who it went up to.
    """
    if days_left >= 0:
        return next((str(days) for days in sorted(policy.days_before) if days >= days_left), None)
    late = -days_left
    for step, days in (
        (OVERDUE_OWNER, policy.overdue_days_until_owner),
        (OVERDUE_MANAGER, policy.overdue_days_until_manager),
    ):
        if days is not None and late >= days:
            return step
    return OVERDUE


def _one_at_a_time() -> None:
    """Two who remind at once would meet in what was told: the second waits, and finds it told."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT pg_advisory_xact_lock(hashtextextended(%s, 0))", [f"payment reminders of {require_tenant_id()}"]
        )


def _messages(batch: Sequence[DueDay], policy: EscalationPolicy, *, now: datetime) -> Iterator[tuple[UUID, Message]]:
    members = Members.read()
    for due in batch:
        there = now.astimezone(ZoneInfo(due.expense.event.timezone))
        step = None if there.time() < MORNING else step_of((due.due_date - there.date()).days, policy)
        if step is not None:
            message = _message(due, step, today=there.date())
            for person in sorted(_audience(due, step, members), key=str):
                yield person, message


def _audience(due: DueDay, step: str, members: Members) -> set[UUID]:
    people = members.who_run(due.expense.event) | members.with_roles(*_TOLD_BESIDE.get(step, ()))
    return people or members.with_roles(Role.MANAGER) or members.with_roles(Role.OWNER)


def _message(due: DueDay, step: str, *, today: date) -> Message:
    expense = due.expense
    amount = format_money(abs(due.amount), expense.currency, _LOCALE)
    name = shorten(expense.description, _LONGEST_NAME, placeholder="…")
    days = (due.due_date - today).days
    whom = "" if expense.vendor is None else f" {'from' if due.amount < 0 else 'to'} {expense.vendor.name}"
    what = "to come back" if due.amount < 0 else "to be paid"
    day = f"{due.due_date.day} {due.due_date:%B %Y}"
    return Message(
        notification_type="payments_due",
        level=_LEVELS.get(step, Level.INFORMATION if days > 1 else Level.WARNING),
        title=f"{expense.event.name}: “{name}” {_when(days)}",
        text=f"{amount}{whom}, {what} by {day}.",
        path=f"{reverse('budgets:expense', args=[expense.pk])}#payments-title",
        subject_type="expense",
        subject_id=expense.pk,
        dedup_key=f"payment:{expense.pk}:{due.due_date.isoformat()}:{step}",
    )


def _when(days: int) -> str:
    if days < 0:
        return f"is {-days} day{'s' if days < -1 else ''} overdue"
    return {0: "is due today", 1: "is due tomorrow"}.get(days, f"is due in {days} days")
