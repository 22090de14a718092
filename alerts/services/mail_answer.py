"""Acknowledging an alert by the link in its mail: for the person whom the mail went to, once, within a week.

Who holds the link needs no sign-in, and gets no further by it than to this one alert.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from django.core import signing
from django.urls import reverse
from django.utils import timezone

from alerts.models import BudgetAlert
from alerts.services.problems import AlertProblem, AlreadyAcknowledged, AlreadyResolved
from alerts.services.reactions import acknowledge_alert
from budgetsite.accounts.models import Account, User
from budgetsite.accounts.permissions import may
from budgetsite.accounts.selectors import present_role
from budgetsite.notifications.models import Notification
from budgetsite.tenancy.scope import tenant_scope

VALID_FOR = timedelta(days=7)
_SALT = "alerts.mail_answer"


class BadLink(AlertProblem):
    code = "bad_link"

    def __init__(self) -> None:
        super().__init__("This link is incomplete or was changed. Open it from the mail again.")


class LinkExpired(AlertProblem):
    code = "expired"

    def __init__(self) -> None:
        super().__init__(f"This link worked for {VALID_FOR.days} days, and they are over. Sign in to see the alert.")


class NotYoursToAnswer(AlertProblem):
    """They have left the account, have another role now, or the alert went with its budget."""

    code = "not_yours"

    def __init__(self) -> None:
        super().__init__("You can't answer this alert any more: it is gone, or you are no longer among who look at it.")


class WorseThanTold(AlertProblem):
    code = "worse_than_told"

    def __init__(self) -> None:
        super().__init__("It has got worse since this mail was sent. Sign in to see how it stands now.")


@dataclass(frozen=True, slots=True)
class AskedFor:
    """What a link asks for: whose acknowledgement of which alert."""

    account: Account
    person: User
    alert: BudgetAlert


def acknowledgement_path(told: Notification) -> str:
    """Return the path that lets the person who was told acknowledge the alert."""
    token = signing.dumps([str(told.tenant_id), str(told.person_id), str(told.pk)], salt=_SALT)
    return reverse("alerts:acknowledge_by_mail", args=[token])


def look_by_link(token: str) -> AskedFor:
    """Return what a link would do, and change nothing.

    Raises `BadLink`, `LinkExpired`, `NotYoursToAnswer`, `WorseThanTold`, `AlreadyAcknowledged`, `AlreadyResolved`.
    """
    with _asked(token) as asked:
        return asked


def acknowledge_by_link(token: str, *, now: datetime, comment: str = "") -> AskedFor:
    """Acknowledge the alert as the person whom the link was sent to. Raises as `look_by_link`."""
    with _asked(token) as asked:
        acknowledge_alert(alert_id=asked.alert.pk, acting_user=asked.person, now=now, comment=comment)
        return asked


@contextmanager
def _asked(token: str) -> Iterator[AskedFor]:
    """Work in the scope of the link's account and person, once all is checked that allows it."""
    try:
        tenant, person, told = (UUID(part) for part in signing.loads(token, salt=_SALT, max_age=VALID_FOR))
    except signing.SignatureExpired as error:
        raise LinkExpired from error
    except (signing.BadSignature, ValueError, TypeError) as error:
        raise BadLink from error
    with tenant_scope(tenant, user_id=person):
        yield _find(person, told)


def _find(person_id: UUID, notification_id: UUID) -> AskedFor:
    told = (
        Notification.objects.filter(pk=notification_id, person_id=person_id, subject_type="alert")
        .select_related("person", "tenant")
        .first()
    )
    role = None if told is None or not told.person.is_active else present_role(told.person)
    if told is None or role is None or not may(role, "alerts.acknowledge"):
        raise NotYoursToAnswer
    alerts = BudgetAlert.objects.visible_to(user_id=person_id, role=role).with_budgets()
    alert = alerts.select_related("acknowledged_by", "resolved_by").filter(pk=told.subject_id).first()
    if alert is None:
        raise NotYoursToAnswer
    with timezone.override(told.tenant.timezone):
        if alert.resolved:
            raise AlreadyResolved(alert_id=alert.pk, by=alert.resolved_by, at=alert.resolved_at, why=alert.why_it_ended)
        if alert.is_acknowledged:
            raise AlreadyAcknowledged(alert_id=alert.pk, by=alert.acknowledged_by, at=alert.acknowledged_at)
    if alert.waits_since > told.created_at:
        raise WorseThanTold
    return AskedFor(account=told.tenant, person=told.person, alert=alert)
