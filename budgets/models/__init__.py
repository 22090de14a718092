"""One file per aggregate; this is their index."""

from budgets.models.approval import (
    APPROVING_ROLE_CHOICES,
    APPROVING_ROLES,
    MAX_STAGES,
    ApprovalRule,
    ApprovalStage,
    ApprovalSubject,
)
from budgets.models.category import Category
from budgets.models.decision import BudgetDecision
from budgets.models.driver import PlanDriver
from budgets.models.event_budget import LOCKED_STATUSES, PLANNING_STATUSES, BudgetStatus, EventBudget
from budgets.models.ledger_entry import EntryKind, EntrySource, LedgerEntry
from budgets.models.line_item import BudgetLineItem, LineKind
from budgets.models.revision import BudgetRevision, PlanLine
from budgets.models.template import BudgetTemplate, TemplateBasis, TemplateLine
from budgets.models.transfer import BudgetTransfer, TransferStatus

__all__ = [
    "APPROVING_ROLES",
    "APPROVING_ROLE_CHOICES",
    "LOCKED_STATUSES",
    "MAX_STAGES",
    "PLANNING_STATUSES",
    "ApprovalRule",
    "ApprovalStage",
    "ApprovalSubject",
    "BudgetDecision",
    "BudgetLineItem",
    "BudgetRevision",
    "BudgetStatus",
    "BudgetTemplate",
    "BudgetTransfer",
    "Category",
    "EntryKind",
    "EntrySource",
    "EventBudget",
    "LedgerEntry",
    "LineKind",
    "PlanDriver",
    "PlanLine",
    "TemplateBasis",
    "TemplateLine",
    "TransferStatus",
]
