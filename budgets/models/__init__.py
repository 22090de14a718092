"""One file per aggregate; this is their index."""

from budgets.models.approval import (
    APPROVING_ROLE_CHOICES,
    APPROVING_ROLES,
    MAX_STAGES,
    ApprovalRule,
    ApprovalStage,
    ApprovalSubject,
)
from budgets.models.budget_window import BudgetWindow
from budgets.models.category import Category
from budgets.models.comment import BudgetComment
from budgets.models.decision import BudgetDecision
from budgets.models.driver import PlanDriver
from budgets.models.event_budget import LOCKED_STATUSES, PLANNING_STATUSES, BudgetStatus, EventBudget
from budgets.models.exchange_rate import ExchangeRate
from budgets.models.expense import Expense, ExpenseApproval, ExpenseInvoice, ExpenseStage, PaymentStatus
from budgets.models.expense_policy import ExpensePolicy
from budgets.models.ledger_entry import EntryKind, EntrySource, LedgerEntry
from budgets.models.line_item import BudgetLineItem, LineKind
from budgets.models.payment import CalendarFeed, ExpensePayment, PaymentMethod
from budgets.models.receipt import Receipt, ReceiptType
from budgets.models.reservation import Reservation, ReservationStatus
from budgets.models.revision import BudgetRevision, PlanLine
from budgets.models.scoped_budget import (
    BLOCKING_ACTIONS,
    MOST_LEVELS,
    Enforcement,
    Period,
    ScopedBudget,
    ScopeType,
    ThresholdAction,
)
from budgets.models.template import BudgetTemplate, TemplateBasis, TemplateLine
from budgets.models.transfer import BudgetTransfer, TransferStatus
from budgets.models.vendor import Vendor

__all__ = [
    "APPROVING_ROLES",
    "APPROVING_ROLE_CHOICES",
    "BLOCKING_ACTIONS",
    "LOCKED_STATUSES",
    "MAX_STAGES",
    "MOST_LEVELS",
    "PLANNING_STATUSES",
    "ApprovalRule",
    "ApprovalStage",
    "ApprovalSubject",
    "BudgetComment",
    "BudgetDecision",
    "BudgetLineItem",
    "BudgetRevision",
    "BudgetStatus",
    "BudgetTemplate",
    "BudgetTransfer",
    "BudgetWindow",
    "CalendarFeed",
    "Category",
    "Enforcement",
    "EntryKind",
    "EntrySource",
    "EventBudget",
    "ExchangeRate",
    "Expense",
    "ExpenseApproval",
    "ExpenseInvoice",
    "ExpensePayment",
    "ExpensePolicy",
    "ExpenseStage",
    "LedgerEntry",
    "LineKind",
    "PaymentMethod",
    "PaymentStatus",
    "Period",
    "PlanDriver",
    "PlanLine",
    "Receipt",
    "ReceiptType",
    "Reservation",
    "ReservationStatus",
    "ScopeType",
    "ScopedBudget",
    "TemplateBasis",
    "TemplateLine",
    "ThresholdAction",
    "TransferStatus",
    "Vendor",
]
