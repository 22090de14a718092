"""Reading transfers: one budget's, those that wait for a decision, and the lines that money can be moved between."""

from dataclasses import dataclass
from decimal import Decimal
from typing import Any
from uuid import UUID

from django.db.models import OuterRef, Q, QuerySet, Subquery

from budgets.models import APPROVING_ROLES, BudgetLineItem, BudgetTransfer, EventBudget, LineKind, TransferStatus
from budgets.services.approval import roles_that_may
from budgetsite.accounts.models import Account
from budgetsite.accounts.permissions import may
from budgetsite.accounts.roles import Role
from budgetsite.tenancy.scope import deleted_rows_visible

# More waiting transfers than this are found once some of these are decided.
INBOX_SIZE = 50


@dataclass(frozen=True, slots=True)
class LineAfter:
    """A line as it would be after a transfer, beside what it is now."""

    line: BudgetLineItem
    budgeted: Decimal
    available: Decimal


@dataclass(frozen=True, slots=True)
class TransferInbox:
    """What waits for this person's decision, and what they asked for and others decide."""

    to_decide: list[BudgetTransfer]
    own: list[BudgetTransfer]


def transfers_of(budget_id: UUID) -> QuerySet[BudgetTransfer]:
    """Return a budget's transfers, newest first, with lines and people, and `reversal_id` and `reversal_status`.

    To be read within `deleted_rows_visible`: a line may have been deleted since, in a revision.
    """
    reversal = BudgetTransfer.objects.filter(
        reverses=OuterRef("pk"), deleted_at=None, status__in=[TransferStatus.PENDING, TransferStatus.DONE]
    ).order_by("-created_at")
    found: QuerySet[BudgetTransfer] = (
        BudgetTransfer.objects.filter(budget_id=budget_id, deleted_at=None)
        .select_related("from_line", "to_line", "requested_by", "decided_by")
        .annotate(
            reversal_id=Subquery(reversal.values("pk")[:1]), reversal_status=Subquery(reversal.values("status")[:1])
        )
        .order_by("-created_at", "-id")
    )
    return found


def transfer_of(budget_id: UUID, transfer_id: UUID) -> BudgetTransfer | None:
    """Return one of a budget's transfers as `transfers_of` does, or None."""
    with deleted_rows_visible():
        return transfers_of(budget_id).filter(pk=transfer_id).first()


def count_waiting(budget_id: UUID) -> int:
    """Count a budget's transfers that wait for a decision; all of them lapse when its plan is opened or closed."""
    found: int = BudgetTransfer.objects.filter(budget_id=budget_id, status=TransferStatus.PENDING).count()
    return found


def lines_to_move(budget_id: UUID) -> list[BudgetLineItem]:
    """Return a budget's lines of cost by category, each category's in their order."""
    lines = BudgetLineItem.objects.filter(budget_id=budget_id, kind=LineKind.COST).select_related("category")
    return list(lines.order_by("category__name", "category_id", "sort_order", "id"))


def lines_after(source: BudgetLineItem, target: BudgetLineItem, amount: Decimal) -> list[LineAfter]:
    """Return what both lines would have once `amount` was moved."""
    return [
        LineAfter(source, source.in_force_amount - amount, source.available_amount - amount),
        LineAfter(target, target.in_force_amount + amount, target.available_amount + amount),
    ]


def transfers_waiting(*, account: Account, user_id: UUID, role: Role) -> TransferInbox:
    """Return the transfers that wait, the longest waiting first, with event, lines and who asked. One statement."""
    waiting = (
        _waiting(user_id=user_id, role=role)
        .filter(Q(needs_role__in=_decided_by(role)) | Q(requested_by_id=user_id), budget__event__deleted_at=None)
        .select_related("budget__event__venue", "from_line", "to_line", "requested_by")
        .order_by("created_at", "id")
    )
    inbox = TransferInbox([], [])
    for transfer in waiting[:INBOX_SIZE]:
        own = transfer.requested_by_id == user_id
        decides = transfer.needs_role in _decided_by(role) and not (own and account.four_eyes)
        (inbox.to_decide if decides else inbox.own).append(transfer)
    return inbox


def transfers_to_decide(*, account: Account, user_id: UUID, role: Role) -> QuerySet[Any] | None:
    """The transfers that this person may approve, to be counted; None for a role that decides none."""
    if not may(role, "budgets.decide_transfer"):
        return None
    waiting: QuerySet[Any] = _waiting(user_id=user_id, role=role).filter(needs_role__in=_decided_by(role))
    return waiting.exclude(requested_by_id=user_id) if account.four_eyes else waiting


def _waiting(*, user_id: UUID, role: Role) -> QuerySet[BudgetTransfer]:
    in_sight: Any = EventBudget.objects.visible_to(user_id=user_id, role=role).order_by()
    found: QuerySet[BudgetTransfer] = BudgetTransfer.objects.filter(
        status=TransferStatus.PENDING, budget__in=in_sight.values("pk")
    )
    return found


def _decided_by(role: Role) -> list[Role]:
    """Return the roles that a transfer may need for someone with `role` to decide it."""
    if not may(role, "budgets.decide_transfer"):
        return []
    return [needed for needed in APPROVING_ROLES if role in roles_that_may(needed)]
