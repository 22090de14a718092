from typing import Any
from uuid import UUID

from django.contrib import admin
from django.db import models
from django.urls import reverse
from django.utils.html import format_html
from django.utils.safestring import SafeString
from unfold.decorators import display

from budgets.models import LedgerEntry
from budgetsite.pages.back_office.displays import amount_cell, moment, moment_cell
from budgetsite.pages.back_office.model_admin import ReadOnlyAdmin
from budgetsite.pages.back_office.requests import StaffRequest


class BudgetFilter(admin.SimpleListFilter):
    """One budget's ledger, reached from its page; it offers no list of all budgets."""

    title = "budget"
    parameter_name = "budget"

    def lookups(self, request: StaffRequest, model_admin: Any) -> list[tuple[str, str]]:
        asked = request.GET.get("budget")
        return [(asked, "This budget")] if asked else []

    def has_output(self) -> bool:
        return bool(self.lookup_choices)

    def queryset(self, request: StaffRequest, queryset: models.QuerySet[LedgerEntry]) -> Any:
        if self.value() is None:
            return None
        try:
            return queryset.filter(budget_id=UUID(self.value()))
        except ValueError:
            return queryset.none()


@admin.register(LedgerEntry)
class LedgerEntryAdmin(ReadOnlyAdmin):
    view_action = "ledger.view"
    list_display = (
        "entry",
        "when",
        "budget_link",
        "line",
        "what",
        "committed",
        "actual",
        "words",
    )
    list_display_links = ("entry",)
    list_select_related = ("budget__event", "line_item", "actor")
    list_filter = (BudgetFilter, "kind", "source")
    fields = (
        ("entry", "when", "recorded"),
        ("budget_link", "line"),
        ("kind", "source", "source_id"),
        ("committed", "actual"),
        ("who", "description"),
        ("chain_before", "chain"),
    )

    def get_readonly_fields(self, request: StaffRequest, obj: Any = None) -> list[str]:
        return [name for row in self.fields for name in row]

    def get_list_display(self, request: StaffRequest) -> list[str]:
        # One budget's ledger need not name it in each row.
        return [name for name in self.list_display if name != "budget_link" or not request.GET.get("budget")]

    def get_ordering(self, request: StaffRequest) -> tuple[str, ...]:
        # One budget's ledger follows its chain; all of them together follow time.
        return ("-seq",) if request.GET.get("budget") else ("-created_at", "-seq", "-id")

    @display(description="No.")
    def entry(self, entry: LedgerEntry) -> str:
        return str(entry.seq)

    @display(description="When")
    def when(self, entry: LedgerEntry) -> Any:
        return moment_cell(entry.occurred_at)

    @display(description="Recorded")
    def recorded(self, entry: LedgerEntry) -> str:
        return moment(entry.created_at)

    @display(description="Budget")
    def budget_link(self, entry: LedgerEntry) -> SafeString:
        url = reverse("admin:budgets_eventbudget_change", args=[entry.budget_id])
        return format_html('<a class="text-link" href="{}">{}</a>', url, entry.budget.event)

    @display(description="Line", empty_value="the budget itself")
    def line(self, entry: LedgerEntry) -> Any:
        return entry.line_item.name if entry.line_item else None

    @display(description="Committed")
    def committed(self, entry: LedgerEntry) -> SafeString:
        return amount_cell(entry.committed_delta or None, entry.currency)

    @display(description="Actual")
    def actual(self, entry: LedgerEntry) -> SafeString:
        return amount_cell(entry.actual_delta or None, entry.currency)

    @display(description="Kind")
    def what(self, entry: LedgerEntry) -> SafeString:
        kind, source = entry.get_kind_display(), entry.get_source_display()
        return format_html('{}<br><span class="amount__currency">{}</span>', kind, source)

    @display(description="Description")
    def words(self, entry: LedgerEntry) -> SafeString:
        return format_html(
            '<span class="sentence sentence--short">{}{}<span class="amount__currency">by {}</span></span>',
            entry.description,
            SafeString("<br>") if entry.description else "",
            entry.actor or "the system",
        )

    @display(description="By", empty_value="the system")
    def who(self, entry: LedgerEntry) -> Any:
        return entry.actor

    @display(description="Hash")
    def chain(self, entry: LedgerEntry) -> SafeString:
        return format_html('<code class="hash">{}</code>', bytes(entry.hash).hex())

    @display(description="Hash before it")
    def chain_before(self, entry: LedgerEntry) -> SafeString:
        return format_html('<code class="hash">{}</code>', bytes(entry.prev_hash).hex() or "none: the first entry")

    def name_of(self, obj: LedgerEntry) -> str:
        return f"Entry {obj.seq}"
