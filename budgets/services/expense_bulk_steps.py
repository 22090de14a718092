"""One step of many expenses, and what a change of many would do before it is made."""

from collections.abc import Callable, Iterable
from datetime import datetime
from typing import Any
from uuid import UUID

from django.db import transaction

from budgets.models import Expense
from budgets.services.expense_bulk import BulkOutcome, change_expenses
from budgets.services.expense_problems import ExpenseNotFound
from budgets.services.expense_stages import cancel_expense, commit_expense
from budgets.services.funding import lock_budgets, lock_funding
from budgets.services.problems import BudgetProblem
from budgetsite.accounts.models import Account, User
from budgetsite.accounts.roles import Role

COMMIT, CANCEL = "commit", "cancel"


@transaction.atomic
def change_many(
    *,
    expense_ids: Iterable[UUID],
    acting_user: User,
    acting_role: Role,
    account: Account,
    now: datetime,
    step: str = "",
    dry_run: bool = False,
    **fields: Any,
) -> list[BulkOutcome]:
    """Set fields of `BULK_FIELDS` on several expenses, or take a `step` (`COMMIT`, `CANCEL`) of each.

    What refuses one stops no other. A dry run does it all and takes all of it back: what it says will happen is what
    happens, as long as nobody else changes these budgets meanwhile. Raises `VendorNotFound`.
    """
    acting: dict[str, Any] = {"acting_user": acting_user, "acting_role": acting_role, "now": now}
    with transaction.atomic():
        if step:
            outcomes = _take_steps(expense_ids, step, acting)
        else:
            outcomes = change_expenses(expense_ids=expense_ids, account=account, **acting, **fields)
        if dry_run:
            transaction.set_rollback(True)
    return outcomes


def _take_steps(expense_ids: Iterable[UUID], step: str, acting: dict[str, Any]) -> list[BulkOutcome]:
    wanted = list(dict.fromkeys(expense_ids))
    in_sight = Expense.objects.visible_to(user_id=acting["acting_user"].pk, role=acting["acting_role"])
    budgets = dict(in_sight.filter(pk__in=wanted, deleted_at=None).values_list("pk", "budget_id"))
    # All at once and by id, as everybody who changes several budgets does.
    lock_funding(lock_budgets(budgets.values()), at=acting["now"])
    take: Callable[[UUID], object] = {
        COMMIT: lambda expense_id: commit_expense(expense_id=expense_id, **acting),
        CANCEL: lambda expense_id: cancel_expense(expense_id=expense_id, whole=True, **acting),
    }[step]

    def outcome(expense_id: UUID) -> BulkOutcome:
        try:
            if expense_id not in budgets:
                raise ExpenseNotFound(expense_id)
            take(expense_id)
        except BudgetProblem as problem:
            return BulkOutcome(expense_id, str(problem), problem.code)
        return BulkOutcome(expense_id)

    return [outcome(expense_id) for expense_id in wanted]
