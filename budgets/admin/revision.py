"""Approved plans for the staff: what was approved, when and by whom, and the way to the plans side by side."""

from typing import Any

from django.contrib import admin
from django.db.models import QuerySet
from django.urls import reverse
from django.utils.html import format_html
from django.utils.safestring import SafeString
from unfold.decorators import display

from budgets.models import BudgetRevision
from budgets.services.revision import number_in_force
from budgetsite.pages.back_office.displays import amount_cell, badge, moment_cell
from budgetsite.pages.back_office.model_admin import ReadOnlyAdmin
from budgetsite.pages.back_office.requests import StaffRequest


@admin.register(BudgetRevision)
class BudgetRevisionAdmin(ReadOnlyAdmin):
    view_action = "budgets.view"
    list_display = ("when", "budget_link", "revision", "state", "total", "who", "why", "comparison")
    list_display_links = ("when",)
    list_select_related = ("budget__event", "approved_by", "submitted_by")
    search_fields = ("budget__event__name",)
    search_help_text = "Search by the event's name"
    ordering = ("-approved_at", "-id")
    fields = (
        ("when", "budget_link"),
        ("revision", "state"),
        ("total", "income"),
        ("submitter", "who"),
        "why",
        ("plan", "comparison"),
    )

    def get_readonly_fields(self, request: StaffRequest, obj: Any = None) -> list[str]:
        return [
            "when",
            "budget_link",
            "revision",
            "state",
            "total",
            "income",
            "submitter",
            "who",
            "why",
            "plan",
            "comparison",
        ]

    def get_queryset(self, request: StaffRequest) -> QuerySet[Any]:
        found: QuerySet[Any] = super().get_queryset(request).select_related(*self.list_select_related)
        return found.filter(budget__deleted_at=None)

    @display(description="Approved")
    def when(self, revision: BudgetRevision) -> Any:
        return moment_cell(revision.approved_at)

    @display(description="Budget")
    def budget_link(self, revision: BudgetRevision) -> SafeString:
        url = reverse("admin:budgets_eventbudget_change", args=[revision.budget_id])
        return format_html('<a class="text-link" href="{}">{}</a>', url, revision.budget.event)

    @display(description="Revision")
    def revision(self, revision: BudgetRevision) -> int:
        return revision.number

    @display(description="State")
    def state(self, revision: BudgetRevision) -> SafeString:
        if revision.number == number_in_force(revision.budget):
            return badge("In force", "good")
        return badge("Superseded", "neutral")

    @display(description="Total")
    def total(self, revision: BudgetRevision) -> SafeString:
        return amount_cell(revision.total_budget_amount, revision.currency)

    @display(description="Income expected")
    def income(self, revision: BudgetRevision) -> SafeString:
        return amount_cell(revision.projected_income_amount, revision.currency)

    @display(description="Submitted by", empty_value="the system")
    def submitter(self, revision: BudgetRevision) -> Any:
        return revision.submitted_by

    @display(description="Approved by", empty_value="the system")
    def who(self, revision: BudgetRevision) -> Any:
        return revision.approved_by

    @display(description="Why it was revised", empty_value="the first plan")
    def why(self, revision: BudgetRevision) -> Any:
        if not revision.reason:
            return None
        return format_html('<span class="sentence sentence--short">{}</span>', revision.reason)

    @display(description="Plan")
    def plan(self, revision: BudgetRevision) -> SafeString:
        url = reverse("budgets:revision", args=[revision.budget_id, revision.number])
        return format_html('<a class="text-link" href="{}">Its lines</a>', url)

    @display(description="Compared", empty_value="nothing before it")
    def comparison(self, revision: BudgetRevision) -> Any:
        if revision.number == 1:
            return None
        url = reverse("budgets:revision_diff", args=[revision.budget_id])
        return format_html('<a class="text-link" href="{}?revision={}">What it changed</a>', url, revision.number)

    def name_of(self, obj: BudgetRevision) -> str:
        return f"Revision {obj.number}: {obj.budget.event}"
