"""What the person who looks at a budget may do with it now, and why not where they may not."""

from dataclasses import dataclass

from budgets.models import PLANNING_STATUSES, EventBudget
from budgets.selectors.standing import refusal_to_approve
from budgets.services.problems import ApprovalRefused, OwnSubmission
from budgets.services.transfer import TRANSFER_STATUSES
from budgets.services.workflow import Move, moves_for
from budgetsite.accounts.permissions import may
from budgetsite.pages.access import PageRequest

# The button of each move, the question on its page, and the button there.
MOVE_WORDS = {
    "submit": ("Submit for approval", "send"),
    "approve": ("Approve", "check"),
    "reject": ("Send back", "undo"),
    "activate": ("Activate", "play"),
    "finalize": ("Finalize", "flag"),
    "archive": ("Archive", "archive"),
    "revise": ("Revise the plan", "pencil"),
}
NOTHING_PLANNED = "There is nothing to approve yet: add a line, or set a total."


@dataclass(frozen=True, slots=True)
class MoveButton:
    """`why_not` is empty, or says what the move lacks yet."""

    action: str
    label: str
    icon: str
    why_not: str = ""


@dataclass(frozen=True, slots=True)
class Rights:
    """Whether `plan` and `actuals` may be changed, money moved by a `transfer`, a `template` made; and which moves.

    What comes in, what remains of it and the notes of lines are the team's: a client reads the costs.
    """

    change: bool
    plan: bool
    actuals: bool
    transfer: bool
    template: bool
    ledger: bool
    income: bool
    notes: bool
    alerts: bool
    moves: list[MoveButton]
    waits_for_other_eyes: bool

    @property
    def fixed_plan(self) -> bool:
        """The role may change budgets, but the status holds the plan."""
        return self.change and not self.plan


def rights_on(budget: EventBudget, request: PageRequest) -> Rights:
    change = may(request.role, "budgets.change")
    is_team = may(request.role, "budgets.view_internals")
    moves = moves_for(budget, request.role)
    refusal = _refusal_to_approve(budget, request, moves)
    return Rights(
        change=change,
        plan=change and budget.status in PLANNING_STATUSES,
        actuals=change and not budget.is_locked,
        transfer=may(request.role, "budgets.transfer") and budget.status in TRANSFER_STATUSES,
        template=may(request.role, "templates.change"),
        ledger=may(request.role, "ledger.view"),
        income=is_team,
        notes=is_team,
        alerts=may(request.role, "alerts.acknowledge"),
        moves=[_button(move, budget) for move in moves if not (refusal and move.action == "approve")],
        waits_for_other_eyes=isinstance(refusal, OwnSubmission),
    )


def _refusal_to_approve(budget: EventBudget, request: PageRequest, moves: list[Move]) -> ApprovalRefused | None:
    if not any(move.action == "approve" for move in moves):
        return None
    return refusal_to_approve(budget, acting_user=request.user, acting_role=request.role, account=request.account)


def _button(move: Move, budget: EventBudget) -> MoveButton:
    label, icon = MOVE_WORDS[move.action]
    lacks_total = move.needs_total and not budget.total_budget_amount
    return MoveButton(move.action, label, icon, NOTHING_PLANNED if lacks_total else "")
