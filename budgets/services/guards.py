"""What every change of a budget begins with: lock the row, then check the version and the status."""

from uuid import UUID

from budgets.models import LOCKED_STATUSES, PLANNING_STATUSES, EventBudget
from budgets.services.problems import BudgetLocked, BudgetNotFound, PlanFixed, StaleVersion
from budgetsite.accounts.models import User
from budgetsite.accounts.roles import Role
from budgetsite.accounts.selectors import present_role


def lock_budget(budget_id: UUID, *, version: int | None = None) -> EventBudget:
    """Lock a live budget against other writers and return it as it is now.

    `version` is what the writer has read: raises `StaleVersion` when it is not the present one, `BudgetNotFound`
    when there is no such budget.
    """
    budget: EventBudget | None = (
        EventBudget.objects.filter(pk=budget_id, deleted_at=None).select_for_update(no_key=True).first()
    )
    if budget is None:
        raise BudgetNotFound(budget_id)
    if version is not None and version != budget.version:
        raise StaleVersion(sent=version, current=budget.version, budget_id=budget.pk)
    return budget


def role_under_lock(acting_user: User, acting_role: Role) -> Role | None:
    """Return the role that counts: what the person is now, under the lock, and never more than they came with."""
    now = present_role(acting_user)
    return None if now is None else max(now, acting_role, key=list(Role).index)


def refuse_locked(budget: EventBudget) -> None:
    if budget.status in LOCKED_STATUSES:
        raise BudgetLocked(budget.status)


def refuse_fixed_plan(budget: EventBudget) -> None:
    refuse_locked(budget)
    if budget.status not in PLANNING_STATUSES:
        raise PlanFixed(budget.status)
