"""Events and budgets for tests: real services with sensible values, so that a test says only what it is about."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

from budgets.models import BudgetLineItem, EventBudget
from budgets.services.event_budget import create_event_budget
from budgets.services.line_item import add_line_item
from budgets.services.workflow import move_budget
from budgetsite.accounts.models import Account, User
from budgetsite.accounts.roles import Role
from events.models import Event
from events.services import create_event

EVENT_DATE = datetime(2026, 7, 15, 14, 0, tzinfo=UTC)


def make_event(account: Account, user: User, **fields: Any) -> Event:
    values = {
        "name": "Summer gala",
        "event_date": EVENT_DATE,
        "registration_start_date": EVENT_DATE - timedelta(days=30),
        "registration_end_date": EVENT_DATE - timedelta(days=1),
        **fields,
    }
    return create_event(account=account, acting_user=user, **values)


def make_budget(
    account: Account,
    user: User,
    *,
    total: Decimal | str | None = "10000",
    lines: list[dict[str, Any]] | None = None,
    event: Event | None = None,
) -> EventBudget:
    return create_event_budget(
        event=event or make_event(account, user),
        acting_user=user,
        total_budget_amount=None if total is None else Decimal(total),
        line_items=lines or [],
    )


def make_line(budget: EventBudget, user: User, **fields: Any) -> BudgetLineItem:
    values = {"category": "Venue", "name": "Hall", "budgeted_amount": Decimal("1000"), **fields}
    return add_line_item(budget_id=budget.pk, acting_user=user, **values)


def move(budget: EventBudget, action: str, *, user: User, role: Role, account: Account, **options: Any) -> EventBudget:
    """Move the budget as it is now, whatever version it has."""
    current = EventBudget.objects.get(pk=budget.pk)
    return move_budget(
        action=action,
        budget_id=budget.pk,
        version=current.version,
        acting_user=user,
        acting_role=role,
        account=account,
        now=datetime.now(UTC),
        **options,
    ).budget
