"""The life of a budget: one table of moves, one door for each."""

from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any
from uuid import UUID

from django.db import transaction

from budgets.models import BudgetDecision, BudgetStatus, EventBudget
from budgets.services.guards import lock_budget
from budgets.services.problems import (
    InvalidTransition,
    NothingToApprove,
    OwnSubmission,
    ReasonRequired,
    VarianceTooHigh,
)
from budgetsite.accounts.models import Account, User
from budgetsite.accounts.permissions import PERMISSIONS, may
from budgetsite.accounts.roles import Role
from budgetsite.money.amounts import format_amount
from budgetsite.tenancy.history import record_history

# Finalizing beyond this variance needs an owner's override; above the lower one it is said in the answer.
VARIANCE_LIMIT = Decimal(20)
VARIANCE_WARNING = Decimal(10)


@dataclass(frozen=True, slots=True)
class Move:
    """A step of the workflow: from where to where, and who may make it."""

    action: str
    from_statuses: tuple[BudgetStatus, ...]
    to_status: BudgetStatus
    needs_reason: bool = False
    needs_total: bool = False

    @property
    def roles(self) -> frozenset[Role]:
        return PERMISSIONS[f"budgets.{self.action}"]


MOVES = {
    move.action: move
    for move in (
        Move("submit", (BudgetStatus.DRAFT,), BudgetStatus.REVIEW, needs_total=True),
        Move("approve", (BudgetStatus.REVIEW,), BudgetStatus.APPROVED, needs_total=True),
        Move("reject", (BudgetStatus.REVIEW,), BudgetStatus.DRAFT, needs_reason=True),
        Move("activate", (BudgetStatus.APPROVED,), BudgetStatus.ACTIVE),
        Move("finalize", (BudgetStatus.ACTIVE,), BudgetStatus.FINALIZED),
        Move("archive", (BudgetStatus.FINALIZED,), BudgetStatus.ARCHIVED),
        Move(
            "revise",
            (BudgetStatus.APPROVED, BudgetStatus.ACTIVE),
            BudgetStatus.DRAFT,
            needs_reason=True,
        ),
    )
}


@dataclass(frozen=True, slots=True)
class Moved:
    budget: EventBudget
    warnings: list[dict[str, str]]


class RoleNotAllowed(PermissionError):
    """The move exists, but not for this role."""

    def __init__(self, move: Move) -> None:
        self.move = move
        who = " or ".join(role.label.lower() for role in Role if role in move.roles)
        super().__init__(f"Only the account's {who} may do this.")


def allowed_moves(budget: EventBudget) -> list[dict[str, Any]]:
    """Return the moves that the budget's status allows, each with the roles that may make it."""
    return [
        {
            "action": move.action,
            "to_status": str(move.to_status),
            "roles": [str(r) for r in Role if r in move.roles],
        }
        for move in MOVES.values()
        if budget.status in move.from_statuses
    ]


def moves_for(budget: EventBudget, role: Role) -> list[Move]:
    """Return the moves that someone with `role` may make now."""
    return [move for move in MOVES.values() if budget.status in move.from_statuses and role in move.roles]


@transaction.atomic
def move_budget(
    *,
    action: str,
    budget_id: UUID,
    version: int,
    acting_user: User,
    acting_role: Role,
    account: Account,
    now: datetime,
    reason: str = "",
    override: bool = False,
) -> Moved:
    """Make one move: lock, check, change status and version, record the decision. All effects:

    - submit remembers who and when; approve demands someone else (unless the account has switched four eyes off);
    - reject and revise lead back to draft and need a reason; revise opens the next revision of the plan;
    - finalize refuses a variance beyond ±20 % unless an owner overrides with a reason, and warns beyond ±10 %.

    Raises `StaleVersion`, `InvalidTransition`, `RoleNotAllowed`, `OwnSubmission`, `NothingToApprove`, `ReasonRequired`,
    `VarianceTooHigh`.
    """
    move = MOVES[action]
    budget = lock_budget(budget_id, version=version)
    reason = reason.strip()
    if budget.status not in move.from_statuses:
        raise InvalidTransition(action=action, status=budget.status, allowed=allowed_moves(budget))
    if acting_role not in move.roles:
        raise RoleNotAllowed(move)
    if move.needs_reason and not reason:
        raise ReasonRequired
    if move.needs_total and not budget.total_budget_amount:
        raise NothingToApprove
    warnings: list[dict[str, str]] = []
    if action == "approve":
        _demand_other_eyes(budget, acting_user, account)
    if action == "finalize":
        warnings = _check_variance(budget, acting_role=acting_role, reason=reason, override=override)
        if budget.total_committed_amount:
            open_amount = f"{format_amount(budget.total_committed_amount, budget.currency, 'en')} {budget.currency}"
            detail = f"{open_amount} are still promised, and can't be released or settled any more."
            warnings.append({"code": "open_commitments", "detail": detail})
    _change(budget, move, acting_user=acting_user, now=now)
    BudgetDecision.objects.create(
        budget=budget,
        action=action,
        from_status=budget.status,
        to_status=move.to_status,
        version=budget.version + 1,
        revision=budget.revision,
        actor=acting_user,
        role=acting_role,
        reason=reason,
    )
    moved = EventBudget.objects.filter(pk=budget.pk).select_related("event")
    record_history(moved, reason=(f"{action}: {reason}" if reason else action)[:100])
    return Moved(budget=moved.get(), warnings=warnings)


def _demand_other_eyes(budget: EventBudget, acting_user: User, account: Account) -> None:
    if account.four_eyes and budget.submitted_by_id == acting_user.pk:
        raise OwnSubmission


def _check_variance(budget: EventBudget, *, acting_role: Role, reason: str, override: bool) -> list[dict[str, str]]:
    # Nothing planned and something spent has no percentage, and is as far off as can be.
    percentage = budget.variance_percentage
    shown = f"{percentage}%" if percentage is not None else "beyond any percentage, because nothing was planned"
    if _varies_by_more_than(VARIANCE_LIMIT, budget):
        if percentage is not None and abs(percentage) <= VARIANCE_LIMIT:
            shown = f"a little more than {shown}"
        if not (override and may(acting_role, "budgets.override_finalize")):
            raise VarianceTooHigh(shown=shown, limit=VARIANCE_LIMIT)
        if not reason:
            raise ReasonRequired
    if _varies_by_more_than(VARIANCE_WARNING, budget):
        return [
            {"code": "variance_high", "detail": f"The variance is {shown}; more than ±{VARIANCE_WARNING}% is much."}
        ]
    return []


def _varies_by_more_than(percent: Decimal, budget: EventBudget) -> bool:
    """Compare amounts, not the rounded percentage: 20.001 % is more than 20 %."""
    return abs(budget.variance_amount) * 100 > percent * budget.total_budget_amount


def _change(budget: EventBudget, move: Move, *, acting_user: User, now: datetime) -> None:
    changes: dict[str, Any] = {"status": move.to_status, "version": budget.version + 1}
    if move.action == "submit":
        changes |= {"submitted_by": acting_user, "submitted_at": now}
    elif move.action == "approve":
        changes |= {"approved_by": acting_user, "approved_at": now}
    elif move.to_status == BudgetStatus.DRAFT:
        changes |= {"submitted_by": None, "submitted_at": None, "approved_by": None, "approved_at": None}
    if move.action == "revise":
        changes["revision"] = budget.revision + 1
    EventBudget.objects.filter(pk=budget.pk).update(**changes)
