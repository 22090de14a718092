"""Whose agreement an expense needs: as it is recorded, and when a change makes more of it."""

from uuid import UUID

from budgets.models import Expense, ExpenseApproval, ExpenseStage
from budgets.models.approval import APPROVING_ROLES
from budgets.services.approval import roles_that_may, strongest_of
from budgets.services.expense_policy import ExpenseLimits
from budgets.services.expense_problems import RaiseNeedsApproval
from budgetsite.accounts.models import Account, Membership, User
from budgetsite.accounts.roles import Role
from budgetsite.tenancy.scope import require_tenant_id


def role_needed(expense: Expense, limits: ExpenseLimits, *, by_client: bool) -> Role | None:
    """Return who has to agree; what a client records always waits. A refund brings money back and needs nobody."""
    if expense.amount < 0 and not by_client:
        return None
    role = strongest_of(limits.rules, expense.budget_amount, expense.budget.currency, [expense.line_item.category_id])
    return role or (Role.MANAGER if by_client else None)


def judge_anew(expense: Expense, acting_role: Role, limits: ExpenseLimits) -> None:
    """Let an expense that has moved no money wait for whoever has to agree now, or for nobody.

    What a client recorded waits for the team whoever changes it, until somebody has agreed.
    """
    by_client = acting_role == Role.CLIENT or (
        expense.approval != ExpenseApproval.APPROVED and _is_client(expense.created_by_id)
    )
    role = role_needed(expense, limits, by_client=by_client)
    expense.approval = ExpenseApproval.APPROVED if role is None else ExpenseApproval.PENDING
    expense.needs_role = role or ""
    expense.decided_by = expense.decided_at = None
    expense.decision_reason = ""
    # Nobody waits any more: it stays planned, and whoever recorded it takes the next step.
    expense.wanted_stage = expense.wanted_stage if role else ExpenseStage.PLANNED


def needs_stronger(needed: Role | None, before: Role | None) -> bool:
    if needed is None:
        return False
    return before is None or APPROVING_ROLES.index(needed) > APPROVING_ROLES.index(before)


def refuse_more(expense: Expense, needed: Role | None, present: Role | None, acting_user: User) -> None:
    """Raise `RaiseNeedsApproval` unless who makes more of it may approve it, and did not record it.

    `present` is the role that counts. An account may have switched four eyes off.
    """
    if needed is None:
        return
    own = expense.created_by_id == acting_user.pk
    if present not in roles_that_may(needed) or (own and _four_eyes()):
        raise RaiseNeedsApproval(needed)


def _four_eyes() -> bool:
    return bool(Account.objects.get(pk=require_tenant_id()).four_eyes)


def _is_client(user_id: UUID | None) -> bool:
    return bool(Membership.objects.filter(user_id=user_id, role=Role.CLIENT, deleted_at=None).exists())
