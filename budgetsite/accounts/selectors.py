"""Looking up accounts and memberships, within a tenant and across them."""

from typing import Any
from uuid import UUID

from django.db import transaction
from django.db.models import Exists, F, OuterRef, Q, QuerySet

from budgetsite.accounts.models import Account, ApiKey, Membership, User
from budgetsite.accounts.permissions import PERMISSIONS
from budgetsite.accounts.roles import Role
from budgetsite.tenancy.scope import tenant_scope, user_scope


class UnknownAccount(LookupError):
    def __init__(self, slug_or_id: str) -> None:
        self.slug_or_id = slug_or_id
        super().__init__(f"There is no account {slug_or_id!r}. Name an account by its slug or its id.")


def memberships_of(user: User) -> list[Membership]:
    """Return a person's live memberships in all accounts, with these, by the accounts' names.

    Works outside any tenant: the policies show people their own memberships.
    """
    with user_scope(user.pk), transaction.atomic(savepoint=False):
        return list(
            QuerySet(Membership)
            .filter(user=user, deleted_at=None)
            .select_related("tenant")
            .order_by("tenant__name", "pk")
        )


def membership_in(tenant_id: UUID, *, user_id: UUID) -> Membership | None:
    """Return a person's live membership in one account, with user and account, or None."""
    with tenant_scope(tenant_id, user_id=user_id), transaction.atomic(savepoint=False):
        found: Membership | None = (
            Membership.objects.select_related("tenant", "user")
            .filter(user_id=user_id, user__is_active=True, deleted_at=None)
            .first()
        )
        return found


def present_role(user: User) -> Role | None:
    """Return what a person is in the current account at this moment, None when they belong to it no longer.

    A platform superuser acts as its owner would.
    """
    if user.is_superuser:
        return Role.OWNER
    role = Membership.objects.filter(user_id=user.pk, user__is_active=True, deleted_at=None).values_list("role").first()
    return Role(role[0]) if role else None


def who_can_be_responsible() -> QuerySet[User]:
    """Return the people of the scope's account who may make API keys, by name."""
    keepers = _keepers_of_keys().filter(user_id=OuterRef("pk"))
    return User.objects.filter(Exists(keepers), is_active=True).order_by("name", "email", "pk")


def api_keys_in_order() -> QuerySet[Any]:
    """Return the account's API keys by name, revoked ones last.

    `needs_somebody`: the key works, and whoever is responsible for it is no longer here, or may make none any more.
    """
    keepers = _keepers_of_keys().filter(user_id=OuterRef("responsible_id"), user__is_active=True)
    keys: QuerySet[Any] = (
        ApiKey.objects.select_related("responsible", "created_by")
        .annotate(needs_somebody=Q(revoked_at=None) & ~Exists(keepers))
        .order_by(F("revoked_at").desc(nulls_first=True), "name", "pk")
    )
    return keys


def _keepers_of_keys() -> QuerySet[Membership]:
    keepers: QuerySet[Membership] = Membership.objects.filter(role__in=PERMISSIONS["api_keys.change"], deleted_at=None)
    return keepers


def all_accounts() -> list[Account]:
    """Return every account, for the operator's commands and jobs that cross tenants."""
    return list(Account.objects.using("service").order_by("slug"))


def find_account(slug_or_id: str) -> Account:
    """Return an account for the operator. Raises `UnknownAccount`."""
    accounts = Account.objects.using("service")
    try:
        found = accounts.filter(pk=UUID(slug_or_id)).first()
    except ValueError:
        found = accounts.filter(slug=slug_or_id).first()
    if found is None:
        raise UnknownAccount(slug_or_id)
    return found
