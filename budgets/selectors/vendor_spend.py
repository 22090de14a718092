"""What was promised to, billed by and paid to vendors, in each currency."""

from collections.abc import Iterable
from typing import Any
from uuid import UUID

from django.db.models import Count, F, Q, Sum

from budgets.models import Expense, ExpenseApproval, ExpenseStage
from budgetsite.accounts.roles import Role

_TO_BE_BILLED = Q(stage=ExpenseStage.COMMITTED)


def spend_of_vendors(vendor_ids: Iterable[UUID], *, user_id: UUID, role: Role) -> dict[UUID, list[dict[str, Any]]]:
    """Return vendor → its sums by currency, of the live expenses that this person may see. One statement.

    Amounts are in the expenses' own currency: `promised_amount` is what no bill has come for yet of what is committed,
    `open_amount` what is billed and not paid.
    """
    rows = (
        Expense.objects.visible_to(user_id=user_id, role=role)
        .filter(vendor_id__in=list(vendor_ids))
        .exclude(stage=ExpenseStage.CANCELLED)
        .exclude(approval=ExpenseApproval.REJECTED)
        .order_by()
        .values("vendor_id", "currency")
        .annotate(
            expenses_count=Count("pk"),
            promised_amount=Sum(F("amount") - F("invoiced_amount"), filter=_TO_BE_BILLED, default=0),
            billed_amount=Sum("invoiced_amount"),
            settled_amount=Sum("paid_amount"),
        )
        .order_by("vendor_id", "currency")
    )
    found: dict[UUID, list[dict[str, Any]]] = {}
    for row in rows:
        found.setdefault(row["vendor_id"], []).append(
            {
                "currency": row["currency"],
                "expenses_count": row["expenses_count"],
                "promised_amount": row["promised_amount"],
                "invoiced_amount": row["billed_amount"],
                "paid_amount": row["settled_amount"],
                "open_amount": row["billed_amount"] - row["settled_amount"],
            }
        )
    return found
