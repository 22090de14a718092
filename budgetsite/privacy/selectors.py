"""Looking people up for what concerns their data, and who has seen it."""

from django.db.models import Q, QuerySet

from budgetsite.accounts.models import Account, Membership, User
from budgetsite.privacy.models import PersonalDataAccess
from budgetsite.privacy.registry import contributors


class UnknownPerson(LookupError):
    def __init__(self, email: str, account: Account) -> None:
        super().__init__(
            f"Nobody with the address {email} belongs to {account.slug}, or ever did. Addresses are those that people "
            "sign in with."
        )


def find_person(email: str, *, account: Account) -> User:
    """Return who has, or had, a membership in the account, for the operator. Raises `UnknownPerson`."""
    person = User.objects.using("service").filter(email=email.strip().lower()).first()
    if person is None or not all_memberships(person).filter(tenant_id=account.pk).exists():
        raise UnknownPerson(email, account)
    return person


def all_memberships(person: User) -> QuerySet[Membership]:
    """Return what a person is and was, in all accounts, as the service role reads it."""
    return QuerySet(Membership, using="service").filter(user_id=person.pk)


def accesses_to(person: User) -> QuerySet[PersonalDataAccess]:
    """Return who saw a person's data in the current account, alone or on a list that they stood in, newest first."""
    about = Q(subject_id=person.pk)
    for contributor in contributors():
        for list_id, since in contributor.lists(person).items():
            about |= Q(list_id=list_id, created_at__gte=since)
    found: QuerySet[PersonalDataAccess] = (
        PersonalDataAccess.objects.filter(about).select_related("actor").order_by("-created_at", "-pk")
    )
    return found
