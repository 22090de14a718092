"""How every change of an expense begins, and how it ends.

The row of the budget is the lock of all its expenses, bills and payments: it is taken first, and the expense is read
under it. Whoever changes several expenses takes their budgets in the order of their ids.
"""

from typing import Any
from uuid import UUID

from django.db.models import F

from budgets.models import EventBudget, Expense, ExpenseApproval, ExpenseInvoice, ExpenseStage
from budgets.services.expense_days import refuse_impossible_days
from budgets.services.expense_problems import ClientsMayNot, ExpenseNotFound, InvalidStep, NotApprovedYet
from budgets.services.guards import lock_budget
from budgets.services.problems import StaleVersion
from budgetsite.accounts.models import User
from budgetsite.accounts.roles import Role
from budgetsite.money.amounts import amount_to_json
from budgetsite.outbox.services import new_event
from budgetsite.tenancy.inserting import insert_at_once


def lock_expense(expense_id: UUID, *, version: int | None = None) -> Expense:
    """Return a live expense with its budget (locked), event and line. Raises `ExpenseNotFound`, `StaleVersion`."""
    budget_id = Expense.objects.filter(pk=expense_id, deleted_at=None).values_list("budget_id", flat=True).first()
    if budget_id is None:
        raise ExpenseNotFound(expense_id)
    budget = lock_budget(budget_id)
    expense: Expense | None = (
        Expense.objects.filter(pk=expense_id, deleted_at=None)
        .select_related("event", "line_item__category", "vendor")
        .first()
    )
    if expense is None:
        raise ExpenseNotFound(expense_id)
    expense.budget = budget
    if version is not None and version != expense.version:
        raise StaleExpense(sent=version, expense=expense)
    return expense


class StaleExpense(StaleVersion):
    """Someone changed the expense since it was read."""

    def __init__(self, *, sent: int, expense: Expense) -> None:
        self.expense = expense
        super().__init__(sent=sent, current=expense.version, budget_id=expense.budget_id)


def refuse_unapproved(expense: Expense) -> None:
    if expense.approval != ExpenseApproval.APPROVED:
        raise NotApprovedYet(expense.approval)


def refuse_cancelled(expense: Expense, step: str) -> None:
    if expense.stage == ExpenseStage.CANCELLED:
        raise InvalidStep(step=step, stage=expense.stage, allowed=[])


def refuse_clients_change(expense: Expense, acting_user: User, acting_role: Role) -> None:
    """A client changes what they recorded themselves, as long as the team has not agreed to it."""
    if acting_role == Role.CLIENT and (
        expense.created_by_id != acting_user.pk or expense.approval == ExpenseApproval.APPROVED
    ):
        raise ClientsMayNot("changes of what is agreed")


def possible_steps(expense: Expense) -> list[str]:
    """Return the steps that an expense may take now, as the API names them."""
    return steps_from(expense.stage, expense.approval)


def steps_from(stage: str, approval: str) -> list[str]:
    """Return the steps that are possible from a stage, with what was decided on the expense."""
    if stage == ExpenseStage.CANCELLED:
        return []
    if approval == ExpenseApproval.PENDING:
        return ["approve", "reject", "cancel"]
    if approval == ExpenseApproval.REJECTED:
        return ["cancel"]
    steps = {
        ExpenseStage.PLANNED: ["commit", "invoice"],
        ExpenseStage.COMMITTED: ["invoice"],
        ExpenseStage.INVOICED: ["invoice"],
    }
    return [*steps[ExpenseStage(stage)], "cancel"]


def store(
    expense: Expense, *, kind: str, moved_money: bool = True, bill: ExpenseInvoice | None = None, **payload: Any
) -> None:
    """Save what a service has made of a locked expense, and a new bill of it, and tell it to the outbox.

    What moved no money has left the budget's row as it was: `expense_seq` says that something has changed. Raises
    `ImpossibleDay`.
    """
    refuse_impossible_days(expense.expense_date, expense.due_date)
    is_new = expense._state.adding
    if not is_new:
        expense.version += 1
    event = new_event(
        kind=kind,
        subject_type="expense",
        subject_id=expense.pk,
        payload={
            "event": str(expense.event_id),
            "budget": str(expense.budget_id),
            "line": str(expense.line_item_id),
            "stage": expense.stage,
            "approval": expense.approval,
            "amount": amount_to_json(expense.amount, expense.currency),
            "currency": expense.currency,
            "version": expense.version,
            **payload,
        },
    )
    if is_new:
        insert_at_once([expense, *([bill] if bill else []), event])
    else:
        expense.save()
        insert_at_once([*([bill] if bill else []), event])
    if not moved_money:
        EventBudget.objects.filter(pk=expense.budget_id).update(expense_seq=F("expense_seq") + 1)
