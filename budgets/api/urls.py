from typing import Any

from budgets.api import (  # noqa: F401  (say what the services' refusals mean)
    expense_problems,
    problems,
    scoped_problems,
)
from budgets.api.analytics import AnalyticsViewSet
from budgets.api.api_key import ApiKeyViewSet
from budgets.api.approval_rules import ApprovalRuleViewSet
from budgets.api.category import CategoryViewSet
from budgets.api.comment import BudgetCommentViewSet, ExpenseCommentViewSet
from budgets.api.driver import DriverViewSet
from budgets.api.event_budget import EventBudgetViewSet
from budgets.api.exchange_rate import ExchangeRateViewSet, RateImportViewSet
from budgets.api.expense import ExpenseViewSet
from budgets.api.expense_invoice import ExpenseInvoiceViewSet
from budgets.api.expense_policy import ExpensePolicyViewSet
from budgets.api.exports import PlanExportViewSet
from budgets.api.forecast import ForecastViewSet
from budgets.api.funding import FundingViewSet
from budgets.api.imports import PlanImportViewSet
from budgets.api.last_year import LastYearViewSet
from budgets.api.ledger_entry import HistoryViewSet, LedgerViewSet
from budgets.api.line_item import LineItemViewSet
from budgets.api.payment import PaymentViewSet
from budgets.api.payments_due import PaymentsDueViewSet
from budgets.api.receipt import ReceiptViewSet
from budgets.api.revision import RevisionViewSet
from budgets.api.scoped_budget import ScopedBudgetViewSet
from budgets.api.scoped_check import CheckViewSet
from budgets.api.scoped_places import ScopeViewSet
from budgets.api.scoped_reports import ScopedReportViewSet
from budgets.api.scoped_reservation import ReservationViewSet
from budgets.api.scoped_status import StatusViewSet
from budgets.api.scoped_usage import UsageViewSet
from budgets.api.stages import StageViewSet
from budgets.api.template import TemplateViewSet
from budgets.api.transfer import TransferViewSet
from budgets.api.vendor import VendorViewSet
from budgets.api.what_if import WhatIfViewSet
from budgets.api.workflow import DecisionViewSet, WorkflowViewSet
from budgets.services.workflow import MOVES
from budgetsite.api.routes import api_path

BUDGET = "event-budgets/<uuid:budget_id>"
EXPENSE = "expenses/<uuid:expense_id>"
# What an organization, a team, a person or a project may spend.
SCOPED = "budgets/<uuid:scoped_budget_id>"
SCOPE = "<str:scope_type>/<path:scope_id>"
ONE: dict[str, Any] = {"get": "retrieve", "patch": "partial_update", "delete": "destroy"}
ALL: dict[str, Any] = {"get": "list", "post": "create"}

