"""Scoped budgets that pay for events, for tests."""

from datetime import date
from decimal import Decimal
from typing import Any

from budgets.models import BudgetWindow, EntryKind, EntrySource
from budgets.services import ledger
from budgets.services.expense_stages import commit_expense
from budgets.services.funding_change import set_funding
from budgetsite.accounts.roles import Role
from budgetsite.testing.expenses import NOW
from budgetsite.testing.scoped_budgets import make_scoped_budget, standing

# The years from 2026 on, one window each.
YEAR: dict[str, Any] = {"currency": "CAD", "period": "annual", "start_date": date(2026, 1, 1)}


def make_pot(account, user, name, amount, parent=None, **fields):
    values = {**YEAR, "name": name, "amount": Decimal(amount), "scope_id": name, **fields}
    return make_scoped_budget(account, user, parent_id=parent.pk if parent else None, **values)


def fund(budget, pot, user, *, role=Role.OWNER, **fields):
    scoped_budget_id = pot.pk if pot else None
    values = {"acting_user": user, "acting_role": role, "now": NOW, **fields}
    return set_funding(budget_id=budget.pk, scoped_budget_id=scoped_budget_id, **values)


def post(budget, *, committed=0, actual=0, at=NOW, **fields):
    values = {
        "kind": EntryKind.COMMIT if committed else EntryKind.ACTUAL,
        "committed_delta": Decimal(committed),
        "actual_delta": Decimal(actual),
        "currency": budget.currency,
        "source": EntrySource.MANUAL,
        "occurred_at": at,
        **fields,
    }
    return ledger.post(budget_id=budget.pk, **values)


def held(pot):
    """Return (committed, actual, entries) by the first day of each window that holds anything."""
    found: dict[str, list[Decimal]] = {}
    for window in BudgetWindow.objects.filter(budget=pot).order_by("window_start"):
        sums = found.setdefault(f"{window.window_start:%Y-%m-%d}", [Decimal(0)] * 3)
        for place, more in enumerate((window.committed_amount, window.actual_amount, window.entries_count)):
            sums[place] += more
    return {day: tuple(int(amount) for amount in sums) for day, sums in found.items() if any(sums)}


def used(pot):
    figures = standing(pot, now=NOW).figures
    return int(figures.committed), int(figures.actual)


def commit(expense, user, *, role=Role.STAFF, **fields):
    return commit_expense(expense_id=expense.pk, acting_user=user, acting_role=role, now=NOW, **fields)
