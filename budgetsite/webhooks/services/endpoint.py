"""The account's webhooks: made, changed, paused, resumed, given a new secret, deleted."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from django.db import connection, transaction

from budgetsite.accounts.models import User
from budgetsite.tenancy.deletion import soft_delete
from budgetsite.tenancy.scope import require_tenant_id
from budgetsite.webhooks.catalogue import families, kind_called
from budgetsite.webhooks.models import PauseReason, WebhookEndpoint, WebhookSecret
from budgetsite.webhooks.services.problems import TooManyWebhooks, UnknownKinds, UrlNotAllowed, WebhookNotFound
from budgetsite.webhooks.services.waking import send_after_commit
from budgetsite.webhooks.signing import new_secret
from budgetsite.webhooks.targets import UrlRefused, check_url

MOST_ENDPOINTS = 50
DEFAULT_OVERLAP = timedelta(hours=24)
LONGEST_OVERLAP = timedelta(days=7)


@dataclass(frozen=True, slots=True)
class ShownSecret:
    """An endpoint and its new secret, which nobody is shown again."""

    endpoint: WebhookEndpoint
    text: str


@transaction.atomic
def create_endpoint(*, acting_user: User, url: str, description: str = "", kinds: Sequence[str] = ()) -> ShownSecret:
    """Make a webhook that is told of these kinds of events (all, where none is named) from now on.

    Raises `UrlNotAllowed`, `UnknownKinds`, `TooManyWebhooks`.
    """
    endpoint = WebhookEndpoint(url=_url(url), description=_one_line(description), kinds=_kinds(kinds))
    endpoint.full_clean(exclude=["tenant"])
    _count_alone()
    if WebhookEndpoint.objects.count() >= MOST_ENDPOINTS:
        raise TooManyWebhooks(MOST_ENDPOINTS)
    endpoint.save(force_insert=True)
    text = new_secret()
    WebhookSecret.objects.create(endpoint=endpoint, text=text)
    return ShownSecret(endpoint, text)


@transaction.atomic
def change_endpoint(*, endpoint_id: UUID, acting_user: User, now: datetime, **fields: Any) -> WebhookEndpoint:
    """Change `url`, `description`, `kinds` or `is_paused`. What waits while it is paused is sent once it is resumed.

    A new address begins without the failures of the old one. Raises `UrlNotAllowed`, `UnknownKinds`, `WebhookNotFound`.
    """
    endpoint = lock_endpoint(endpoint_id)
    before = (endpoint.url, endpoint.description, endpoint.kinds, endpoint.is_paused)
    if "url" in fields:
        endpoint.url = _url(fields["url"])
    if "description" in fields:
        endpoint.description = _one_line(fields["description"])
    if "kinds" in fields:
        endpoint.kinds = _kinds(fields["kinds"])
    paused = fields.get("is_paused", endpoint.is_paused)
    if paused and not endpoint.is_paused:
        endpoint.paused_at, endpoint.pause_reason = now, PauseReason.BY_HAND
    elif not paused:
        endpoint.paused_at, endpoint.pause_reason = None, ""
    if before == (endpoint.url, endpoint.description, endpoint.kinds, endpoint.is_paused):
        return endpoint
    if endpoint.url != before[0] or (before[3] and not endpoint.is_paused):
        endpoint.failures, endpoint.failing_since, endpoint.resting_until = 0, None, None
        send_after_commit()
    endpoint.full_clean(exclude=["tenant"])
    endpoint.save()
    return endpoint


@transaction.atomic
def rotate_secret(
    *, endpoint_id: UUID, acting_user: User, now: datetime, overlap: timedelta = DEFAULT_OVERLAP
) -> ShownSecret:
    """Sign with a new secret from now on, and with the one before as well for as long as `overlap` says.

    Where two sign already, the older one stops at once.
    """
    endpoint = lock_endpoint(endpoint_id)
    secrets = WebhookSecret.objects.filter(endpoint=endpoint)
    secrets.filter(expires_at__isnull=False).update(text="", expires_at=now)
    newest = secrets.filter(expires_at=None)
    if overlap > timedelta(0):
        newest.update(expires_at=now + min(overlap, LONGEST_OVERLAP))
    else:
        newest.update(text="", expires_at=now)
    text = new_secret()
    WebhookSecret.objects.create(endpoint=endpoint, text=text)
    return ShownSecret(endpoint, text)


@transaction.atomic
def delete_endpoint(*, endpoint_id: UUID, acting_user: User, now: datetime) -> None:
    """Tell it nothing any more. Its secrets are gone for good. Raises `WebhookNotFound`."""
    endpoint = lock_endpoint(endpoint_id)
    WebhookSecret.objects.filter(endpoint=endpoint).update(text="")
    soft_delete(endpoint, now=now)


def lock_endpoint(endpoint_id: UUID) -> WebhookEndpoint:
    """Lock an endpoint, before anything of its deliveries. Raises `WebhookNotFound`."""
    found: WebhookEndpoint | None = (
        WebhookEndpoint.objects.select_for_update(no_key=True).filter(pk=endpoint_id).first()
    )
    if found is None:
        raise WebhookNotFound(endpoint_id)
    return found


def store_health(endpoint: WebhookEndpoint) -> None:
    """Store how a locked endpoint's receiver is. That is no change of anybody's, and the history has none of it."""
    WebhookEndpoint.objects.filter(pk=endpoint.pk).update(
        failures=endpoint.failures,
        failing_since=endpoint.failing_since,
        resting_until=endpoint.resting_until,
        delivered_at=endpoint.delivered_at,
    )


def _count_alone() -> None:
    """Let nobody else of the account add one until the transaction ends."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_xact_lock(hashtextextended(%s, 0))", [f"webhooks of {require_tenant_id()}"])


def _url(url: str) -> str:
    try:
        return check_url(url)
    except UrlRefused as problem:
        raise UrlNotAllowed(str(problem)) from problem


def _kinds(names: Sequence[str]) -> list[str]:
    wanted = sorted({name.strip() for name in names if name.strip()})
    known = {f"{family}.*" for family in families()}
    unknown = [name for name in wanted if name not in known and kind_called(name) is None]
    if unknown:
        raise UnknownKinds(unknown[:10])
    return wanted


def _one_line(text: str) -> str:
    return " ".join(text.split())
