"""What an account allows of expenses."""

from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from django.db import connection, transaction

from budgets.models import ApprovalRule, ApprovalSubject, ExpensePolicy
from budgetsite.accounts.models import User
from budgetsite.tenancy.scope import require_tenant_id

_POLICY_AND_RULES = """
    SELECT p.largest_amount, p.clients_add_expenses, r.role, r.above_amount, r.currency, r.category_id
    FROM (VALUES (true)) AS account (is_asked)
    LEFT JOIN budgets_expensepolicy p ON p.tenant_id = %(tenant)s AND p.deleted_at IS NULL
    LEFT JOIN budgets_approvalrule r
        ON r.tenant_id = %(tenant)s AND r.subject = %(subject)s AND r.deleted_at IS NULL
"""


@dataclass(frozen=True, slots=True)
class ExpenseLimits:
    """What an account says about expenses that are recorded: how large, by whom, and from when on someone approves."""

    largest_amount: Decimal
    clients_add_expenses: bool
    rules: list[ApprovalRule]


def expense_limits() -> ExpenseLimits:
    """Return the account's limits. One statement; of the rules there is what `strongest_of` looks at."""
    with connection.cursor() as cursor:
        cursor.execute(_POLICY_AND_RULES, {"tenant": require_tenant_id(), "subject": ApprovalSubject.EXPENSE})
        rows = cursor.fetchall()
    largest_amount, clients_add_expenses = rows[0][:2]
    if largest_amount is None:
        defaults = ExpensePolicy()
        largest_amount, clients_add_expenses = defaults.largest_amount, defaults.clients_add_expenses
    rules = [
        ApprovalRule(role=role, above_amount=above_amount, currency=currency, category_id=category_id)
        for _, _, role, above_amount, currency, category_id in rows
        if role is not None
    ]
    return ExpenseLimits(largest_amount, clients_add_expenses, rules)


def expense_policy() -> ExpensePolicy:
    """Return the account's policy; one that was never changed is not stored."""
    found: ExpensePolicy | None = ExpensePolicy.objects.first()
    return found or ExpensePolicy()


@transaction.atomic
def change_expense_policy(*, acting_user: User, **fields: Any) -> ExpensePolicy:
    """Set fields of the account's policy. Raises `ValidationError` by field."""
    stored = ExpensePolicy.objects.select_for_update(no_key=True).first()
    policy = stored or ExpensePolicy()
    for name, value in fields.items():
        setattr(policy, name, value)
    policy.receipt_hosts = sorted({host.strip().lower().rstrip(".") for host in policy.receipt_hosts if host.strip()})
    policy.full_clean(exclude=["tenant"], validate_constraints=False)
    policy.save()
    return policy
