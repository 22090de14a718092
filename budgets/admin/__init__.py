"""The staff's pages for money: one file per aggregate."""

from budgets.admin import panels
from budgets.admin.approval_rule import ApprovalRuleAdmin
from budgets.admin.category import CategoryAdmin
from budgets.admin.decision import BudgetDecisionAdmin
from budgets.admin.event_budget import EventBudgetAdmin
from budgets.admin.ledger_entry import LedgerEntryAdmin
from budgets.admin.revision import BudgetRevisionAdmin
from budgets.admin.template import BudgetTemplateAdmin
from budgets.admin.transfer import BudgetTransferAdmin

__all__ = [
    "ApprovalRuleAdmin",
    "BudgetDecisionAdmin",
    "BudgetRevisionAdmin",
    "BudgetTemplateAdmin",
    "BudgetTransferAdmin",
    "CategoryAdmin",
    "EventBudgetAdmin",
    "LedgerEntryAdmin",
    "panels",
]
