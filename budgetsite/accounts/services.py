"""Opening accounts and bringing people in."""

from datetime import datetime
from typing import Any
from uuid import UUID

from django.contrib.auth.password_validation import validate_password
from django.db import IntegrityError, transaction
from django.db.models import Q

from budgetsite.accounts.models import Account, Membership, Team, User
from budgetsite.accounts.roles import Role
from budgetsite.accounts.signals import access_changed, account_created
from budgetsite.tenancy.deletion import restore, soft_delete
from budgetsite.tenancy.scope import tenant_scope


class AccountExists(ValueError):
    def __init__(self, slug: str) -> None:
        self.slug = slug
        super().__init__(f"An account with the slug {slug!r} exists. Choose another slug.")


class AlreadyMember(ValueError):
    def __init__(self, membership: Membership, email: str) -> None:
        self.membership = membership
        super().__init__(f"{email} belongs to this account already, as {membership.role}.")


@transaction.atomic
def create_account(*, name: str, slug: str, currency: str, timezone: str) -> Account:
    """Open an account, with the categories and rules that every new one has.

    Raises `AccountExists` when the slug is taken, `ValidationError` on an unknown currency or time zone.
    """
    account = Account(name=name, slug=slug, currency=currency.upper(), timezone=timezone)
    account.clean_fields()
    with tenant_scope(account.pk):
        try:
            with transaction.atomic():
                account.save(force_insert=True)
        except IntegrityError as error:
            raise AccountExists(slug) from error
        account_created.send(sender=Account, account=account)
    return account


@transaction.atomic
def add_member(*, account: Account, email: str, role: Role, password: str | None = None, name: str = "") -> Membership:
    """Give a person a role in an account; make the person when they are new.

    A password is set for new people alone: someone who belongs to another account keeps their own. Raises
    `AlreadyMember` with the existing membership, `ValidationError` on a bad address or a weak password.
    """
    email = email.strip().lower()
    user = User.objects.filter(email=email).first()
    if user is None:
        user = User(email=email, name=name)
        user.clean_fields(exclude=["password"])
        if password is not None:
            validate_password(password, user)
        user.set_password(password)
        user.save(force_insert=True)
    with tenant_scope(account.pk):
        existing = Membership.objects.filter(user=user).first()
        if existing is not None:
            raise AlreadyMember(existing, email)
        try:
            with transaction.atomic():
                membership: Membership = Membership.objects.create(user=user, role=Role(role))
        except IntegrityError as error:
            # Someone else was quicker.
            raise AlreadyMember(Membership.objects.get(user=user), email) from error
        return membership


class LastOwner(ValueError):
    """An account always has somebody who may do everything in it."""

    def __init__(self) -> None:
        super().__init__("This is the account's last owner. Make somebody else an owner first.")


class OwnersOnly(ValueError):
    """Managers look after people, but not after owners."""

    def __init__(self) -> None:
        super().__init__("Only an owner can make somebody an owner, or change what an owner is.")


class MembershipEnded(LookupError):
    def __init__(self) -> None:
        super().__init__("This person no longer belongs to the account. Add them again if they should.")


class TeamNameTaken(ValueError):
    def __init__(self, name: str) -> None:
        super().__init__(f"There is a team “{name}” already.")


class TeamInUse(ValueError):
    def __init__(self, team: Team, members: int) -> None:
        super().__init__(f"{members} member(s) belong to {team}. Move them to another team first.")


@transaction.atomic
def bring_in(
    *, account: Account, email: str, role: Role, acting_user: User, acting_role: Role, name: str = ""
) -> Membership:
    """Give a person a role on behalf of a member. New people set their password by the sign-in page's reset.

    Raises `OwnersOnly`, `AlreadyMember`, `ValidationError` on a bad address.
    """
    _refuse_touching_owners(acting_role, Role(role))
    return add_member(account=account, email=email, role=role, name=name)


@transaction.atomic
def change_role(*, membership_id: UUID, role: Role, acting_user: User, acting_role: Role) -> Membership:
    """Make a member something else. Raises `LastOwner`, `OwnersOnly`, `MembershipEnded`; nothing is changed then."""
    membership = _locked_membership(membership_id)
    if membership.role == role:
        return membership
    _refuse_touching_owners(acting_role, Role(membership.role), Role(role))
    _keep_an_owner(membership)
    membership.role = Role(role)
    membership.save(update_fields=["role"])
    access_changed.send(sender=Membership, membership=membership)
    return membership


