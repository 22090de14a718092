"""Forgetting a person, and keeping the books: who did something stays one row, and that row no longer says who it was.

All of it is one transaction of the service role, which alone may write to histories and other append-only tables.
The ledger holds no personal data, so its chain is as it was.
"""

from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime

from axes.models import AccessAttempt, AccessFailureLog, AccessLog
from django.contrib.sessions.models import Session
from django.db import transaction

from budgetsite.accounts.models import Account, Membership, User
from budgetsite.accounts.roles import Role
from budgetsite.privacy.models import AccessAction, PersonalDataAccess
from budgetsite.privacy.registry import ERASER, contributors, erasable_rows
from budgetsite.privacy.selectors import UnknownPerson, all_memberships
from budgetsite.tenancy.scope import deleted_rows_visible, tenant_scope

STAND_IN_NAME = "Erased person"
# No mail ever goes to a name under .invalid (RFC 2606).
STAND_IN_DOMAIN = "erased.invalid"


class LastOwnerStays(ValueError):
    def __init__(self, account: Account) -> None:
        self.account = account
        super().__init__(
            f"This is the last owner of {account.slug}. Make somebody else an owner first, under People in the back "
            f"office or with `manage.py add_member --account {account.slug} --role owner`; then run this again."
        )


class PlatformPersonStays(ValueError):
    def __init__(self) -> None:
        super().__init__(
            "This person has rights of the platform. Take them away first, as the database's owner: "
            "UPDATE accounts_user SET is_superuser = false, is_staff = false WHERE email = …"
        )


@dataclass(frozen=True, slots=True)
class Erasure:
    """What was erased, or would be: account's slug → what → how many.

    `person_erased` is False where the person goes on belonging to other accounts (`other_accounts` of them): name
    and address stay, since they are one row for all.
    """

    erased: dict[str, dict[str, int]]
    # Account's slug → what is left for somebody to decide, as sentences.
    stays: dict[str, list[str]]
    person_erased: bool
    other_accounts: int


def erase_person(
    *, account: Account, email: str, place: str, now: datetime, everywhere: bool = False, dry_run: bool = False
) -> Erasure:
    """Erase a person's data in an account, or in all of them, and end what they can sign in with.

    With the last account goes the person: name and address become a stand-in's. A dry run does the same and takes it
    back. Raises `UnknownPerson`, `LastOwnerStays`, `PlatformPersonStays`; nothing is changed then.
    """
    with transaction.atomic(using=ERASER):
        person = _locked(email, account)
        memberships = list(all_memberships(person).select_related("tenant").order_by("tenant__slug"))
        others = {row.tenant_id for row in memberships if row.tenant_id != account.pk and row.deleted_at is None}
        accounts = {row.tenant.slug: row.tenant for row in memberships if everywhere or row.tenant_id == account.pk}
        erased = {slug: _erase_in(each, person, place=place, now=now) for slug, each in accounts.items()}
        stays = {slug: _what_stays(each, person) for slug, each in accounts.items()}
        person_erased = everywhere or not others
        if person_erased:
            _forget(person)
        if dry_run:
            transaction.set_rollback(True, using=ERASER)
    return Erasure(
        erased=erased, stays=stays, person_erased=person_erased, other_accounts=0 if everywhere else len(others)
    )


def _locked(email: str, account: Account) -> User:
    person = User.objects.using(ERASER).select_for_update().filter(email=email.strip().lower()).first()
    if person is None or not all_memberships(person).filter(tenant_id=account.pk).exists():
        raise UnknownPerson(email, account)
    if person.is_superuser or person.is_staff:
        raise PlatformPersonStays
    return person


def _erase_in(account: Account, person: User, *, place: str, now: datetime) -> dict[str, int]:
    with _in_account(account):
        _keep_an_owner(account, person)
        counts: Counter[str] = Counter()
        for contributor in contributors():
            contributor.hold(person)
        for contributor in contributors():
            counts.update(contributor.erase(person))
        ended = erasable_rows(Membership).filter(user_id=person.pk, deleted_at=None).update(deleted_at=now)
        counts["memberships ended"] = ended
        PersonalDataAccess(action=AccessAction.ERASED, kind="person", subject_id=person.pk, people=1, place=place).save(
            using=ERASER, force_insert=True
        )
        return {what: count for what, count in sorted(counts.items()) if count}


def _what_stays(account: Account, person: User) -> list[str]:
    with _in_account(account):
        return [sentence for contributor in contributors() for sentence in contributor.stays(person)]


@contextmanager
def _in_account(account: Account) -> Iterator[None]:
    with tenant_scope(account.pk), deleted_rows_visible():
        yield


def _keep_an_owner(account: Account, person: User) -> None:
    """Raise `LastOwnerStays`. Locks the owners, so that two who leave at once queue."""
    owners = list(
        erasable_rows(Membership)
        .filter(role=Role.OWNER, deleted_at=None, user__is_active=True)
        .order_by("pk")
        .select_for_update(no_key=True, of=("self",))
        .values_list("user_id", flat=True)
    )
    if owners == [person.pk]:
        raise LastOwnerStays(account)


def _forget(person: User) -> None:
    """Put the stand-in in the person's place, and end every session, token and link of theirs."""
    for model in (AccessAttempt, AccessLog, AccessFailureLog):
        model.objects.using(ERASER).filter(username=person.email).delete()
    _end_sessions(person)
    person.email = f"{person.pk.hex}@{STAND_IN_DOMAIN}"
    person.name = STAND_IN_NAME
    person.is_active = False
    person.last_login = None
    # Tokens and password links carry a mark of the password: with it they end.
    person.set_unusable_password()
    person.save(using=ERASER, update_fields=["email", "name", "is_active", "last_login", "password"])


def _end_sessions(person: User) -> None:
    # Who a session belongs to stands inside it.
    own = [
        session.pk
        for session in Session.objects.using(ERASER).iterator(chunk_size=1000)
        if session.get_decoded().get("_auth_user_id") == str(person.pk)
    ]
    Session.objects.using(ERASER).filter(pk__in=own).delete()
