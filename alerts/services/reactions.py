"""What people say to alerts: acknowledged (seen), resolved (dealt with). Each once."""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

from django.db import connection, transaction
from django.dispatch import Signal

from alerts.models import BudgetAlert
from alerts.services.following import EVENT_PAYLOAD
from alerts.services.problems import AlertNotFound, AlreadyAcknowledged, AlreadyResolved
from alerts.signals import AlertNews, alert_acknowledged, alert_resolved
from budgetsite.accounts.models import User
from budgetsite.outbox.services import INSERT_EVENT, relay_after_commit
from budgetsite.tenancy.scope import require_tenant_id

# The condition is part of the update: of two people at once, one changes the row and the other finds it changed. Rows
# are locked budget by budget and by id, as evaluations do that go through many budgets in one transaction.
_REACT = f"""
    WITH a AS (
        UPDATE alerts_budgetalert a SET {{assignments}}
        FROM (SELECT w.id FROM alerts_budgetalert w
              WHERE w.tenant_id = %(tenant)s AND w.id = ANY (%(ids)s) AND w.deleted_at IS NULL AND NOT w.{{flag}}
              ORDER BY w.budget_id, w.id FOR NO KEY UPDATE) locked
        WHERE a.tenant_id = %(tenant)s AND a.id = locked.id
        RETURNING a.id, a.budget_id, a.scoped_budget_id, a.line_item_id, a.alert_type, a.level, a.threshold,
            a.utilization, a.message
    ), told AS (
        {INSERT_EVENT}
        SELECT gen_random_uuid(), %(tenant)s, '{{kind}}', 'alert', a.id, {EVENT_PAYLOAD}, %(user)s FROM a ORDER BY a.id
    )
    SELECT * FROM a
"""  # noqa: S608  (constants)
_ACKNOWLEDGE = _REACT.format(
    kind="alert.acknowledged",
    flag="is_acknowledged",
    assignments="is_acknowledged = true, acknowledged_by_id = %(user)s, acknowledged_at = %(now)s,"
    " acknowledged_comment = %(comment)s",
)
_RESOLVE = _REACT.format(
    kind="alert.resolved",
    flag="resolved",
    assignments="resolved = true, resolved_by_id = %(user)s, resolved_at = %(now)s, resolved_comment = %(comment)s",
)


@dataclass(frozen=True, slots=True)
class Reactions:
    """What became of several alerts: changed now, or by somebody before. Unknown ones are in neither."""

    done: list[UUID]
    already: list[UUID]


@transaction.atomic
def acknowledge_alert(*, alert_id: UUID, acting_user: User, now: datetime, comment: str = "") -> BudgetAlert:
    """Note that `acting_user` has seen the alert. Open or resolved makes no difference.

    Raises `AlreadyAcknowledged`, `AlertNotFound`; nothing is changed then.
    """
    if not _react(_ACKNOWLEDGE, alert_acknowledged, [alert_id], acting_user, now, comment):
        alert = _existing(alert_id)
        raise AlreadyAcknowledged(alert_id=alert.pk, by=alert.acknowledged_by, at=alert.acknowledged_at)
    return _existing(alert_id)


@transaction.atomic
def resolve_alert(*, alert_id: UUID, acting_user: User, now: datetime, comment: str = "") -> BudgetAlert:
    """Note that `acting_user` has dealt with the alert. It opens anew once the figures get worse than they are now.

    Raises `AlreadyResolved`, `AlertNotFound`; nothing is changed then.
    """
    if not _react(_RESOLVE, alert_resolved, [alert_id], acting_user, now, comment):
        alert = _existing(alert_id)
        raise AlreadyResolved(alert_id=alert.pk, by=alert.resolved_by, at=alert.resolved_at, why=alert.why_it_ended)
    return _existing(alert_id)


@transaction.atomic
def acknowledge_alerts(
    *, alert_ids: Collection[UUID], acting_user: User, now: datetime, comment: str = ""
) -> Reactions:
    """Acknowledge several alerts in one statement, leaving out those that are acknowledged already."""
    done = _react(_ACKNOWLEDGE, alert_acknowledged, alert_ids, acting_user, now, comment)
    return _reactions(alert_ids, done)


@transaction.atomic
def resolve_alerts(*, alert_ids: Collection[UUID], acting_user: User, now: datetime, comment: str = "") -> Reactions:
    """Resolve several alerts in one statement, leaving out those that are resolved already."""
    done = _react(_RESOLVE, alert_resolved, alert_ids, acting_user, now, comment)
    return _reactions(alert_ids, done)


def _react(
    statement: str, signal: Signal, alert_ids: Collection[UUID], user: User, now: datetime, comment: str
) -> list[UUID]:
    """Change those of the alerts that have not been yet, tell the signal's receivers, and return their ids."""
    with connection.cursor() as cursor:
        cursor.execute(
            statement,
            {
                "tenant": require_tenant_id(),
                "ids": list(alert_ids),
                "user": user.pk,
                "now": now.astimezone(UTC),
                "comment": comment.strip(),
            },
        )
        news = [_news(row, by=user.pk) for row in sorted(cursor.fetchall(), key=lambda row: row[0])]
    if news:
        relay_after_commit()
    for item in news:
        signal.send(sender=BudgetAlert, news=item)
    return [item.alert_id for item in news]


def _news(row: tuple[Any, ...], *, by: UUID) -> AlertNews:
    alert_id, budget_id, scoped_budget_id, line_item_id, alert_type, level, threshold, utilization, message = row
    return AlertNews(
        alert_id=alert_id,
        budget_id=budget_id,
        scoped_budget_id=scoped_budget_id,
        line_item_id=line_item_id,
        alert_type=alert_type,
        level=level,
        threshold=threshold,
        utilization=utilization,
        message=message,
        by=by,
    )


def _reactions(alert_ids: Collection[UUID], done: list[UUID]) -> Reactions:
    others = set(alert_ids) - set(done)
    already = BudgetAlert.objects.filter(pk__in=others).order_by("id").values_list("pk", flat=True)
    return Reactions(done=done, already=list(already) if others else [])


def _existing(alert_id: UUID) -> BudgetAlert:
    alert: BudgetAlert | None = (
        BudgetAlert.objects.select_related("budget", "scoped_budget", "acknowledged_by", "resolved_by")
        .filter(pk=alert_id, deleted_at=None)
        .first()
    )
    if alert is None:
        raise AlertNotFound(alert_id)
    return alert