urlpatterns = [
    *(
        api_path(f"analytics/{name}", AnalyticsViewSet.as_view({"get": name}), name=f"api-analytics-{name}")
        for name in ("overview", "trends", "categories", "payments", "clients", "events", "accuracy", "overspend")
    ),
    api_path(
        "analytics/events/<uuid:event_id>/profit-and-loss",
        AnalyticsViewSet.as_view({"get": "profit_and_loss"}),
        name="api-profit-and-loss",
    ),
    api_path("api-keys", ApiKeyViewSet.as_view(ALL), name="api-keys"),
    api_path(
        "api-keys/<uuid:api_key_id>",
        ApiKeyViewSet.as_view({"get": "retrieve", "patch": "partial_update"}),
        name="api-key",
    ),
    *(
        api_path(f"api-keys/<uuid:api_key_id>/{step}", ApiKeyViewSet.as_view({"post": step}), name=f"api-key-{step}")
        for step in ("rotate", "revoke")
    ),
    api_path("approval-rules", ApprovalRuleViewSet.as_view(ALL), name="api-approval-rules"),
    api_path("approval-rules/<uuid:rule_id>", ApprovalRuleViewSet.as_view(ONE), name="api-approval-rule"),
    api_path("categories", CategoryViewSet.as_view(ALL), name="api-categories"),
    api_path("categories/<uuid:category_id>", CategoryViewSet.as_view(ONE), name="api-category"),
    api_path("budget-templates", TemplateViewSet.as_view(ALL), name="api-budget-templates"),
    api_path("budget-templates/<uuid:template_id>", TemplateViewSet.as_view(ONE), name="api-budget-template"),
    api_path("event-budgets", EventBudgetViewSet.as_view(ALL), name="api-event-budgets"),
    api_path("event-budgets/summary", EventBudgetViewSet.as_view({"get": "summary"}), name="api-event-budgets-summary"),
    api_path("event-budgets/import", PlanImportViewSet.as_view({"post": "create"}), name="api-event-budgets-import"),
    api_path(BUDGET, EventBudgetViewSet.as_view(ONE), name="api-event-budget"),
    api_path(f"{BUDGET}/export", PlanExportViewSet.as_view({"get": "retrieve"}), name="api-event-budget-export"),
    api_path(f"{BUDGET}/line-items", LineItemViewSet.as_view(ALL), name="api-line-items"),
    api_path(f"{BUDGET}/line-items/bulk", LineItemViewSet.as_view({"post": "bulk"}), name="api-line-items-bulk"),
    api_path(
        f"{BUDGET}/line-items/reorder", LineItemViewSet.as_view({"post": "reorder"}), name="api-line-items-reorder"
    ),
    api_path(f"{BUDGET}/line-items/<uuid:line_item_id>", LineItemViewSet.as_view(ONE), name="api-line-item"),
    api_path(f"{BUDGET}/drivers", DriverViewSet.as_view(ALL), name="api-drivers"),
    api_path(f"{BUDGET}/drivers/<uuid:driver_id>", DriverViewSet.as_view(ONE), name="api-driver"),
    *(
        api_path(f"{BUDGET}/{move}", WorkflowViewSet.as_view({"post": move}), name=f"api-event-budget-{move}")
        for move in MOVES
    ),
    api_path(f"{BUDGET}/approvals", DecisionViewSet.as_view({"get": "list"}), name="api-approvals"),
    api_path(f"{BUDGET}/stages", StageViewSet.as_view({"get": "list"}), name="api-stages"),
    api_path(f"{BUDGET}/revisions", RevisionViewSet.as_view({"get": "list"}), name="api-revisions"),
    api_path(
        f"{BUDGET}/revisions/<int:number>",
        RevisionViewSet.as_view({"get": "retrieve", "delete": "destroy"}),
        name="api-revision",
    ),
    api_path(
        f"{BUDGET}/revisions/<int:number>/diff", RevisionViewSet.as_view({"get": "diff"}), name="api-revision-diff"
    ),
    api_path(f"{BUDGET}/transfers", TransferViewSet.as_view(ALL), name="api-transfers"),
    api_path(
        f"{BUDGET}/transfers/<uuid:transfer_id>", TransferViewSet.as_view({"get": "retrieve"}), name="api-transfer"
    ),
    *(
        api_path(
            f"{BUDGET}/transfers/<uuid:transfer_id>/{step}",
            TransferViewSet.as_view({"post": step}),
            name=f"api-transfer-{step}",
        )
        for step in ("approve", "reject", "reverse")
    ),
    api_path(f"{BUDGET}/comments", BudgetCommentViewSet.as_view(ALL), name="api-budget-comments"),
    api_path(
        f"{BUDGET}/comments/<uuid:comment_id>",
        BudgetCommentViewSet.as_view({"delete": "destroy"}),
        name="api-budget-comment",
    ),
    api_path("expenses", ExpenseViewSet.as_view(ALL), name="api-expenses"),
    api_path("expenses/bulk", ExpenseViewSet.as_view({"post": "bulk"}), name="api-expenses-bulk"),
    api_path(EXPENSE, ExpenseViewSet.as_view({**ONE, "put": "update"}), name="api-expense"),
    *(
        api_path(f"{EXPENSE}/{step}", ExpenseViewSet.as_view({"post": step}), name=f"api-expense-{step}")
        for step in ("approve", "reject", "commit", "invoice", "cancel")
    ),
    api_path(f"{EXPENSE}/invoices", ExpenseInvoiceViewSet.as_view({"get": "list"}), name="api-expense-invoices"),
    api_path(f"{EXPENSE}/payments", PaymentViewSet.as_view(ALL), name="api-expense-payments"),
    api_path(f"{EXPENSE}/payments/<uuid:payment_id>", PaymentViewSet.as_view(ONE), name="api-expense-payment"),
    api_path(f"{EXPENSE}/receipts", ReceiptViewSet.as_view(ALL), name="api-receipts"),
    api_path(
        f"{EXPENSE}/receipts/<uuid:receipt_id>",
        ReceiptViewSet.as_view({"get": "retrieve", "delete": "destroy"}),
        name="api-receipt",
    ),
    api_path("payments", PaymentsDueViewSet.as_view({"get": "list"}), name="api-payments"),
    api_path(f"{EXPENSE}/comments", ExpenseCommentViewSet.as_view(ALL), name="api-expense-comments"),
    api_path(
        f"{EXPENSE}/comments/<uuid:comment_id>",
        ExpenseCommentViewSet.as_view({"delete": "destroy"}),
        name="api-expense-comment",
    ),
    api_path("vendors", VendorViewSet.as_view(ALL), name="api-vendors"),
    api_path("vendors/<uuid:vendor_id>", VendorViewSet.as_view(ONE), name="api-vendor"),
    api_path("exchange-rates", ExchangeRateViewSet.as_view(ALL), name="api-exchange-rates"),
    api_path("exchange-rates/import", RateImportViewSet.as_view({"post": "create"}), name="api-exchange-rates-import"),
    api_path("exchange-rates/<uuid:exchange_rate_id>", ExchangeRateViewSet.as_view(ONE), name="api-exchange-rate"),
    api_path(
        "expense-policy",
        ExpensePolicyViewSet.as_view({"get": "retrieve", "patch": "partial_update"}),
        name="api-expense-policy",
    ),
    api_path(
        f"{BUDGET}/funding",
        FundingViewSet.as_view({"get": "retrieve", "post": "create"}),
        name="api-event-budget-funding",
    ),
    api_path(f"{BUDGET}/last-year", LastYearViewSet.as_view({"get": "retrieve"}), name="api-last-year"),
    api_path(f"{BUDGET}/ledger", LedgerViewSet.as_view({"get": "list"}), name="api-ledger"),
    api_path(f"{BUDGET}/history", HistoryViewSet.as_view({"get": "list"}), name="api-history"),
    api_path("budgets", ScopedBudgetViewSet.as_view(ALL), name="api-scoped-budgets"),
    api_path("budgets/check-constraints", CheckViewSet.as_view({"post": "scopes"}), name="api-scopes-check"),
    api_path(f"budgets/scope/{SCOPE}", ScopeViewSet.as_view({"get": "list"}), name="api-scope-budgets"),
    api_path(f"budgets/hierarchy/{SCOPE}", ScopeViewSet.as_view({"get": "hierarchy"}), name="api-scope-hierarchy"),
    api_path(SCOPED, ScopedBudgetViewSet.as_view({**ONE, "put": "update"}), name="api-scoped-budget"),
    api_path(f"{SCOPED}/restore", ScopedBudgetViewSet.as_view({"post": "restore"}), name="api-scoped-budget-restore"),
    api_path(f"{SCOPED}/status", StatusViewSet.as_view({"get": "retrieve"}), name="api-scoped-status"),
    api_path(f"{SCOPED}/refresh-cache", StatusViewSet.as_view({"post": "refresh"}), name="api-scoped-refresh"),
    api_path(f"{SCOPED}/windows", StatusViewSet.as_view({"get": "windows"}), name="api-scoped-windows"),
    api_path(f"{SCOPED}/check-constraints", CheckViewSet.as_view({"post": "one"}), name="api-scoped-check"),
    api_path(f"{SCOPED}/what-if", WhatIfViewSet.as_view({"get": "retrieve"}), name="api-what-if"),
    api_path(f"{SCOPED}/usage", UsageViewSet.as_view(ALL), name="api-usage"),
    api_path(f"{SCOPED}/usage/summary", UsageViewSet.as_view({"get": "summary"}), name="api-usage-summary"),
    api_path(f"{SCOPED}/usage/<uuid:usage_id>", UsageViewSet.as_view({"get": "retrieve"}), name="api-usage-entry"),
    api_path(
        f"{SCOPED}/usage/<uuid:usage_id>/reverse", UsageViewSet.as_view({"post": "reverse"}), name="api-usage-reverse"
    ),
    api_path(f"{SCOPED}/reports", ScopedReportViewSet.as_view({"get": "retrieve"}), name="api-scoped-reports"),
    api_path(f"{SCOPED}/forecast", ForecastViewSet.as_view({"get": "retrieve"}), name="api-forecast"),
    api_path(f"{SCOPED}/reservations", ReservationViewSet.as_view(ALL), name="api-reservations"),
    api_path(
        f"{SCOPED}/reservations/<uuid:reservation_id>",
        ReservationViewSet.as_view({"get": "retrieve"}),
        name="api-reservation",
    ),
    *(
        api_path(
            f"{SCOPED}/reservations/<uuid:reservation_id>/{step}",
            ReservationViewSet.as_view({"post": step}),
            name=f"api-reservation-{step}",
        )
        for step in ("settle", "release")
    ),
]
