"""API keys for machines: made, changed, rotated, revoked. (`api_key_recognition` lets them in.)

A key works on when the person responsible for it leaves the account, and when they lose the right to make one: what
is connected to the account must not stop in the night. Whoever looks after the keys is told (`api_keys_in_order`) and
names somebody else.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from django.db import IntegrityError, transaction

from budgetsite.accounts.api_key_text import KeyText, hash_secret, new_secret, write_key
from budgetsite.accounts.models import ApiKey, User
from budgetsite.accounts.permissions import MACHINE_ACTIONS, who_may
from budgetsite.accounts.selectors import who_can_be_responsible
from budgetsite.tenancy.scope import require_tenant_id

LONGEST_OVERLAP = timedelta(days=7)
USUAL_OVERLAP = timedelta(hours=24)
MOST_BUDGETS = 100


# --- What stands against a key ----------------------------------------------------------------------------------------


class ApiKeyProblem(ValueError):
    """`code` is for programs, `field` the field it is about; the sentence says what to do next."""

    code = "invalid"
    field: str | None = None


class ApiKeyNotFound(ApiKeyProblem):
    code = "api_key_not_found"

    def __init__(self) -> None:
        super().__init__("There is no such API key in this account.")


class ApiKeyRevoked(ApiKeyProblem):
    """A revoked key stays revoked: whoever had its secret may have it still."""

    code = "api_key_revoked"

    def __init__(self, key: ApiKey) -> None:
        super().__init__(f"“{key}” is revoked for good. Make a new key.")


class ApiKeyNameTaken(ApiKeyProblem):
    code = "name_taken"
    field = "name"

    def __init__(self, name: str) -> None:
        super().__init__(f"There is an API key “{name}” already. Choose another name, so that they can be told apart.")


class UnknownMachineAction(ApiKeyProblem):
    code = "invalid_choice"
    field = "actions"

    def __init__(self, unknown: Sequence[str]) -> None:
        named = ", ".join(unknown)
        super().__init__(f"No action of API keys: {named}. There are: {', '.join(MACHINE_ACTIONS)}.")


class NoMachineAction(ApiKeyProblem):
    code = "required"
    field = "actions"

    def __init__(self) -> None:
        super().__init__("Choose at least one action: a key that may do nothing is of no use.")


class TooManyBudgets(ApiKeyProblem):
    code = "too_many"
    field = "budget_ids"

    def __init__(self) -> None:
        super().__init__(f"Name up to {MOST_BUDGETS} budgets; what lies below them is in reach with them.")


class ExpiresInThePast(ApiKeyProblem):
    code = "past"
    field = "expires_at"

    def __init__(self) -> None:
        super().__init__("Choose a time that is still to come, or none; revoke a key that should not work any more.")


class NotResponsible(ApiKeyProblem):
    code = "not_responsible"
    field = "responsible_id"

    def __init__(self) -> None:
        super().__init__(f"Somebody who may make keys is responsible for one. {who_may('api_keys.change')}")


class OverlapOutOfRange(ApiKeyProblem):
    code = "out_of_range"
    field = "overlap_hours"

    def __init__(self) -> None:
        hours = LONGEST_OVERLAP // timedelta(hours=1)
        super().__init__(f"Both secrets can be valid together for 0 to {hours} hours.")


# --- Making and changing ----------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class ShownKey:
    """A key with its text: the only time that the secret is known."""

    key: ApiKey
    text: str


@transaction.atomic
def create_api_key(
    *,
    name: str,
    actions: Iterable[str],
    acting_user: User,
    now: datetime,
    budget_ids: Iterable[UUID] = (),
    expires_at: datetime | None = None,
) -> ShownKey:
    """Make a key, for which `acting_user` is responsible. That the budgets exist is the caller's to know.

    Raises an `ApiKeyProblem` (`UnknownMachineAction`, `NoMachineAction`, `TooManyBudgets`, `ExpiresInThePast`,
    `ApiKeyNameTaken`, `NotResponsible`), `ValidationError` on a name that is none.
    """
    _require_responsible(acting_user.pk)
    secret = new_secret()
    key = ApiKey(
        name=name.strip(),
        actions=_checked_actions(actions),
        budget_ids=_checked_budgets(budget_ids),
        expires_at=_checked_expiry(expires_at, now),
        responsible=acting_user,
        created_by=acting_user,
        secret_hash=hash_secret(secret),
    )
    _save(key, reason="made")
    return _shown(key, secret)


@transaction.atomic
def change_api_key(*, key_id: UUID, acting_user: User, now: datetime, **fields: Any) -> ApiKey:
    """Change `name`, `actions`, `budget_ids`, `expires_at` or `responsible_id`; what is not named stays.

    Holds from the machine's next request on. Raises `ApiKeyNotFound`, `ApiKeyRevoked`, and as `create_api_key`.
    """
    key = _locked(key_id)
    unknown = fields.keys() - {"name", "actions", "budget_ids", "expires_at", "responsible_id"}
    if unknown:
        raise TypeError(f"not of an API key: {', '.join(sorted(unknown))}")
    if "name" in fields:
        key.name = fields["name"].strip()
    if "actions" in fields:
        key.actions = _checked_actions(fields["actions"])
    if "budget_ids" in fields:
        key.budget_ids = _checked_budgets(fields["budget_ids"])
    if "expires_at" in fields and fields["expires_at"] != key.expires_at:
        key.expires_at = _checked_expiry(fields["expires_at"], now)
    if "responsible_id" in fields and fields["responsible_id"] != key.responsible_id:
        _require_responsible(fields["responsible_id"])
        key.responsible_id = fields["responsible_id"]
    _save(key, reason="changed")
    return key


@transaction.atomic
def rotate_api_key(*, key_id: UUID, acting_user: User, now: datetime, overlap: timedelta = USUAL_OVERLAP) -> ShownKey:
    """Give a key a new secret, good at once; the one that it had stays good for `overlap`.

    Two are good at most: one that was still good from a rotation before ends now. Raises `ApiKeyNotFound`,
    `ApiKeyRevoked`, `OverlapOutOfRange`.
    """
    if not timedelta(0) <= overlap <= LONGEST_OVERLAP:
        raise OverlapOutOfRange
    key = _locked(key_id)
    secret = new_secret()
    key.previous_hash, key.previous_until = bytes(key.secret_hash), now + overlap
    key.secret_hash, key.rotated_at = hash_secret(secret), now
    _save(key, reason="rotated")
    return _shown(key, secret)


@transaction.atomic
def revoke_api_key(*, key_id: UUID, acting_user: User, now: datetime) -> ApiKey:
    """Refuse a key from its next request on, for good. Raises `ApiKeyNotFound`, and `ApiKeyRevoked` when it was."""
    key = _locked(key_id)
    key.revoked_at = now
    _save(key, reason="revoked")
    return key


def _locked(key_id: UUID) -> ApiKey:
    key: ApiKey | None = ApiKey.objects.select_for_update(no_key=True).filter(pk=key_id).first()
    if key is None:
        raise ApiKeyNotFound
    if key.revoked_at is not None:
        raise ApiKeyRevoked(key)
    return key


def _save(key: ApiKey, *, reason: str) -> None:
    key.clean_fields(exclude=["tenant", "secret_hash", "previous_hash"])
    key._change_reason = reason  # type: ignore[attr-defined]  # simple-history looks for it
    # Written by requests beside this one.
    columns = (
        None
        if key._state.adding
        else [
            field.attname
            for field in ApiKey._meta.concrete_fields
            if field.attname != "last_used_at" and not field.primary_key
        ]
    )
    try:
        with transaction.atomic():
            key.save(update_fields=columns)
    except IntegrityError as error:
        if "accounts_apikey_one_per_name" in str(error):
            raise ApiKeyNameTaken(key.name) from error
        raise


def _shown(key: ApiKey, secret: str) -> ShownKey:
    return ShownKey(key, write_key(KeyText(require_tenant_id(), key.pk, secret)))


def _checked_actions(actions: Iterable[str]) -> list[str]:
    """Return each once, in the order in which they are offered."""
    chosen = list(actions)
    unknown = [action for action in chosen if action not in MACHINE_ACTIONS]
    if unknown:
        raise UnknownMachineAction(unknown)
    if not chosen:
        raise NoMachineAction
    return [action for action in MACHINE_ACTIONS if action in chosen]


def _checked_budgets(budget_ids: Iterable[UUID]) -> list[UUID]:
    found = sorted(set(budget_ids))
    if len(found) > MOST_BUDGETS:
        raise TooManyBudgets
    return found


def _checked_expiry(expires_at: datetime | None, now: datetime) -> datetime | None:
    if expires_at is not None and expires_at <= now:
        raise ExpiresInThePast
    return expires_at


def _require_responsible(user_id: UUID) -> None:
    if not who_can_be_responsible().filter(pk=user_id).exists():
        raise NotResponsible
