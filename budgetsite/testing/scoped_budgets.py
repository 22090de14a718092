"""Scoped budgets for tests: real services with sensible values, so that a test says only what it is about."""

from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

from budgets.models import ScopedBudget
from budgets.selectors.scoped_status import Standing, standing_of
from budgets.services.scoped_budget import create_scoped_budget
from budgets.services.usage import Recorded, record_usage
from budgetsite.accounts.models import Account, User

# Day 10 of a window of 30 days that began on the first.
START = date(2026, 6, 1)
NOW = datetime(2026, 6, 11, 12, tzinfo=UTC)


def make_scoped_budget(account: Account, user: User, **fields: Any) -> ScopedBudget:
    """1,000.00 a month from 1 June 2026 in UTC, for the organization, unless said otherwise."""
    values: dict[str, Any] = {
        "name": "Season",
        "scope_type": "organization",
        "scope_id": "us",
        "amount": Decimal(1000),
        "currency": "USD",
        "period": "monthly",
        "start_date": START,
        "timezone": "UTC",
        **fields,
    }
    return create_scoped_budget(account=account, acting_user=user, **values).budget


def make_tree(account: Account, user: User, **fields: Any) -> list[ScopedBudget]:
    """An organization, a team, a person and a project, each under the one before; `fields` for all of them."""
    tree: list[ScopedBudget] = []
    for scope_type in ("organization", "team", "user", "project"):
        parent_id = tree[-1].pk if tree else None
        values = {"name": scope_type.capitalize(), "scope_id": scope_type, **fields}
        tree.append(make_scoped_budget(account, user, scope_type=scope_type, parent_id=parent_id, **values))
    return tree


def spend(budget: ScopedBudget, user: User, amount: str | int, **fields: Any) -> Recorded:
    values: dict[str, Any] = {"currency": budget.currency, "source": "manual", "now": NOW, **fields}
    return record_usage(budget_id=budget.pk, amount=Decimal(amount), acting_user=user, **values)


def standing(budget: ScopedBudget, *, now: datetime = NOW) -> Standing:
    found = standing_of(budget.pk, now=now)
    assert found is not None
    return found
