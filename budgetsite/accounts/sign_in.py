"""Signing in: checking a password, slowing down who guesses, and choosing the account to work in."""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from axes.handlers.proxy import AxesProxyHandler
from axes.models import AccessAttempt
from django.conf import settings
from django.contrib.auth import authenticate
from django.contrib.auth.models import update_last_login
from django.db.models import Q
from django.http import HttpRequest
from django.utils import timezone

from budgetsite.accounts.models import Account, User
from budgetsite.accounts.roles import Role
from budgetsite.accounts.selectors import (
    UnknownAccount,
    all_accounts,
    find_account,
    membership_in,
    memberships_of,
)


class WrongPassword(ValueError):
    """The address is unknown, the password wrong or the person inactive: which of them is nobody's business."""

    def __init__(self) -> None:
        super().__init__("The e-mail address or the password is wrong. Check both, or reset your password by mail.")


class LockedOut(RuntimeError):
    """Too many wrong passwords for one address, whether anybody has it or not."""

    def __init__(self, seconds: int) -> None:
        self.seconds = seconds
        super().__init__(
            f"Too many wrong passwords for this e-mail address. Try again in {in_words(seconds)}, or reset your "
            "password by mail."
        )


class AccountNeeded(ValueError):
    """The person belongs to several accounts and named none. `choices` are those accounts."""

    def __init__(self, choices: list[Account]) -> None:
        self.choices = choices
        named = ", ".join(f"{account.slug} ({account.name})" for account in choices)
        super().__init__(f"You belong to several accounts. Name one by its slug or id: {named}.")


class NotAMember(LookupError):
    """The person doesn't belong to the account named, or to any; whether it exists isn't said."""

    def __init__(self, *, named: bool = True) -> None:
        super().__init__(
            "You don't belong to this account. Ask one of its owners to add you, or name another account."
            if named
            else "You don't belong to any account yet. Ask the owner of yours to add you by your e-mail address."
        )


@dataclass(frozen=True, slots=True)
class Standing:
    """A person in an account, as what they are there now."""

    user: User
    account: Account
    role: Role


def sign_in_without_session(request: HttpRequest, *, username: str, password: str, wanted: str | None) -> Standing:
    """Check a password and return the person's standing in the account `wanted` (see `choose_account`).

    Raises `WrongPassword`, and `LockedOut` from the failure on that reaches `AXES_FAILURE_LIMIT`; then what
    `choose_account` raises. Failures are rows: the caller's transaction has to be committed all the same.
    """
    user = authenticate(request, username=normalized(username), password=password)
    if user is None:
        raise refusal(request, username)
    forget_failures(username)
    standing = choose_account(user, wanted)
    update_last_login(type(user), user)
    return standing


def refusal(request: HttpRequest, username: str) -> WrongPassword | LockedOut:
    """Return why `authenticate` has just refused: a wrong password, or a lock with the time that is left of it."""
    if getattr(request, "axes_locked_out", False):
        return LockedOut(_lock_seconds(normalized(username), now=timezone.now()))
    return WrongPassword()


def forget_failures(username: str) -> None:
    """Lift the lock of an address: its person has signed in, or has set a new password by mail."""
    AxesProxyHandler.reset_attempts(username=normalized(username))


def normalized(username: str) -> str:
    """Return an address as it is stored: guesses at Ann@… and ann@… are guesses at one person."""
    return username.strip().lower()


def username_of(request: HttpRequest, credentials: Mapping[str, Any] | None = None) -> str | None:
    """Tell axes whose attempt it is (setting `AXES_USERNAME_CALLABLE`)."""
    field = settings.AXES_USERNAME_FORM_FIELD
    given = credentials.get(field) if credentials else request.POST.get(field)
    return normalized(given) if given else None


def choose_account(user: User, wanted: str | None = None) -> Standing:
    """Return the person's standing in the account `wanted` (a slug or an id), or in their only one.

    Platform superusers may name any account and act as its owner. Raises `AccountNeeded` and `NotAMember`.
    """
    if user.is_superuser:
        return _any_account(user, wanted)
    standings = [Standing(user, row.tenant, Role(row.role)) for row in memberships_of(user)]
    if wanted:
        for standing in standings:
            if wanted in (standing.account.slug, str(standing.account.pk)):
                return standing
        raise NotAMember
    if len(standings) > 1:
        raise AccountNeeded([standing.account for standing in standings])
    if not standings:
        raise NotAMember(named=False)
    return standings[0]


def _any_account(user: User, wanted: str | None) -> Standing:
    if wanted:
        try:
            return Standing(user, find_account(wanted), Role.OWNER)
        except UnknownAccount as error:
            raise NotAMember from error
    accounts = all_accounts()
    if len(accounts) != 1:
        raise AccountNeeded(accounts)
    return Standing(user, accounts[0], Role.OWNER)


def has_one_account(user: User) -> bool:
    """Whether there is nothing to choose. A platform superuser always chooses."""
    return not user.is_superuser and len(memberships_of(user)) == 1


def found_accounts(search: str, *, limit: int) -> list[Account]:
    """Return the accounts whose name or slug contains `search`, for a platform superuser, by name."""
    named = Q(name__icontains=search) | Q(slug__icontains=search)
    return list(Account.objects.using("service").filter(named).order_by("name", "pk")[:limit])


def current_standing(*, user_id: UUID, tenant_id: UUID) -> Standing | None:
    """Return what a person is in an account now, in one query; None when they are inactive or not in it."""
    membership = membership_in(tenant_id, user_id=user_id)
    if membership is not None:
        role = Role.OWNER if membership.user.is_superuser else Role(membership.role)
        return Standing(membership.user, membership.tenant, role)
    user = User.objects.filter(pk=user_id, is_active=True, is_superuser=True).first()
    if user is None:
        return None
    account = Account.objects.using("service").filter(pk=tenant_id).first()
    return Standing(user, account, Role.OWNER) if account else None


def in_words(seconds: int) -> str:
    """Return a time as people say it, rounded up: `30 seconds`, `1 minute`, `14 minutes`, `2 hours`."""
    for unit, length in (("hour", 3600), ("minute", 60)):
        if seconds >= 2 * length or (unit == "minute" and seconds >= length):
            return _counted(math.ceil(seconds / length), unit)
    return _counted(seconds, "second")


def _counted(count: int, unit: str) -> str:
    return f"{count} {unit}" if count == 1 else f"{count} {unit}s"


def _lock_seconds(username: str, *, now: datetime) -> int:
    """Return in how many seconds enough failures will be too old to count."""
    cool_off: timedelta = settings.AXES_COOLOFF_TIME
    attempts: list[tuple[datetime, int]] = list(
        AccessAttempt.objects.filter(username=username, attempt_time__gt=now - cool_off)
        .order_by("attempt_time", "pk")
        .values_list("attempt_time", "failures_since_start")
    )
    left = sum(failures for _, failures in attempts)
    for attempted_at, failures in attempts:
        left -= failures
        if left < settings.AXES_FAILURE_LIMIT:
            return max(1, math.ceil((attempted_at + cool_off - now).total_seconds()))
    return 1