@transaction.atomic
def change_team(*, membership_id: UUID, team: Team | None, acting_user: User) -> Membership:
    """Put a member into a team, or into none. Raises `MembershipEnded`."""
    membership = _locked_membership(membership_id)
    membership.team = team
    membership.save(update_fields=["team"])
    return membership


@transaction.atomic
def end_membership(*, membership_id: UUID, acting_user: User, acting_role: Role, now: datetime) -> None:
    """Let a person belong to the account no longer; what they did stays. They may be added again.

    Raises `LastOwner`, `OwnersOnly`, `MembershipEnded`; nothing is changed then.
    """
    membership = _locked_membership(membership_id)
    _refuse_touching_owners(acting_role, Role(membership.role))
    _keep_an_owner(membership)
    soft_delete(membership, now=now)
    access_changed.send(sender=Membership, membership=membership)


@transaction.atomic
def change_account(*, account: Account, acting_user: User, **fields: Any) -> Account:
    """Change the account's name, currency, time zone, four eyes or reminders. Raises `ValidationError` by field.

    Currency and time zone are those of new events; the events that there are keep theirs.
    """
    unknown = fields.keys() - ACCOUNT_SETTINGS
    if unknown:
        raise TypeError(f"not settings of an account: {', '.join(sorted(unknown))}")
    stored = Account.objects.select_for_update(no_key=True).get(pk=account.pk)
    for name, value in fields.items():
        setattr(stored, name, value)
    stored.clean_fields()
    stored.save(update_fields=[*fields] if fields else None)
    return stored


ACCOUNT_SETTINGS = frozenset({"name", "currency", "timezone", "four_eyes", "approval_reminder_days"})


@transaction.atomic
def create_team(*, name: str, acting_user: User) -> Team:
    """Raises `TeamNameTaken`."""
    return _save_team(Team(name=name.strip()))


@transaction.atomic
def rename_team(*, team: Team, name: str, acting_user: User) -> Team:
    """Raises `TeamNameTaken`."""
    team.name = name.strip()
    return _save_team(team)


@transaction.atomic
def delete_team(*, team: Team, acting_user: User, now: datetime) -> None:
    """Soft-delete a team that nobody belongs to. Raises `TeamInUse`."""
    members = Membership.objects.filter(team=team).count()
    if members:
        raise TeamInUse(team, members)
    soft_delete(team, now=now)


@transaction.atomic
def restore_team(*, team: Team, acting_user: User) -> None:
    """Bring a deleted team back. Raises `TeamNameTaken` when another one has its name now."""
    try:
        with transaction.atomic():
            restore(team)
    except IntegrityError as error:
        if "accounts_team_one_per_name" in str(error):
            raise TeamNameTaken(team.name) from error
        raise


def _save_team(team: Team) -> Team:
    team.clean_fields(exclude=["tenant"])
    try:
        with transaction.atomic():
            team.save()
    except IntegrityError as error:
        if "accounts_team_one_per_name" in str(error):
            raise TeamNameTaken(team.name) from error
        raise
    return team


def _locked_membership(membership_id: UUID) -> Membership:
    """Lock a live membership, and the account's owners with it: two owners leaving at once queue."""
    found: dict[UUID, Membership] = {
        membership.pk: membership
        for membership in Membership.objects.filter(Q(pk=membership_id) | Q(role=Role.OWNER), deleted_at=None)
        .order_by("pk")
        .select_for_update(no_key=True)
    }
    if membership_id not in found:
        raise MembershipEnded
    return found[membership_id]


def _keep_an_owner(membership: Membership) -> None:
    others = Membership.objects.filter(role=Role.OWNER, deleted_at=None, user__is_active=True).exclude(pk=membership.pk)
    if membership.role == Role.OWNER and not others.exists():
        raise LastOwner


def _refuse_touching_owners(acting_role: Role, *roles: Role) -> None:
    if Role.OWNER in roles and acting_role != Role.OWNER:
        raise OwnersOnly
