"""What the shell of every page counts. Each app registers its counter when it is ready; the base knows no app."""

from typing import Any, Protocol
from uuid import UUID

from django.contrib.postgres.expressions import ArraySubquery
from django.db.models import Count, QuerySet, Subquery, TextField, Value
from django.db.models.functions import Cast, Coalesce, JSONObject
from django.http import HttpRequest

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


def shell_facts(*, account: Account, user_id: UUID, role: Role) -> dict[str, Any]:
    """Return every registered count by its name, and `accounts`, all in one statement.

    `accounts` are those that the person may switch to (`pk`, `name`), by name: people see their own memberships in
    every account.
    """
    facts: dict[str, Any] = {"accounts": ArraySubquery(_memberships(user_id))}
    for name, counter in _counters.items():
        rows = counter(account=account, user_id=user_id, role=role)
        if rows is not None:
            facts[name] = _count(rows)
    return dict.fromkeys(_counters, 0) | Account.objects.filter(pk=account.pk).values(**facts).get()


def facts_for(request: HttpRequest) -> dict[str, Any]:
    """Return `shell_facts` for whoever asks; a page that shows a count of them shares the shell's one statement."""
    asked: Any = request
    if not hasattr(asked, "shell_facts"):
        asked.shell_facts = shell_facts(account=asked.account, user_id=asked.user.pk, role=asked.role)
    facts: dict[str, Any] = asked.shell_facts
    return facts


def _memberships(user_id: UUID) -> QuerySet[Any, Any]:
    return (
        QuerySet(Membership)
        .filter(user_id=user_id, deleted_at=None)
        .order_by("tenant__name", "tenant_id")
        .values(choice=JSONObject(pk=Cast("tenant_id", TextField()), name="tenant__name"))
    )


def _count(rows: QuerySet[Any]) -> Coalesce:
    counted = rows.order_by().values(all_of_them=Value(1)).annotate(number=Count("pk")).values("number")
    return Coalesce(Subquery(counted), Value(0))
