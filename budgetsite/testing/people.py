"""Accounts and the people in them, and clients signed in as them."""

from collections.abc import Callable, Iterator
from uuid import uuid4

import pytest
from django.conf import settings
from django.contrib import auth
from django.contrib.sessions.backends.db import SessionStore
from django.db import transaction
from django.test import Client

from budgetsite.accounts.middleware import SESSION_KEY
from budgetsite.accounts.models import Account, Membership, User
from budgetsite.accounts.roles import Role
from budgetsite.accounts.services import add_member, create_account
from budgetsite.tenancy.scope import tenant_scope

PASSWORD = "correct horse battery"


def make_account(
    name: str = "Sunrise Catering", *, currency: str = "CAD", timezone: str = "America/Toronto"
) -> Account:
    slug = f"{name.split()[0].lower()}-{uuid4().hex[:8]}"
    return create_account(name=name, slug=slug, currency=currency, timezone=timezone)


def make_member(account: Account, role: Role, *, name: str = "") -> Membership:
    email = f"{role}-{uuid4().hex[:8]}@example.org"
    return add_member(account=account, email=email, role=role, password=PASSWORD, name=name or f"The {role}")


def sign_in(user: User, account: Account, client: Client | None = None) -> Client:
    """Return a test client with a session as `user` in `account`, stored as signing in would leave it."""
    client = client or Client()
    session = SessionStore()
    session.update(
        {
            auth.SESSION_KEY: str(user.pk),
            auth.BACKEND_SESSION_KEY: "django.contrib.auth.backends.ModelBackend",
            auth.HASH_SESSION_KEY: user.get_session_auth_hash(),
            SESSION_KEY: str(account.pk),
        }
    )
    session.create()
    client.cookies[settings.SESSION_COOKIE_NAME] = str(session.session_key)
    return client


@pytest.fixture
def account(request: pytest.FixtureRequest) -> Iterator[Account]:
    """An account whose scope the test runs in, on behalf of nobody. Works with `db` and with `committed_db`."""
    request.getfixturevalue("committed_db" if "committed_db" in request.fixturenames else "db")
    made = make_account()
    with tenant_scope(made.pk):
        yield made


@pytest.fixture
def other_account(account: Account) -> Account:
    """A stranger's account, beside the one whose scope the test runs in."""
    return make_account("Rival Events", currency="EUR", timezone="Europe/Madrid")


@pytest.fixture
def owner(account: Account) -> User:
    return make_member(account, Role.OWNER).user


@pytest.fixture
def manager(account: Account) -> User:
    return make_member(account, Role.MANAGER).user


@pytest.fixture
def staff(account: Account) -> User:
    return make_member(account, Role.STAFF).user


@pytest.fixture
def organizer(account: Account) -> User:
    return make_member(account, Role.ORGANIZER).user


@pytest.fixture
def member_client(account: Account) -> Callable[[Role], Client]:
    """Return a function that gives a client signed in as a new member with that role."""

    def make(role: Role) -> Client:
        with transaction.atomic():
            return sign_in(make_member(account, role).user, account)

    return make
