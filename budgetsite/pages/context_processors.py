from functools import partial
from typing import Any

from django.http import HttpRequest

from budgetsite.accounts.permissions import may
from budgetsite.pages.navigation import counter_names, facts_for

# The sections of the navigation that not everybody has, and what one has to be allowed to do there.
SECTIONS = {
    "api_keys": "api_keys.view",
    "approvals": "budgets.submit",
    "alerts": "alerts.view",
    "analytics": "analytics.view",
    "company_budgets": "scoped_budgets.view",
    "expenses": "expenses.view",
    "payments": "expenses.view",
    "expense_rules": "expense_policy.view",
    "templates": "templates.view",
    "import": "budgets.import",
    "webhooks": "webhooks.view",
}


def navigation(request: HttpRequest) -> dict[str, Any]:
    """Who is here and in which account; what the shell of every page shows.

    Counts and accounts are functions, which a template calls where it names them: a fragment that shows no shell
    asks for none.
    """
    account, role = getattr(request, "account", None), getattr(request, "role", None)
    context: dict[str, Any] = {"account": account, "role": role}
    if account is None or role is None:
        # Outside any account nothing is waiting.
        return context | dict.fromkeys(counter_names(), 0)

    def fact(name: str) -> Any:
        return facts_for(request)[name]

    context["works_in_admin"] = may(role, "admin.enter")
    context["sections"] = {name: may(role, action) for name, action in SECTIONS.items()}
    return context | {name: partial(fact, name) for name in ("accounts", *counter_names())}
