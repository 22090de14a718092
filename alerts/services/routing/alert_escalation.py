"""Critical alerts that nobody acknowledges go up: to those who manage the account, then to those who own it too."""

from collections.abc import Iterator, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from uuid import UUID

from django.db import connection, transaction

from alerts.models import AlertLevel, BudgetAlert, EscalationPolicy
from alerts.services.escalation_policy import escalation_policy
from alerts.services.evaluators import OF_PAYMENTS
from alerts.services.routing.about_alerts import alert_message
from alerts.services.routing.members import Members
from budgetsite.accounts.roles import Role
from budgetsite.notifications.services.telling import Message, tell
from budgetsite.tenancy.scope import require_tenant_id

# So many alerts are told of in one transaction.
BATCH_SIZE = 200
MANAGER, OWNER = "manager", "owner"
_ROLES = {MANAGER: (Role.MANAGER,), OWNER: (Role.MANAGER, Role.OWNER)}


def escalate_alerts(*, now: datetime) -> int:
    """Tell managers and owners of critical alerts that have waited too long; return how many were told something new.

    Each person hears once of each stage; of stages that passed while nobody looked, the last alone. What was
    acknowledged and has got worse since begins anew. Begins and commits its own transactions; two at once tell nothing
    twice. A constant number of statements for each batch.
    """
    told, after = 0, UUID(int=0)
    while True:
        with transaction.atomic():
            _one_at_a_time()
            policy = escalation_policy()
            batch = _waiting_too_long(policy, now=now, after=after)
            told += tell(_messages(batch, policy, now=now), now=now)
        if len(batch) < BATCH_SIZE:
            return told
        after = batch[-1].pk


def stage_of(waited: timedelta, policy: EscalationPolicy) -> str | None:
    """Return how far up an alert goes that has waited for so long, None while that is not far."""
    for stage, hours in ((OWNER, policy.alert_hours_until_owner), (MANAGER, policy.alert_hours_until_manager)):
        if hours is not None and waited >= timedelta(hours=hours):
            return stage
    return None


def _waiting_too_long(policy: EscalationPolicy, *, now: datetime, after: UUID) -> list[BudgetAlert]:
    hours = [each for each in (policy.alert_hours_until_manager, policy.alert_hours_until_owner) if each is not None]
    if not hours:
        return []
    late = BudgetAlert.objects.waiting().filter(
        level=AlertLevel.CRITICAL, waits_since__lte=now - timedelta(hours=min(hours)), pk__gt=after
    )
    # Overdue payments go up by their own steps.
    late = late.exclude(alert_type__in=OF_PAYMENTS)
    return list(late.with_budgets().order_by("pk")[:BATCH_SIZE])


def _messages(
    batch: Sequence[BudgetAlert], policy: EscalationPolicy, *, now: datetime
) -> Iterator[tuple[UUID, Message]]:
    members = Members.read()
    for alert in batch:
        waited = now - alert.waits_since
        stage = stage_of(waited, policy)
        if stage is not None:
            message = _message(alert, stage, waited)
            people = members.with_roles(*_ROLES[stage]) or members.with_roles(Role.OWNER)
            for person in sorted(people, key=str):
                yield person, message


def _message(alert: BudgetAlert, stage: str, waited: timedelta) -> Message:
    # What waits anew since another moment is news again.
    message = alert_message(alert, stage=f":{stage}:{alert.waits_since.isoformat()}")
    hours = waited // timedelta(hours=1)
    length = f"{hours // 24} days" if hours >= 48 else f"{hours} hour{'' if hours == 1 else 's'}"
    return replace(
        message,
        title=f"Not acknowledged: {message.title}",
        text=f"{message.text}\nNobody has acknowledged this for {length}.",
    )


def _one_at_a_time() -> None:
    """Two who escalate at once would meet in what was told: the second waits, and finds it told."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT pg_advisory_xact_lock(hashtextextended(%s, 0))", [f"alert escalation of {require_tenant_id()}"]
        )
