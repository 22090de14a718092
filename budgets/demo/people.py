"""Who acts in the demo. All of them are invented."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from budgetsite.accounts.models import Account, User
from budgetsite.accounts.roles import Role
from budgetsite.accounts.selectors import memberships_of
from budgetsite.accounts.services import add_member, create_account
from budgetsite.tenancy.scope import tenant_scope

# Everybody's in the demo. It is public: a site that others can reach runs without the demo (DEMO=0).
PASSWORD = "demo-budget-2018"  # noqa: S105  (meant to be known)


@dataclass(frozen=True, slots=True)
class Person:
    role: Role
    name: str
    email: str


@dataclass(frozen=True, slots=True)
class House:
    """An account of the demo, and one person for each role in it."""

    name: str
    slug: str
    currency: str
    timezone: str
    people: tuple[Person, ...]

    def is_open(self) -> bool:
        """Whether this account has been made; told by its owner's membership, for accounts hide from strangers."""
        owner = next(person for person in self.people if person.role == Role.OWNER)
        user = User.objects.filter(email=owner.email).first()
        return user is not None and any(each.tenant.slug == self.slug for each in memberships_of(user))


class Cast:
    """The people of one account, by role, each of whom can act."""

    def __init__(self, account: Account, users: dict[Role, User]) -> None:
        self.account = account
        self._users = users

    def __getitem__(self, role: Role) -> User:
        return self._users[role]

    @contextmanager
    def acting(self, role: Role) -> Iterator[User]:
        """Work in the account as the person with `role`, who then stands in history and ledger."""
        user = self._users[role]
        with tenant_scope(self.account.pk, user_id=user.pk):
            yield user


def open_house(house: House) -> Cast:
    """Make the account and its people."""
    account = create_account(name=house.name, slug=house.slug, currency=house.currency, timezone=house.timezone)
    users = {
        person.role: add_member(
            account=account, email=person.email, role=person.role, name=person.name, password=PASSWORD
        ).user
        for person in house.people
    }
    return Cast(account, users)
