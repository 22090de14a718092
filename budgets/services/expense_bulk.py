"""One change of many expenses. Each is changed by itself: what refuses one stops no other."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from django.core.exceptions import ValidationError
from django.db import transaction

from budgets.models import Expense
from budgets.services.expense_change import change_expense
from budgets.services.expense_problems import ExpenseNotFound
from budgets.services.funding import lock_budgets, lock_funding
from budgets.services.problems import BudgetProblem
from budgets.services.vendor import find_or_make_vendor
from budgetsite.accounts.models import Account, User
from budgetsite.accounts.roles import Role
from budgetsite.money.amounts import InvalidAmount

# As many as a person picks on a page; each takes a change's statements.
MOST_AT_ONCE = 200
BULK_FIELDS = frozenset({"line_item_id", "category", "vendor", "due_date"})


@dataclass(frozen=True, slots=True)
class BulkOutcome:
    """What became of one expense; `error` and `code` are None where it was changed."""

    expense_id: UUID
    error: str | None = None
    code: str | None = None

    @property
    def ok(self) -> bool:
        return self.code is None


@transaction.atomic
def change_expenses(
    *,
    expense_ids: Iterable[UUID],
    acting_user: User,
    acting_role: Role,
    account: Account,
    now: datetime,
    versions: Mapping[UUID, int] | None = None,
    **fields: Any,
) -> list[BulkOutcome]:
    """Set some of `BULK_FIELDS` on each of several expenses, and return what became of each, in the order sent.

    `versions` has what the writer has read of some of them. Locks all their budgets first, by id, and only then names
    a vendor: whoever waits for a vendor's name holds every budget that they need. What pays for them is locked last:
    whoever makes that vendor may wait for it. Raises `VendorNotFound`.
    """
    unknown = fields.keys() - BULK_FIELDS
    if unknown:
        raise TypeError(f"not fields that many expenses are given: {', '.join(sorted(unknown))}")
    wanted = list(dict.fromkeys(expense_ids))
    found = Expense.objects.visible_to(user_id=acting_user.pk, role=acting_role).filter(deleted_at=None)
    budgets: dict[UUID, UUID] = dict(found.filter(pk__in=wanted).values_list("pk", "budget_id"))
    paying = lock_budgets(budgets.values())
    if fields.get("vendor"):
        vendor = find_or_make_vendor(fields["vendor"])
        fields["vendor"] = vendor.pk if vendor else None
    lock_funding(paying, at=now)

    def changed(expense_id: UUID) -> BulkOutcome:
        try:
            if expense_id not in budgets:
                raise ExpenseNotFound(expense_id)
            change_expense(
                expense_id=expense_id,
                version=(versions or {}).get(expense_id),
                acting_user=acting_user,
                acting_role=acting_role,
                account=account,
                now=now,
                **fields,
            )
        except (BudgetProblem, InvalidAmount) as problem:
            return BulkOutcome(expense_id, str(problem), problem.code)
        except ValidationError as problem:
            return BulkOutcome(expense_id, " ".join(problem.messages), "invalid")
        return BulkOutcome(expense_id)

    return [changed(expense_id) for expense_id in wanted]
