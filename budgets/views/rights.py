"""What the person who looks at a budget may do with it now, and why not where they may not."""

from dataclasses import dataclass

from budgets.models import PLANNING_STATUSES, EventBudget
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
    """`plan` may be edited; `actuals` may be; the moves that may be made."""

    change: bool
    plan: bool
    actuals: bool
    ledger: bool
    alerts: bool
    moves: list[MoveButton]
    waits_for_other_eyes: bool

    @property
    def fixed_plan(self) -> bool:
        """The role may change budgets, but the status holds the plan."""
        return self.change and not self.plan


def rights_on(budget: EventBudget, request: PageRequest) -> Rights:
    change = may(request.role, "budgets.change")
    own = request.account.four_eyes and budget.submitted_by_id == request.user.pk
    moves = moves_for(budget, request.role)
    return Rights(
        change=change,
        plan=change and budget.status in PLANNING_STATUSES,
        actuals=change and not budget.is_locked,
        ledger=may(request.role, "ledger.view"),
        alerts=may(request.role, "alerts.acknowledge"),
        moves=[_button(move, budget) for move in moves if not (own and move.action == "approve")],
        waits_for_other_eyes=own and any(move.action == "approve" for move in moves),
    )


def _button(move: Move, budget: EventBudget) -> MoveButton:
    label, icon = MOVE_WORDS[move.action]
    lacks_total = move.needs_total and not budget.total_budget_amount
    return MoveButton(move.action, label, icon, NOTHING_PLANNED if lacks_total else "")
