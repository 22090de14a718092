"""Addresses that refuse mail for good: kept with the person's settings in the account, until they say otherwise."""

from collections.abc import Iterable
from datetime import datetime
from uuid import UUID

from django.db import transaction

from budgetsite.accounts.models import User
from budgetsite.notifications.models import NotificationSettings
from budgetsite.notifications.services.own_settings import lock_settings


@transaction.atomic
def record_bounce(*, person: User, reason: str, now: datetime) -> None:
    """Write down that a person's address was refused, in the server's words."""
    kept = lock_settings(person)
    kept.bounced_address, kept.bounced_at, kept.bounce_reason = person.email, now, reason[:200]
    kept.save(update_fields=["bounced_address", "bounced_at", "bounce_reason"])


@transaction.atomic
def trust_address(*, acting_user: User) -> bool:
    """Send mail to one's own address again; False when nothing was wrong with it."""
    kept = lock_settings(acting_user)
    if kept.bounced_at is None:
        return False
    kept.bounced_address, kept.bounced_at, kept.bounce_reason = "", None, ""
    kept.save(update_fields=["bounced_address", "bounced_at", "bounce_reason"])
    return True


def refused_addresses(person_ids: Iterable[UUID]) -> dict[UUID, str]:
    """Return person → address that refused mail. Who has another address by now is none of them to whoever compares."""
    kept = NotificationSettings.objects.filter(person_id__in=set(person_ids), bounced_at__isnull=False)
    return dict(kept.values_list("person_id", "bounced_address"))
