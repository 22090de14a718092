"""The periods of company budgets with their figures, as they are kept; read here, counted by every entry."""

from typing import Any

from django.contrib import admin
from django.db.models import Count, Exists, OuterRef, QuerySet, Subquery, Sum
from django.urls import reverse
from django.utils.html import format_html
from django.utils.safestring import SafeString
from unfold.decorators import display

from budgets.admin.filters import OneBudgetFilter
from budgets.models import BudgetWindow
from budgets.services.windows import window_at
from budgets.views.scoped_words import window_in_words
from budgetsite.pages.back_office.displays import amount_cell, moment
from budgetsite.pages.back_office.model_admin import ReadOnlyAdmin
from budgetsite.pages.back_office.requests import StaffRequest

_SUMMED = ("actual_amount", "committed_amount", "reserved_amount", "entries_count")


@admin.register(BudgetWindow)
class BudgetWindowAdmin(ReadOnlyAdmin):
    """One row for each period: what strangers' connections have counted apart is summed up."""

    view_action = "scoped_budgets.view"
    list_display = ("period", "budget_link", "spent", "promised", "reserved", "entries")
    list_display_links = ("period",)
    list_filter = (OneBudgetFilter,)
    search_fields = ("budget__name",)
    search_help_text = "Search by the budget's name"
    ordering = ("-window_start", "budget__name", "id")
    fields = (("period", "budget_link"), ("begins", "ends"), ("spent", "promised", "reserved"), ("entries", "kept_in"))

    def get_readonly_fields(self, request: StaffRequest, obj: Any = None) -> list[str]:
        return [name for row in self.fields for name in row]

    def get_queryset(self, request: StaffRequest) -> QuerySet[Any]:
        """Each period by the first of its rows, with the sums of all of them."""
        same = BudgetWindow.objects.filter(
            budget_id=OuterRef("budget_id"), window_start=OuterRef("window_start"), deleted_at=None
        ).order_by()
        sums = {
            f"whole_{name}": Subquery(same.values("window_start").annotate(whole=Sum(name)).values("whole"))
            for name in _SUMMED
        }
        rows = super().get_queryset(request).filter(deleted_at=None).select_related("budget")
        first = rows.filter(~Exists(same.filter(shard__lt=OuterRef("shard"))))
        rows_of_it = Subquery(same.values("window_start").annotate(whole=Count("pk")).values("whole"))
        return first.annotate(**sums, shards=rows_of_it)

    @display(description="Period")
    def period(self, window: BudgetWindow) -> str:
        return window_in_words(window_at(window.budget, window.window_start))

    @display(description="Budget")
    def budget_link(self, window: BudgetWindow) -> SafeString:
        url = reverse("admin:budgets_scopedbudget_change", args=[window.budget_id])
        return format_html('<a class="text-link" href="{}">{}</a>', url, window.budget)

    @display(description="Begins")
    def begins(self, window: BudgetWindow) -> str:
        return moment(window.window_start, window.budget.timezone)

    @display(description="Ends before")
    def ends(self, window: BudgetWindow) -> str:
        return moment(window.window_end, window.budget.timezone)

    @display(description="Spent")
    def spent(self, window: Any) -> SafeString:
        return _amount(window, "actual_amount")

    @display(description="Promised")
    def promised(self, window: Any) -> SafeString:
        return _amount(window, "committed_amount")

    @display(description="Reserved")
    def reserved(self, window: Any) -> SafeString:
        return _amount(window, "reserved_amount")

    @display(description="Entries")
    def entries(self, window: Any) -> int:
        return int(window.whole_entries_count)

    @display(description="Kept in")
    def kept_in(self, window: Any) -> str:
        return "one row" if window.shards == 1 else f"{window.shards} rows, so that strangers do not queue for it"

    def name_of(self, obj: BudgetWindow) -> str:
        return f"{obj.budget}: {self.period(obj)}"


def _amount(window: Any, name: str) -> SafeString:
    return amount_cell(getattr(window, f"whole_{name}"), window.budget.currency)
