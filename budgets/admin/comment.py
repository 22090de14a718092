from typing import Any

from django.contrib import admin
from django.urls import reverse
from django.utils.html import format_html
from django.utils.safestring import SafeString
from unfold.decorators import display

from budgets.models import BudgetComment
from budgetsite.pages.back_office.displays import moment_cell
from budgetsite.pages.back_office.model_admin import ReadOnlyAdmin
from budgetsite.pages.back_office.requests import StaffRequest


@admin.register(BudgetComment)
class BudgetCommentAdmin(ReadOnlyAdmin):
    """Read here: who wrote a comment takes it back on its page."""

    view_action = "comments.view"
    list_display = ("when", "author", "about", "said")
    list_display_links = ("when",)
    search_fields = ("text", "budget__event__name")
    search_help_text = "Search by what was said or by the event"
    ordering = ("-created_at", "-id")
    fields = (("when", "author"), "about", "text")

    def get_readonly_fields(self, request: StaffRequest, obj: Any = None) -> list[str]:
        return ["when", "author", "about", "text"]

    def get_queryset(self, request: StaffRequest) -> Any:
        found = super().get_queryset(request).filter(deleted_at=None)
        return found.select_related("author", "budget__event", "expense")

    @display(description="When")
    def when(self, comment: BudgetComment) -> Any:
        return moment_cell(comment.created_at)

    @display(description="About")
    def about(self, comment: BudgetComment) -> SafeString:
        name, pk = ("expense", comment.expense_id) if comment.expense_id else ("eventbudget", comment.budget_id)
        subject = comment.expense.description if comment.expense else comment.budget.event.name
        url = reverse(f"admin:budgets_{name}_change", args=[pk])
        return format_html('<a class="text-link" href="{}">{}</a>', url, subject)

    @display(description="Said")
    def said(self, comment: BudgetComment) -> SafeString:
        return format_html('<span class="sentence sentence--short">{}</span>', comment.text)
