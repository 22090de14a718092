"""Opening accounts and bringing people in."""

from django.contrib.auth.password_validation import validate_password
from django.db import IntegrityError, transaction

from budgetsite.accounts.models import Account, Membership, User
from budgetsite.accounts.roles import Role
from budgetsite.accounts.signals import account_created
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
        membership: Membership = Membership.objects.create(user=user, role=Role(role))
        return membership
