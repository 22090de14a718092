"""Expenses for tests: real services with sensible values, so that a test says only what it is about."""

from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

from budgets.models import ApprovalRule, ApprovalSubject, EventBudget, Expense
from budgets.services.expense import record_expense
from budgetsite.accounts.models import Account, User
from budgetsite.accounts.roles import Role

NOW = datetime(2026, 7, 1, 12, 0, tzinfo=UTC)


def make_expense(budget: EventBudget, user: User, *, role: Role = Role.STAFF, **fields: Any) -> Expense:
    """Record an expense of a budget's event; `line_item` may be given instead of its id."""
    line = fields.pop("line_item", None)
    values: dict[str, Any] = {"description": "Roses", "amount": Decimal("500"), **fields}
    if line is not None:
        values["line_item_id"] = line.pk
    elif "line_item_id" not in values:
        values.setdefault("category", "Flowers")
    account = Account.objects.get(pk=str(budget.tenant_id))
    return record_expense(event=budget.event, acting_user=user, acting_role=role, account=account, now=NOW, **values)


def limit_expenses(above: str, *, role: Role = Role.MANAGER, currency: str = "CAD") -> ApprovalRule:
    """Let expenses above an amount need someone's approval."""
    rule: ApprovalRule = ApprovalRule.objects.create(
        subject=ApprovalSubject.EXPENSE, role=role, above_amount=Decimal(above), currency=currency
    )
    return rule


def figures(row: Any) -> tuple[str, str, str]:
    """Return (committed, actual, available) of a line or a budget as it is stored now, as text."""
    row.refresh_from_db()
    if isinstance(row, EventBudget):
        found = (row.total_committed_amount, row.total_actual_amount, row.available_amount)
    else:
        found = (row.committed_amount, row.actual_amount, row.available_amount)
    return tuple(format(amount.normalize(), "f") for amount in found)  # type: ignore[return-value]
