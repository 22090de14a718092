"""What the shell of every page counts. Each app registers its counter when it is ready; the base knows no app."""

from typing import Any, Protocol
from uuid import UUID

from django.db.models import Count, F, QuerySet, Subquery, Value
from django.db.models.functions import Coalesce

from budgetsite.accounts.models import Account, Membership
from budgetsite.accounts.roles import Role


class Counter(Protocol):
    def __call__(self, *, account: Account, user_id: UUID, role: Role) -> QuerySet[Any] | None:
        """Return the rows to count for this person; None where the role has nothing to do with them."""


_counters: dict[str, Counter] = {}


def register_counter(name: str, counter: Counter) -> None:
    """Let the shell show how many rows `counter` returns, as the template variable `name`."""
    _counters[name] = counter


def counter_names() -> list[str]:
    return list(_counters)


def navigation_counts(*, account: Account, user_id: UUID, role: Role) -> dict[str, int]:
    """Return every registered count, all in one statement."""
    counted = {}
    for name, counter in _counters.items():
        rows = counter(account=account, user_id=user_id, role=role)
        if rows is not None:
            counted[name] = _count(rows)
    found: dict[str, int] = {}
    if counted:
        found = Account.objects.filter(pk=account.pk).values(**counted).get()
    return {name: found.get(name, 0) for name in _counters}


def accounts_of(user_id: UUID) -> list[dict[str, Any]]:
    """Return the accounts (`pk`, `name`) that a person may switch to. People see their own memberships everywhere."""
    return list(
        QuerySet(Membership)
        .filter(user_id=user_id, deleted_at=None)
        .order_by("tenant__name", "tenant_id")
        .values(pk=F("tenant_id"), name=F("tenant__name"))
    )


def _count(rows: QuerySet[Any]) -> Coalesce:
    counted = rows.order_by().values(all_of_them=Value(1)).annotate(number=Count("pk")).values("number")
    return Coalesce(Subquery(counted), Value(0))
