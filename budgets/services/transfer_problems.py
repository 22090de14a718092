"""Why a transfer between lines is refused."""

from collections.abc import Iterable
from decimal import Decimal
from uuid import UUID

from budgets.models import BudgetLineItem, BudgetStatus, BudgetTransfer, EventBudget, TransferStatus
from budgets.services.problems import BudgetProblem
from budgetsite.accounts.roles import Role
from budgetsite.money.amounts import format_amount


class PlanNotInForce(BudgetProblem):
    """Money is moved in a plan that is approved; before that its lines are simply changed."""

    code = "plan_not_in_force"

    def __init__(self, budget: EventBudget) -> None:
        self.status = budget.status
        if budget.status == BudgetStatus.REVIEW:
            way = "The plan is with its approvers: money can be moved between its lines once it is approved."
        elif budget.is_under_revision:
            way = "The plan is being revised: change the lines of the revision, which is then approved as a whole."
        else:
            way = "The plan is a draft: change its lines themselves. Money is moved once a plan is approved."
        super().__init__(way)


class SameLine(BudgetProblem):
    code = "same_line"

    def __init__(self, name: str) -> None:
        super().__init__(f"“{name}” is the line that the money is taken from. Choose another one to receive it.")


class IncomeLine(BudgetProblem):
    """What is expected to come in can't be spent elsewhere; `end` is from_line or to_line."""

    code = "income_line"

    def __init__(self, line: BudgetLineItem, *, end: str) -> None:
        self.end = end
        super().__init__(
            f"“{line.name}” is a line of income: money is moved between lines of cost. Choose one of these."
        )


class TransferExceedsAvailable(BudgetProblem):
    code = "transfer_exceeds_available"

    def __init__(self, line: BudgetLineItem, *, movable: Decimal) -> None:
        self.movable = movable
        amount = f"{format_amount(movable, line.currency, 'en')} {line.currency}"
        if not movable:
            said = f"{line.name} has nothing available: its plan is promised or spent. Choose another line."
        elif movable < line.available_amount:
            said = f"{line.name} has {amount} planned: no more than that can be moved."
        else:
            said = f"{line.name} has {amount} available: no more than that can be moved."
        super().__init__(said)


class TransferNotFound(BudgetProblem):
    code = "transfer_not_found"

    def __init__(self, transfer_id: UUID) -> None:
        self.transfer_id = transfer_id
        super().__init__("This budget has no such transfer.")


class TransferDecided(BudgetProblem):
    """Someone was faster, or the budget moved on."""

    code = "transfer_decided"

    def __init__(self, transfer: BudgetTransfer) -> None:
        self.status = transfer.status
        by = f" by {transfer.decided_by}" if transfer.decided_by else ""
        super().__init__(
            {
                TransferStatus.DONE: f"This transfer was approved already{by}." if by else "This transfer is done.",
                TransferStatus.REJECTED: f"This transfer was rejected already{by}. Ask for it again if it is needed.",
                TransferStatus.LAPSED: "This transfer has lapsed, because the budget was revised or closed meanwhile.",
            }[TransferStatus(transfer.status)]
        )


class OwnTransfer(BudgetProblem):
    """Four eyes: nobody approves what they asked for."""

    code = "own_transfer"

    def __init__(self) -> None:
        super().__init__("You asked for this transfer. Someone else has to approve it.")


class NothingToReverse(BudgetProblem):
    code = "nothing_to_reverse"

    def __init__(self, transfer: BudgetTransfer) -> None:
        if transfer.reverses_id is not None:
            said = "This took an earlier transfer back. To move the money again, make a new transfer."
        elif transfer.status == TransferStatus.PENDING:
            said = "This transfer still waits for approval. Reject it instead."
        else:
            said = "This transfer moved nothing: there is nothing to take back."
        super().__init__(said)


class AlreadyReversed(BudgetProblem):
    code = "already_reversed"

    def __init__(self, reversal: BudgetTransfer) -> None:
        self.reversed_by = str(reversal.pk)
        waits = reversal.status == TransferStatus.PENDING
        super().__init__(
            "Taking this transfer back waits for approval already."
            if waits
            else "This transfer was taken back already. To move the money again, make a new transfer."
        )


class RevisedSince(BudgetProblem):
    """What the transfer changed is not the plan in force any more."""

    code = "revised_since"

    def __init__(self) -> None:
        super().__init__(
            "The plan was revised since this transfer, and its new amounts were approved. "
            "To move the money back, make a new transfer."
        )


class TransferNotAllowed(PermissionError):
    """The role may not do this to transfers, or not to this one."""

    def __init__(self, roles: Iterable[Role]) -> None:
        who = " or ".join(role.label.lower() for role in Role if role in roles)
        super().__init__(f"Only the account's {who} may do this.")
