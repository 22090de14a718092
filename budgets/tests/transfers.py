"""Approved budgets whose money can be moved, and rules that ask for an approval."""

from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

from budgets.models import ApprovalRule, ApprovalSubject, BudgetLineItem, BudgetTransfer, EventBudget
from budgets.services.transfer import transfer_between_lines
from budgetsite.accounts.models import Account, User
from budgetsite.accounts.roles import Role
from budgetsite.testing.budgets import make_budget, make_line, move

NOW = datetime(2026, 5, 1, 12, tzinfo=UTC)


def make_approved(
    account: Account, owner: User, manager: User, *, total: str | None = "1000", active: bool = False
) -> EventBudget:
    """Return a budget with 600 on Catering and 300 on Hall, submitted by the owner, approved by the manager."""
    budget = make_budget(account, owner, total=total)
    make_line(budget, owner, category="Food & Beverage", name="Catering", budgeted_amount="600")
    make_line(budget, owner, name="Hall", budgeted_amount="300")
    return approve(budget, account, owner, manager, active=active)


def approve(budget: EventBudget, account: Account, owner: User, manager: User, *, active: bool = False) -> EventBudget:
    move(budget, "submit", user=owner, role=Role.OWNER, account=account)
    approved = move(budget, "approve", user=manager, role=Role.MANAGER, account=account)
    return move(budget, "activate", user=owner, role=Role.OWNER, account=account) if active else approved


def line_of(budget: EventBudget, name: str) -> BudgetLineItem:
    return BudgetLineItem.objects.get(budget=budget, name=name)


def planned(budget: EventBudget) -> dict[str, Decimal]:
    """Line → what is budgeted there."""
    return dict(BudgetLineItem.objects.filter(budget=budget).values_list("name", "budgeted_amount"))


def transfer(
    budget: EventBudget,
    amount: str | Decimal,
    *,
    user: User,
    role: Role = Role.OWNER,
    account: Account,
    source: str = "Catering",
    target: str = "Hall",
    **options: Any,
) -> BudgetTransfer:
    values = {"reason": "Fewer guests", "now": NOW, **options}
    return transfer_between_lines(
        budget_id=budget.pk,
        from_line_id=line_of(budget, source).pk,
        to_line_id=line_of(budget, target).pk,
        amount=Decimal(amount),
        acting_user=user,
        acting_role=role,
        account=account,
        **values,
    )


def limit_transfers(
    *, above: str = "0", role: Role = Role.MANAGER, currency: str = "CAD", category: Any = None
) -> ApprovalRule:
    return ApprovalRule.objects.create(
        subject=ApprovalSubject.TRANSFER,
        role=role,
        above_amount=Decimal(above),
        currency=currency,
        category=category,
    )
