"""The life of a budget: one table of moves, one door for each."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from typing import Any
from uuid import UUID

from django.db import transaction

from budgets.models import BudgetDecision, BudgetStatus, EventBudget
from budgets.services.approval import TakenStage, open_stages, roles_that_may, take_stage
from budgets.services.guards import lock_budget, role_under_lock
from budgets.services.problems import (
    ApprovalRefused,
    BudgetProblem,
    InvalidTransition,
    NothingToApprove,
    ReasonRequired,
    VarianceTooHigh,
    possible_moves,
)
from budgets.services.recalculation import recalculate_budget
from budgets.services.revision import keep_in_force, put_in_force
from budgets.services.transfer import TRANSFER_STATUSES, lapse_transfers
from budgetsite.accounts.models import Account, User
from budgetsite.accounts.permissions import PERMISSIONS, may
from budgetsite.accounts.roles import Role
from budgetsite.money.amounts import format_amount
from budgetsite.outbox.services import record_event
from budgetsite.tenancy.history import record_history

# Finalizing beyond this variance needs an owner's override; above the lower one it is said in the answer.
VARIANCE_LIMIT = Decimal(20)
VARIANCE_WARNING = Decimal(10)

# Stands for a role where a job made the move, and no person.
BY_ITSELF = "system"

_NOBODY_NEXT = {"awaiting_stage": None, "awaiting_role": "", "awaiting_since": None, "reminded_at": None}
_PARTICIPLES = {
    "submit": "submitted",
    "approve": "approved",
    "reject": "rejected",
    "activate": "activated",
    "finalize": "finalized",
    "archive": "archived",
    "revise": "revised",
}


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
    """`stage` is the one that was taken, where the move is an approval."""

    budget: EventBudget
    warnings: list[dict[str, str]] = field(default_factory=list)
    stage: int = 1


class RoleNotAllowed(PermissionError):
    """The move exists, but not for this role. `allowed` are the moves that the status allows, and whose they are."""

    code = "permission_denied"

    def __init__(self, move: Move, allowed: Sequence[dict[str, Any]] = ()) -> None:
        self.move, self.allowed = move, list(allowed)
        who = " or ".join(role.label.lower() for role in Role if role in move.roles)
        super().__init__(f"Only the account's {who} may do this. {possible_moves(self.allowed)}")


class NotItsDay(BudgetProblem):
    """The event was put off, or deleted, since somebody looked."""

    code = "not_its_day"

    def __init__(self) -> None:
        super().__init__("The day of the event has not come. The budget becomes active on its day.")


def allowed_moves(budget: EventBudget) -> list[dict[str, Any]]:
    """Return the moves that the budget's status allows, each with the roles that may make it."""
    return [
        {
            "action": move.action,
            "to_status": str(move.to_status),
            "roles": [str(role) for role in Role if role in roles_for(move, budget)],
        }
        for move in MOVES.values()
        if budget.status in move.from_statuses
    ]


def moves_for(budget: EventBudget, role: Role) -> list[Move]:
    """Return the moves that someone with `role` may make now."""
    return [move for move in MOVES.values() if budget.status in move.from_statuses and role in roles_for(move, budget)]


