from functools import cache
from typing import Any

from django.http import HttpRequest

from budgetsite.accounts.permissions import may
from budgetsite.pages.navigation import accounts_of, counter_names, navigation_counts


def navigation(request: HttpRequest) -> dict[str, Any]:
    """Who is here and in which account; what the shell of every page shows.

    Counts and accounts are functions, which a template calls where it names them: a fragment that shows no shell
    asks for none.
    """
    account, role = getattr(request, "account", None), getattr(request, "role", None)
    context: dict[str, Any] = {"account": account, "role": role}
    if account is None or role is None:
        return context
    user_id = request.user.pk

    @cache
    def counts() -> dict[str, int]:
        return navigation_counts(account=account, user_id=user_id, role=role)

    @cache
    def accounts() -> list[dict[str, Any]]:
        return accounts_of(user_id)

    def count_of(name: str) -> Any:
        return lambda: counts()[name]

    context["accounts"] = accounts
    context["works_in_admin"] = may(role, "admin.enter")
    return context | {name: count_of(name) for name in counter_names()}
