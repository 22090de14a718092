"""Alerts, by how grave they are: who runs the event first, then who manages the account, then who owns it.

So it is unless the rule of the account or the budget says otherwise; for scoped budgets it always is.
"""

from collections.abc import Iterator, Sequence
from uuid import UUID

from django.urls import reverse

from alerts.models import AlertLevel, Audience, BudgetAlert
from alerts.services.audience import Audiences
from alerts.services.evaluators import OF_PAYMENTS
from alerts.services.routing.members import Members
from budgetsite.accounts.roles import Role
from budgetsite.notifications.services.telling import Message
from budgetsite.outbox.models import OutboxEvent

# Of a scoped budget, which nobody in particular runs, a milestone is the managers' to know.
_ROLES = {
    AlertLevel.INFORMATION: (),
    AlertLevel.WARNING: (Role.MANAGER,),
    AlertLevel.CRITICAL: (Role.MANAGER, Role.OWNER),
}
NEWS = frozenset({"alert.opened", "alert.raised"})


def messages_about_alerts(events: Sequence[OutboxEvent], members: Members) -> Iterator[tuple[UUID, Message]]:
    """Tell of alerts that were opened or have got worse, once per person, alert and level.

    Said is what is so now: of one that was resolved or seen by somebody meanwhile, nothing. Of payments the reminders
    tell, each with its day; their alerts are seen where alerts are listed.
    """
    ids = {event.subject_id for event in events if event.kind in NEWS}
    if not ids:
        return
    alerts = BudgetAlert.objects.filter(pk__in=ids, resolved=False, is_acknowledged=False)
    alerts = alerts.exclude(alert_type__in=OF_PAYMENTS)
    found = list(alerts.select_related("budget__event", "scoped_budget").order_by("created_at", "id"))
    audiences = Audiences.read({alert.budget_id for alert in found if alert.budget_id is not None})
    for alert in found:
        message = alert_message(alert)
        for person in sorted(_audience(alert, members, audiences), key=str):
            yield person, message


def alert_message(alert: BudgetAlert, *, stage: str = "") -> Message:
    """Word an alert for a notification. `stage` tells an escalation from the first news."""
    if alert.budget is not None:
        name, path = alert.budget.event.name, reverse("budgets:detail", args=[alert.budget_id])
    else:
        assert alert.scoped_budget is not None
        name, path = alert.scoped_budget.name, reverse("budgets:company_budget", args=[alert.scoped_budget_id])
    what = alert.headline
    return Message(
        notification_type="budget_alerts",
        level=alert.level,
        title=f"{name}: {what[0].lower()}{what[1:]}",
        text=alert.message,
        path=path,
        subject_type="alert",
        subject_id=alert.pk,
        dedup_key=f"alert:{alert.pk}:{alert.level}{stage}",
    )


def _audience(alert: BudgetAlert, members: Members, audiences: Audiences) -> set[UUID]:
    if alert.budget is None:
        people = members.with_roles(*_ROLES[AlertLevel(alert.level)])
    else:
        wanted = audiences.of(alert.budget.pk, alert.level)
        if not wanted:
            return set()
        people = members.with_roles(*(Role(who) for who in wanted if who != Audience.ORGANIZER))
        if Audience.ORGANIZER in wanted:
            people |= members.who_run(alert.budget.event)
    # Where none of them is there, somebody has to hear of it.
    return people or members.with_roles(Role.MANAGER) or members.with_roles(Role.OWNER)
