"""Expenses that wait for somebody to agree, as one person sees them."""

from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

from django.db.models import QuerySet

from budgets.models import APPROVING_ROLES, Expense, ExpenseApproval, ExpenseStage
from budgets.services.approval import roles_that_may
from budgetsite.accounts.models import Account
from budgetsite.accounts.permissions import may
from budgetsite.accounts.roles import Role

# More than these are found once some of them are decided, and in the list of expenses.
INBOX_SIZE = 50


@dataclass(frozen=True, slots=True)
class ExpenseInbox:
    """What waits for this person, what they recorded and others decide, and the rest of what they see."""

    to_decide: list[Expense] = field(default_factory=list)
    own: list[Expense] = field(default_factory=list)
    others: list[Expense] = field(default_factory=list)

    def __bool__(self) -> bool:
        return bool(self.to_decide or self.own or self.others)


def expenses_waiting(*, account: Account, user_id: UUID, role: Role) -> ExpenseInbox:
    """Return the expenses that wait, the longest waiting first, with all that is said of each. One statement."""
    waiting = _waiting(user_id=user_id, role=role).select_related(
        "event__venue", "budget", "line_item", "vendor", "created_by"
    )
    inbox = ExpenseInbox()
    for expense in waiting.order_by("created_at", "id")[:INBOX_SIZE]:
        own = expense.created_by_id == user_id
        if expense.needs_role in _decided_by(role) and not (own and account.four_eyes):
            inbox.to_decide.append(expense)
        else:
            (inbox.own if own else inbox.others).append(expense)
    return inbox


def expenses_to_decide(*, account: Account, user_id: UUID, role: Role) -> QuerySet[Any] | None:
    """The expenses that this person may approve, to be counted; None for a role that approves none."""
    if not may(role, "expenses.approve"):
        return None
    waiting: QuerySet[Any] = _waiting(user_id=user_id, role=role).filter(needs_role__in=_decided_by(role))
    return waiting.exclude(created_by_id=user_id) if account.four_eyes else waiting


def _waiting(*, user_id: UUID, role: Role) -> QuerySet[Expense]:
    found: QuerySet[Expense] = (
        Expense.objects.visible_to(user_id=user_id, role=role)
        .filter(approval=ExpenseApproval.PENDING, event__deleted_at=None, budget__deleted_at=None)
        .exclude(stage=ExpenseStage.CANCELLED)
    )
    return found


def _decided_by(role: Role) -> list[Role]:
    if not may(role, "expenses.approve"):
        return []
    return [needed for needed in APPROVING_ROLES if role in roles_that_may(needed)]
