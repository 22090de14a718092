"""The staff's pages for money: one file per aggregate."""

from budgets.admin import panels
from budgets.admin.approval_rule import ApprovalRuleAdmin
from budgets.admin.budget_window import BudgetWindowAdmin
from budgets.admin.category import CategoryAdmin
from budgets.admin.comment import BudgetCommentAdmin
from budgets.admin.decision import BudgetDecisionAdmin
from budgets.admin.event_budget import EventBudgetAdmin
from budgets.admin.exchange_rate import ExchangeRateAdmin
from budgets.admin.expense import ExpenseAdmin
from budgets.admin.expense_policy import ExpensePolicyAdmin
from budgets.admin.ledger_entry import LedgerEntryAdmin
from budgets.admin.payment import ExpensePaymentAdmin
from budgets.admin.receipt import ReceiptAdmin
from budgets.admin.reservation import ReservationAdmin
from budgets.admin.revision import BudgetRevisionAdmin
from budgets.admin.scoped_budget import ScopedBudgetAdmin
from budgets.admin.template import BudgetTemplateAdmin
from budgets.admin.transfer import BudgetTransferAdmin
from budgets.admin.vendor import VendorAdmin

__all__ = [
    "ApprovalRuleAdmin",
    "BudgetCommentAdmin",
    "BudgetDecisionAdmin",
    "BudgetRevisionAdmin",
    "BudgetTemplateAdmin",
    "BudgetTransferAdmin",
    "BudgetWindowAdmin",
    "CategoryAdmin",
    "EventBudgetAdmin",
    "ExchangeRateAdmin",
    "ExpenseAdmin",
    "ExpensePaymentAdmin",
    "ExpensePolicyAdmin",
    "LedgerEntryAdmin",
    "ReceiptAdmin",
    "ReservationAdmin",
    "ScopedBudgetAdmin",
    "VendorAdmin",
    "panels",
]
