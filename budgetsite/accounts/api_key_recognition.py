"""Recognising an API key, and keeping when it was used last."""

import hmac
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.db import transaction
from django.db.models import Q

from budgetsite.accounts.api_key_text import hash_secret, parse_key
from budgetsite.accounts.models import Account, ApiKey, User
from budgetsite.tenancy.scope import tenant_scope

# More exactly nobody wants to know when a key was used last.
USE_NOTED_EVERY = timedelta(minutes=1)

_NOBODYS_HASH = hash_secret("")


class UnusableApiKey(ValueError):
    """Whoever sends this is let nowhere. Nothing about a key is said to somebody without its secret."""


class UnknownApiKey(UnusableApiKey):
    """Cut off, forged, of another site, replaced: which of them is nobody's business."""

    def __init__(self) -> None:
        super().__init__("This API key is not known here. Copy all of it, or ask the account's owner for a new one.")


class EndedApiKey(UnusableApiKey):
    """Said to somebody with the right secret alone."""


@dataclass(frozen=True, slots=True)
class MachineStanding:
    """A machine in an account, with the person who is responsible for it."""

    key: ApiKey
    account: Account
    user: User


def recognise_api_key(written: str, *, now: datetime) -> MachineStanding:
    """Return whose key this is, in one query inside the account that it names. Raises `UnusableApiKey`."""
    text = parse_key(written)
    if text is None:
        raise UnknownApiKey
    with tenant_scope(text.tenant_id), transaction.atomic(savepoint=False):
        key: ApiKey | None = ApiKey.objects.select_related("tenant", "responsible").filter(pk=text.key_id).first()
    sent = hash_secret(text.secret)
    is_current = hmac.compare_digest(sent, bytes(key.secret_hash) if key else _NOBODYS_HASH)
    is_previous = hmac.compare_digest(sent, bytes(key.previous_hash or _NOBODYS_HASH) if key else _NOBODYS_HASH)
    if key is None or not (is_current or is_previous):
        raise UnknownApiKey
    _refuse_ended(key, is_current=is_current, now=now)
    return MachineStanding(key, key.tenant, key.responsible)


def _refuse_ended(key: ApiKey, *, is_current: bool, now: datetime) -> None:
    if key.revoked_at is not None:
        raise EndedApiKey("This API key is revoked. Ask an owner or a manager of the account for a new one.")
    if key.has_expired(now):
        raise EndedApiKey("This API key has expired. Ask an owner or a manager of the account to let it work longer.")
    if not is_current and (key.previous_until is None or key.previous_until <= now):
        raise EndedApiKey("The secret of this API key was replaced. Use the one that was made with the last rotation.")


def note_use(key: ApiKey, *, now: datetime) -> None:
    """Keep when a key was used last, at most once a minute. Never waits for anybody: a row that is held is left alone.

    Outside any transaction, so that refused requests count and no other one waits for a long one with this key.
    """
    stale = Q(last_used_at=None) | Q(last_used_at__lte=now - USE_NOTED_EVERY)
    with tenant_scope(key.tenant.pk), transaction.atomic():
        free = ApiKey.objects.filter(stale, pk=key.pk).select_for_update(no_key=True, skip_locked=True)
        ApiKey.objects.filter(pk__in=free.values("pk")).update(last_used_at=now)


def use_is_due(key: ApiKey, *, now: datetime) -> bool:
    """Whether `note_use` would have something to write, as far as this request has read."""
    return key.last_used_at is None or key.last_used_at <= now - USE_NOTED_EVERY
