"""What an account allows of expenses."""

from typing import Any

from django.db import transaction

from budgets.models import ExpensePolicy
from budgetsite.accounts.models import User


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
