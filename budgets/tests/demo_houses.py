"""The demo's accounts in tests."""

from budgetsite.accounts.models import User
from budgetsite.accounts.selectors import memberships_of
from budgetsite.tenancy.scope import tenant_scope


def scope_of(house):
    """Enter the account as its owner."""
    user = User.objects.get(email=house.people[0].email)
    return tenant_scope(memberships_of(user)[0].tenant_id, user_id=user.pk)
