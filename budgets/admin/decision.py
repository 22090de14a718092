from typing import Any

from django.contrib import admin
from django.urls import reverse
from django.utils.html import format_html
from django.utils.safestring import SafeString
from unfold.decorators import display

from budgets.admin.moves import status_badge
from budgets.models import BudgetDecision, BudgetStatus
from budgetsite.accounts.roles import Role
from budgetsite.pages.back_office.displays import moment_cell
from budgetsite.pages.back_office.model_admin import ReadOnlyAdmin
from budgetsite.pages.back_office.requests import StaffRequest

DECISIONS = {
    "submit": "Submitted",
    "approve": "Approved",
    "reject": "Sent back",
    "activate": "Activated",
    "finalize": "Finalized",
    "archive": "Archived",
    "revise": "Opened for revision",
    "discard": "Revision discarded",
    "fund": "Paid from elsewhere",
}


@admin.register(BudgetDecision)
class BudgetDecisionAdmin(ReadOnlyAdmin):
    view_action = "budgets.view"
    list_display = ("when", "budget_link", "decision", "before", "after", "who", "reason")
    list_display_links = ("when",)
    list_select_related = ("budget__event", "actor")
    list_filter = ("from_status", "to_status")
    ordering = ("-created_at", "-id")
    fields = (("when", "budget_link"), ("decision", "before", "after"), "who", "reason")

    def get_readonly_fields(self, request: StaffRequest, obj: Any = None) -> list[str]:
        return ["when", "budget_link", "decision", "before", "after", "who", "reason"]

    @display(description="When")
    def when(self, decision: BudgetDecision) -> Any:
        return moment_cell(decision.created_at)

    @display(description="Budget")
    def budget_link(self, decision: BudgetDecision) -> SafeString:
        url = reverse("admin:budgets_eventbudget_change", args=[decision.budget_id])
        return format_html('<a class="text-link" href="{}">{}</a>', url, decision.budget.event)

    @display(description="Decision")
    def decision(self, decision: BudgetDecision) -> str:
        return _in_words(decision)

    @display(description="From")
    def before(self, decision: BudgetDecision) -> SafeString:
        return status_badge(decision.from_status)

    @display(description="To")
    def after(self, decision: BudgetDecision) -> SafeString:
        return status_badge(decision.to_status)

    @display(description="By", empty_value="the system")
    def who(self, decision: BudgetDecision) -> Any:
        if decision.actor is None:
            return None
        role = Role(decision.role).label.lower() if decision.role in Role.values else decision.role
        return f"{decision.actor} ({role})"

    def name_of(self, obj: BudgetDecision) -> str:
        return f"{_in_words(obj)}: {obj.budget.event}"


def _in_words(decision: BudgetDecision) -> str:
    """Return what was decided: "Approved", "Approved stage 1" while others followed it."""
    words = DECISIONS.get(decision.action, decision.action)
    is_stage = decision.action == "approve" and (decision.stage > 1 or decision.to_status == BudgetStatus.REVIEW)
    return f"{words} stage {decision.stage}" if is_stage else words