def roles_for(move: Move, budget: EventBudget) -> frozenset[Role]:
    """Return the roles that may make a move of this budget: an approval is for the stage that is next."""
    if move.action == "approve" and budget.awaiting_role:
        return move.roles & roles_that_may(budget.awaiting_role)
    return move.roles


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

    - submit remembers who and when, and opens the stages that the account's rules ask for;
    - approve takes the next stage, each by another person, and none by who submitted it (unless the account has
      switched four eyes off). The last one keeps the plan as its revision and puts it in force; before it the budget
      stays in review;
    - reject and revise lead back to draft and need a reason; revise opens the next revision of the plan, and the
      approved one stays in force until that is approved;
    - finalize refuses a variance beyond ±20 % unless an owner overrides with a reason, and warns beyond ±10 %.

    Each is also told to the outbox. Raises `StaleVersion`, `InvalidTransition`, `RoleNotAllowed`, `OwnSubmission`,
    `StageTaken`, `StageNotYours`, `NothingToApprove`, `ReasonRequired`, `VarianceTooHigh`.
    """
    move = MOVES[action]
    budget = lock_budget(budget_id, version=version)
    reason = reason.strip()
    if budget.status not in move.from_statuses:
        raise InvalidTransition(action=action, status=budget.status, allowed=allowed_moves(budget))
    role = role_under_lock(acting_user, acting_role)
    if role is None or role not in move.roles:
        raise RoleNotAllowed(move, allowed_moves(budget))
    if move.needs_reason and not reason:
        raise ReasonRequired
    if move.needs_total and not budget.total_budget_amount:
        raise NothingToApprove
    warnings: list[dict[str, str]] = []
    if action == "finalize":
        warnings = _check_variance(budget, acting_role=role, reason=reason, override=override)
        warnings += _warn_of_commitments(budget)
    taken = None
    if action == "approve":
        try:
            taken = take_stage(budget, acting_user=acting_user, acting_role=role, account=account, now=now)
        except ApprovalRefused as refusal:
            refusal.allowed = allowed_moves(budget)
            raise
    return _make(
        move, budget, acting_user=acting_user, role=role, now=now, reason=reason, warnings=warnings, taken=taken
    )


@transaction.atomic
def activate_on_its_day(*, budget_id: UUID, version: int, now: datetime) -> Moved:
    """Activate an approved budget because its event's day has come. Nobody acts: the decision says so.

    Raises `StaleVersion`, `InvalidTransition` when someone was faster, `NotItsDay` when the event was put off.
    """
    move = MOVES["activate"]
    budget = lock_budget(budget_id, version=version)
    if budget.status not in move.from_statuses:
        raise InvalidTransition(action=move.action, status=budget.status, allowed=allowed_moves(budget))
    if not EventBudget.objects.due(now=now).filter(pk=budget.pk).exists():
        raise NotItsDay
    return _make(move, budget, acting_user=None, role=BY_ITSELF, now=now, reason="The day of the event has come.")


def _make(
    move: Move,
    budget: EventBudget,
    *,
    acting_user: User | None,
    role: str,
    now: datetime,
    reason: str,
    warnings: list[dict[str, str]] | None = None,
    taken: TakenStage | None = None,
) -> Moved:
    """Make a move of a locked budget that nothing stands in the way of."""
    version = budget.version + 1
    changes: dict[str, Any] = {"version": version, **_NOBODY_NEXT}
    following = open_stages(budget, submission=version) if move.action == "submit" else None
    if taken is not None:
        following = taken.following
    if following is not None:
        changes |= {"awaiting_stage": following.stage, "awaiting_role": following.role, "awaiting_since": now}
    to_status = BudgetStatus.REVIEW if taken is not None and taken.following else move.to_status
    changes |= {"status": to_status, **_people(move, to_status, acting_user=acting_user, now=now)}
    if to_status == BudgetStatus.APPROVED:
        put_in_force(
            budget,
            version=version,
            reason=_why_revised(budget),
            approved_by_id=acting_user.pk if acting_user else None,
            now=now,
        )
    if move.action == "revise":
        changes["revision"] = budget.revision + 1
    EventBudget.objects.filter(pk=budget.pk).update(**changes)
    if move.action == "revise":
        keep_in_force(budget)
    if budget.status in TRANSFER_STATUSES and to_status not in TRANSFER_STATUSES:
        lapse_transfers(budget, now=now)
    if to_status == BudgetStatus.APPROVED and budget.is_under_revision:
        recalculate_budget(budget.pk, plan_changed=False, locked=True)
    stage = taken.stage.stage if taken is not None else 1
    BudgetDecision.objects.create(
        budget=budget,
        action=move.action,
        stage=stage,
        from_status=budget.status,
        to_status=to_status,
        version=version,
        revision=budget.revision,
        actor=acting_user,
        role=role,
        reason=reason,
    )
    record_event(
        kind=f"budget.{_happened(move, to_status)}",
        subject_type="event_budget",
        subject_id=budget.pk,
        payload={
            "version": version,
            "revision": changes.get("revision", budget.revision),
            "status": str(to_status),
            "stage": stage,
            "awaiting_role": changes["awaiting_role"],
        },
    )
    moved = EventBudget.objects.filter(pk=budget.pk).select_related("event")
    record_history(moved, reason=(f"{move.action}: {reason}" if reason else move.action)[:100])
    return Moved(budget=moved.get(), warnings=warnings or [], stage=stage)


def _people(move: Move, to_status: BudgetStatus, *, acting_user: User | None, now: datetime) -> dict[str, Any]:
    """Return what the move changes of who submitted and approved the plan."""
    if move.action == "submit":
        return {"submitted_by": acting_user, "submitted_at": now}
    if to_status == BudgetStatus.APPROVED:
        return {"approved_by": acting_user, "approved_at": now}
    if to_status == BudgetStatus.DRAFT:
        return {"submitted_by": None, "submitted_at": None, "approved_by": None, "approved_at": None}
    return {}


def _why_revised(budget: EventBudget) -> str:
    """Return the reason that opened the revision under way; empty for the first plan."""
    if budget.revision == 1:
        return ""
    opened = BudgetDecision.objects.filter(budget=budget, action="revise", revision=budget.revision - 1)
    reason: str | None = opened.order_by("-version").values_list("reason", flat=True).first()
    return reason or ""


def _happened(move: Move, to_status: BudgetStatus) -> str:
    if move.action == "approve" and to_status == BudgetStatus.REVIEW:
        return "stage_approved"
    return _PARTICIPLES[move.action]


def _warn_of_commitments(budget: EventBudget) -> list[dict[str, str]]:
    if not budget.total_committed_amount:
        return []
    open_amount = f"{format_amount(budget.total_committed_amount, budget.currency, 'en')} {budget.currency}"
    detail = f"{open_amount} are still promised, and can't be released or settled any more."
    return [{"code": "open_commitments", "detail": detail}]


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
    return abs(budget.variance_amount) * 100 > percent * budget.in_force_amount
