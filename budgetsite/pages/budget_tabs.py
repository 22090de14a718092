"""The views of one event and its budget, as tabs: pages of two apps draw the same row of them."""

from typing import Any
from uuid import UUID

from django.urls import reverse

from budgetsite.accounts.permissions import may
from budgetsite.accounts.roles import Role


def budget_tabs(*, budget_id: UUID | None, event_id: UUID, current: str, role: Role) -> list[dict[str, Any]]:
    """Return what `components/tabs.html` draws.

    `current` is budget, expenses, revisions, history, transfers, ledger, registrations or event. An event without a
    budget (`budget_id` None) has the last two alone.
    """
    names = [("budget", "Budget", "budgets:detail"), ("expenses", "Expenses", "budgets:budget_expenses")]
    if may(role, "budgets.view_internals"):
        names.append(("revisions", "Revisions", "budgets:revisions"))
    names.append(("history", "History", "budgets:history"))
    if may(role, "ledger.view"):
        names += [("transfers", "Transfers", "budgets:transfers"), ("ledger", "Ledger", "budgets:ledger")]
    tabs = [
        {"label": label, "url": reverse(view, args=[budget_id]), "current": name == current}
        for name, label, view in names
        if budget_id is not None
    ]
    if may(role, "registrations.decide"):
        desk_url = reverse("registrations:desk", args=[event_id])
        tabs.append({"label": "Registrations", "url": desk_url, "current": current == "registrations"})
    event_url = reverse("events:detail", args=[event_id])
    return [*tabs, {"label": "Event", "url": event_url, "current": current == "event"}]
