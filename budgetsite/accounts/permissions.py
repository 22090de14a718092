"""Who may do what: one table of role × action, which the API, the pages, the admin and the services all ask.

Which rows a role sees is another question (`visible_to` of each queryset); this is about what it may do to them.
"""

from budgetsite.accounts.roles import BACK_OFFICE, Role

_MANAGERS = frozenset({Role.OWNER, Role.MANAGER})
_ORGANIZERS = BACK_OFFICE | {Role.ORGANIZER}
_WITH_CLIENT = _ORGANIZERS | {Role.CLIENT}
_EVERYONE = frozenset(Role)

PERMISSIONS: dict[str, frozenset[Role]] = {
    "events.view": _EVERYONE,
    "events.change": _ORGANIZERS,
    "events.restore": BACK_OFFICE,
    "venues.view": _EVERYONE,
    "venues.change": _ORGANIZERS,
    "categories.view": _WITH_CLIENT,
    "categories.change": _MANAGERS,
    "budgets.view": _WITH_CLIENT,
    # What the event brings in, notes, earlier plans: the team's, and not for the client who pays.
    "budgets.view_internals": _ORGANIZERS,
    "budgets.change": _ORGANIZERS,
    "budgets.import": _ORGANIZERS,
    "budgets.submit": _ORGANIZERS,
    "budgets.approve": _MANAGERS,
    "budgets.reject": _MANAGERS,
    "budgets.activate": _ORGANIZERS,
    "budgets.finalize": _MANAGERS,
    "budgets.override_finalize": frozenset({Role.OWNER}),
    "budgets.archive": _MANAGERS,
    "budgets.revise": _ORGANIZERS,
    "budgets.transfer": _ORGANIZERS,
    "budgets.decide_transfer": _MANAGERS,
    "budgets.restore": BACK_OFFICE,
    "templates.view": _ORGANIZERS,
    "templates.change": _ORGANIZERS,
    "approval_rules.view": BACK_OFFICE,
    # Who may change what others have to approve could approve it alone.
    "approval_rules.change": frozenset({Role.OWNER}),
    "expenses.view": _WITH_CLIENT,
    # A client's, where the account lets them, wait for the team.
    "expenses.record": _WITH_CLIENT,
    "expenses.change": _ORGANIZERS,
    "expenses.approve": _MANAGERS,
    "expenses.override": _MANAGERS,
    "expenses.pay": _WITH_CLIENT,
    "expenses.view_internals": _ORGANIZERS,
    "expense_policy.view": BACK_OFFICE,
    "expense_policy.change": _MANAGERS,
    "vendors.view": _ORGANIZERS,
    "vendors.change": _ORGANIZERS,
    "exchange_rates.view": _ORGANIZERS,
    "exchange_rates.change": _MANAGERS,
    "scoped_budgets.view": BACK_OFFICE,
    "scoped_budgets.check": BACK_OFFICE,
    "scoped_budgets.record": BACK_OFFICE,
    "scoped_budgets.reserve": BACK_OFFICE,
    "scoped_budgets.change": _MANAGERS,
    "scoped_budgets.override": _MANAGERS,
    "api_keys.view": _MANAGERS,
    "api_keys.change": _MANAGERS,
    "comments.view": _WITH_CLIENT,
    "comments.write": _WITH_CLIENT,
    "analytics.view": _ORGANIZERS,
    "ledger.view": _ORGANIZERS,
    "alerts.view": _ORGANIZERS,
    "alerts.acknowledge": _ORGANIZERS,
    "alert_rules.view": BACK_OFFICE,
    "alert_rules.change": _MANAGERS,
    "options.view": _EVERYONE,
    "options.change": _ORGANIZERS,
    "registrations.view": _EVERYONE,
    "registrations.register": _EVERYONE,
    "registrations.decide": _ORGANIZERS,
    "registrations.check_in": _ORGANIZERS,
    "registrations.report": _ORGANIZERS,
    "webhooks.view": _MANAGERS,
    "webhooks.change": _MANAGERS,
    "people.view": BACK_OFFICE,
    "people.change": _MANAGERS,
    "privacy.view_log": _MANAGERS,
    "privacy.view_retention": BACK_OFFICE,
    # What is let go does not come back.
    "privacy.change_retention": frozenset({Role.OWNER}),
    "account.view": BACK_OFFICE,
    "account.change": frozenset({Role.OWNER}),
    "operations.view": _MANAGERS,
    "admin.enter": BACK_OFFICE,
}

# What an API key can be allowed, in the words in which it is chosen. Everything else is for people.
MACHINE_ACTIONS: dict[str, str] = {
    "scoped_budgets.view": "See budgets, their status and reports",
    "scoped_budgets.check": "Ask whether an amount would fit",
    "scoped_budgets.record": "Record what was used",
    "scoped_budgets.reserve": "Reserve amounts, settle and release them",
}


def may(role: Role | None, action: str) -> bool:
    """Whether someone with `role` may do `action`. An action that the table does not know is a `KeyError`."""
    return role in PERMISSIONS[action]


def who_may(action: str) -> str:
    """Return the sentence that names the roles which may do `action`."""
    roles = [role.label.lower() for role in Role if role in PERMISSIONS[action]]
    names = roles[0] if len(roles) == 1 else f"{', '.join(roles[:-1])} or {roles[-1]}"
    return f"In this account {article(names)} {names} may do this: ask one of them."


def article(word: str) -> str:
    return "an" if word[0].lower() in "aeiou" else "a"


def permissions_of(role: Role | None) -> list[str]:
    return sorted(action for action, roles in PERMISSIONS.items() if role in roles)
