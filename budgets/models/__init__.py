"""One file per aggregate; this is their index."""

from budgets.models.category import Category
from budgets.models.decision import BudgetDecision
from budgets.models.event_budget import LOCKED_STATUSES, PLANNING_STATUSES, BudgetStatus, EventBudget
from budgets.models.ledger_entry import EntryKind, EntrySource, LedgerEntry
from budgets.models.line_item import BudgetLineItem

__all__ = [
    "LOCKED_STATUSES",
    "PLANNING_STATUSES",
    "BudgetDecision",
    "BudgetLineItem",
    "BudgetStatus",
    "Category",
    "EntryKind",
    "EntrySource",
    "EventBudget",
    "LedgerEntry",
]
