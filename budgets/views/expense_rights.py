"""What the person who looks at an expense may do with it now."""

from dataclasses import dataclass

from budgets.models import Expense, ExpenseApproval, ExpensePayment, ExpensePolicy, ExpenseStage
from budgets.services.approval import roles_that_may
from budgets.services.expense_access import possible_steps
from budgetsite.accounts.permissions import may
from budgetsite.accounts.roles import Role
from budgetsite.pages.access import PageRequest


@dataclass(frozen=True, slots=True)
class ExpenseRights:
    """`steps` are names of `views.expense_steps.STEPS`; `pay` is for new payments."""

    steps: list[str]
    change: bool
    pay: bool
    internals: bool
    comment: bool
    override: bool
    vendors: bool

    def step(self, name: str) -> bool:
        return name in self.steps


def rights_on_expense(expense: Expense, request: PageRequest, policy: ExpensePolicy) -> ExpenseRights:
    role, own = request.role, expense.created_by_id == request.user.pk
    is_client = role == Role.CLIENT
    agreed = expense.approval == ExpenseApproval.APPROVED
    cancelled = expense.stage == ExpenseStage.CANCELLED
    changes = may(role, "expenses.change") or (is_client and own and not agreed)
    open_budget = not expense.budget.is_locked
    payable = agreed and not cancelled and bool(expense.invoiced_amount)
    return ExpenseRights(
        steps=_steps(expense, request, own=own, changes=changes) if open_budget else _steps_of_closed(expense, changes),
        change=changes and not cancelled and (open_budget or not agreed),
        pay=may(role, "expenses.pay") and payable and (not is_client or policy.clients_add_payments),
        internals=may(role, "expenses.view_internals"),
        comment=may(role, "comments.write"),
        override=may(role, "expenses.override"),
        vendors=may(role, "vendors.view"),
    )


def may_change_payment(payment: ExpensePayment, request: PageRequest, rights: ExpenseRights) -> bool:
    """A client changes the payments that they noted themselves."""
    own = payment.recorded_by_id == request.user.pk
    return rights.pay and payment.cancelled_at is None and (own or request.role != Role.CLIENT)


def _steps(expense: Expense, request: PageRequest, *, own: bool, changes: bool) -> list[str]:
    possible = possible_steps(expense)
    decides = (
        expense.approval == ExpenseApproval.PENDING
        and may(request.role, "expenses.approve")
        and request.role in roles_that_may(expense.needs_role or Role.MANAGER)
    )
    works = may(request.role, "expenses.change")
    steps = []
    if "approve" in possible and decides and not (own and request.account.four_eyes):
        steps.append("approve")
    if "reject" in possible and decides and not own:
        steps.append("reject")
    if "reject" in possible and own:
        steps.append("withdraw")
    if "commit" in possible and works:
        steps.append("commit")
    if "invoice" in possible and works and expense.to_be_billed_amount:
        steps.append("invoice")
    if works and expense.invoiced_amount > 0:
        steps.append("credit")
    if "cancel" in possible and changes and "withdraw" not in steps:
        steps.append("cancel")
    return steps


def _steps_of_closed(expense: Expense, changes: bool) -> list[str]:
    """In a closed budget only what never moved money is cleared away."""
    moved = expense.committed_amount or expense.actual_amount
    return ["cancel"] * (changes and not moved and expense.stage != ExpenseStage.CANCELLED)
