"""Steps that both stories take, each by the person whose role it is."""

from datetime import datetime
from decimal import Decimal
from typing import Any

from budgets.demo.people import Cast
from budgets.models import BudgetLineItem, BudgetStatus, EntryKind, EntrySource, EventBudget
from budgets.services import ledger
from budgets.services.workflow import move_budget
from budgetsite.accounts.roles import Role

# Who makes which move. Submitting and approving are two people's: four eyes.
_MOVERS = {
    "submit": Role.ORGANIZER,
    "approve": Role.MANAGER,
    "reject": Role.MANAGER,
    "activate": Role.ORGANIZER,
    "revise": Role.ORGANIZER,
    "finalize": Role.MANAGER,
    "archive": Role.OWNER,
}


def take_steps(cast: Cast, budget: EventBudget, *actions: str, now: datetime, reason: str = "") -> None:
    """Make these moves of the budget's status, one after the other; `reason` is the last one's.

    An approval takes every stage that the plan has to pass, each by somebody else.
    """
    for position, action in enumerate(actions, start=1):
        why = reason if position == len(actions) else ""
        moved = _take_step(cast, budget, action, _MOVERS[action], now=now, reason=why)
        if action == "approve" and moved.status == BudgetStatus.REVIEW:
            _take_step(cast, budget, action, Role.OWNER, now=now, reason=why)


def _take_step(cast: Cast, budget: EventBudget, action: str, role: Role, *, now: datetime, reason: str) -> EventBudget:
    with cast.acting(role) as user:
        return move_budget(
            action=action,
            budget_id=budget.pk,
            version=EventBudget.objects.get(pk=budget.pk).version,
            acting_user=user,
            acting_role=role,
            account=cast.account,
            now=now,
            reason=reason,
        ).budget


def spend(line: BudgetLineItem, amount: Decimal, *, description: str, occurred_at: datetime, **options: Any) -> None:
    """Post an actual on a line, as whoever acts."""
    ledger.post(
        budget_id=line.budget_id,
        line_item_id=line.pk,
        kind=EntryKind.ACTUAL,
        actual_delta=amount,
        currency=line.currency,
        description=description,
        occurred_at=occurred_at,
        **{"source": EntrySource.MANUAL, **options},
    )


def receive(line: BudgetLineItem, amount: Decimal, *, description: str, occurred_at: datetime, **options: Any) -> None:
    """Post what came in on a line of income, as whoever acts."""
    ledger.post(
        budget_id=line.budget_id,
        line_item_id=line.pk,
        kind=EntryKind.INCOME,
        actual_delta=amount,
        currency=line.currency,
        description=description,
        occurred_at=occurred_at,
        **{"source": EntrySource.MANUAL, **options},
    )
