"""API keys whose reach is a part of the budgets: what the accounts know of keys, and that these budgets exist."""

from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from django.db import transaction

from budgets.models import ScopedBudget
from budgets.services.problems import BudgetProblem
from budgetsite.accounts.api_keys import ShownKey, change_api_key, create_api_key
from budgetsite.accounts.models import ApiKey, User


class UnknownBudgets(BudgetProblem):
    code = "unknown_budget"

    def __init__(self, unknown: Sequence[UUID]) -> None:
        self.unknown = unknown
        named = ", ".join(map(str, unknown))
        super().__init__(f"No budget of this account: {named}. Name budgets by their ids, or none for all of them.")


@transaction.atomic
def create_budget_key(
    *,
    name: str,
    actions: Iterable[str],
    acting_user: User,
    now: datetime,
    budget_ids: Iterable[UUID] = (),
    expires_at: datetime | None = None,
) -> ShownKey:
    """Make a key that reaches these budgets and what lies below them; all, when none is named.

    Raises `UnknownBudgets`, and as `create_api_key`.
    """
    wanted = list(budget_ids)
    _require_budgets(wanted)
    return create_api_key(
        name=name, actions=actions, budget_ids=wanted, expires_at=expires_at, acting_user=acting_user, now=now
    )


@transaction.atomic
def change_budget_key(*, key_id: UUID, acting_user: User, now: datetime, **fields: Any) -> ApiKey:
    """Change a key. Budgets that it names already may have been deleted since.

    Raises `UnknownBudgets`, and as `change_api_key`.
    """
    if fields.get("budget_ids"):
        named = ApiKey.objects.filter(pk=key_id).values_list("budget_ids", flat=True).first() or []
        _require_budgets([budget_id for budget_id in fields["budget_ids"] if budget_id not in named])
    return change_api_key(key_id=key_id, acting_user=acting_user, now=now, **fields)


def _require_budgets(budget_ids: Sequence[UUID]) -> None:
    found = set(ScopedBudget.objects.filter(pk__in=budget_ids).values_list("pk", flat=True))
    unknown = [budget_id for budget_id in budget_ids if budget_id not in found]
    if unknown:
        raise UnknownBudgets(unknown)
