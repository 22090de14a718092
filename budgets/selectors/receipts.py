from uuid import UUID

from django.db.models import QuerySet

from budgets.models import Expense, Receipt
from budgetsite.accounts.roles import Role


def expenses_in_sight(*, user_id: UUID, role: Role) -> QuerySet[Expense]:
    """Return the live expenses that a person may see, each with its budget."""
    found: QuerySet[Expense] = Expense.objects.visible_to(user_id=user_id, role=role)
    return found.filter(deleted_at=None).select_related("budget", "event")


def receipts_of(expense_id: UUID) -> QuerySet[Receipt]:
    """Return an expense's receipts with who sent them, in the order in which they came."""
    found: QuerySet[Receipt] = Receipt.objects.filter(expense_id=expense_id, deleted_at=None)
    return found.select_related("uploaded_by").order_by("created_at", "id")
