"""Secret addresses at which people's calendars read what is to be paid: made, read, revoked."""

import hashlib
import secrets
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from django.db import transaction

from budgets.models import CalendarFeed
from budgets.services.problems import BudgetProblem
from budgetsite.accounts.models import User
from budgetsite.accounts.permissions import may
from budgetsite.accounts.roles import Role
from budgetsite.accounts.selectors import membership_in
from budgetsite.tenancy.scope import require_tenant_id

MOST_FEEDS = 10
# 192 bits: nobody finds one by trying.
_SECRET_BYTES = 24
# A calendar asks every few minutes; more exactly nobody wants to know when it did last.
_NOTED_EVERY = timedelta(hours=1)


class FeedNotFound(BudgetProblem):
    code = "feed_not_found"

    def __init__(self) -> None:
        super().__init__("There is no such calendar address, or it is revoked already.")


class TooManyFeeds(BudgetProblem):
    code = "too_many_feeds"

    def __init__(self) -> None:
        super().__init__(f"You have {MOST_FEEDS} calendar addresses. Revoke one that is not used any more.")


@dataclass(frozen=True, slots=True)
class NewFeed:
    """The only time that the secret is known."""

    feed: CalendarFeed
    secret: str


@dataclass(frozen=True, slots=True)
class Reader:
    """Whose calendar reads, and what they are in the account at this moment."""

    feed: CalendarFeed
    user: User
    role: Role


@transaction.atomic
def make_feed(*, name: str, acting_user: User) -> NewFeed:
    """Make an address for a person's own calendar. Only a hash of its secret is kept. Raises `TooManyFeeds`."""
    # The person's own row is the lock: two presses at once make no eleventh.
    User.objects.select_for_update(no_key=True).filter(pk=acting_user.pk).values_list("pk").get()
    if CalendarFeed.objects.filter(user=acting_user, revoked_at=None).count() >= MOST_FEEDS:
        raise TooManyFeeds
    secret = secrets.token_urlsafe(_SECRET_BYTES)
    feed = CalendarFeed(user=acting_user, name=name.strip(), token_hash=_hash(secret))
    feed.save(force_insert=True)
    return NewFeed(feed, secret)


@transaction.atomic
def revoke_feed(*, feed_id: UUID, acting_user: User, now: datetime) -> CalendarFeed:
    """Let an address of one's own answer nothing any more, for good. Raises `FeedNotFound`."""
    feed: CalendarFeed | None = (
        CalendarFeed.objects.select_for_update(no_key=True)
        .filter(pk=feed_id, user=acting_user, revoked_at=None)
        .first()
    )
    if feed is None:
        raise FeedNotFound
    feed.revoked_at = now
    feed.save(update_fields=["revoked_at"])
    return feed


def read_feed(*, secret: str, now: datetime) -> Reader:
    """Return whose address it is, in the scope's account.

    Raises `FeedNotFound` for one that is unknown or revoked, and when its person has left the account or may see no
    expenses there any more. Secrets are compared as hashes, by an index: how long that takes tells nothing of them.
    """
    feed: CalendarFeed | None = CalendarFeed.objects.filter(token_hash=_hash(secret), revoked_at=None).first()
    if feed is None:
        raise FeedNotFound
    membership = membership_in(require_tenant_id(), user_id=feed.user_id)
    if membership is None or not may(Role(membership.role), "expenses.view"):
        raise FeedNotFound
    if feed.last_read_at is None or feed.last_read_at < now - _NOTED_EVERY:
        CalendarFeed.objects.filter(pk=feed.pk).update(last_read_at=now)
    return Reader(feed, membership.user, Role(membership.role))


def _hash(secret: str) -> bytes:
    return hashlib.sha256(secret.encode()).digest()
