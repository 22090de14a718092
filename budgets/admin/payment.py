from typing import Any

from django.contrib import admin
from django.urls import reverse
from django.utils.html import format_html
from django.utils.safestring import SafeString
from unfold.decorators import display

from budgets.models import ExpensePayment
from budgetsite.pages.back_office.displays import amount_cell, badge, moment
from budgetsite.pages.back_office.model_admin import ReadOnlyAdmin
from budgetsite.pages.back_office.requests import StaffRequest


class PaidFilter(admin.SimpleListFilter):
    title = "state"
    parameter_name = "state"

    def lookups(self, request: StaffRequest, model_admin: Any) -> list[tuple[str, str]]:
        return [("planned", "Planned"), ("paid", "Paid"), ("cancelled", "Taken back")]

    def queryset(self, request: StaffRequest, queryset: Any) -> Any:
        if self.value() == "cancelled":
            return queryset.filter(cancelled_at__isnull=False)
        if self.value() in ("planned", "paid"):
            return queryset.filter(cancelled_at=None, paid_at__isnull=self.value() == "planned")
        return queryset


@admin.register(ExpensePayment)
class ExpensePaymentAdmin(ReadOnlyAdmin):
    """Read here; payments are noted and taken back on the expense's page and in the list of payments."""

    view_action = "expenses.view"
    list_display = ("expense_link", "how_much", "state", "due_date", "paid", "method")
    list_display_links = ("how_much",)
    list_filter = (PaidFilter, "method")
    search_fields = ("expense__description", "expense__vendor__name")
    search_help_text = "Search by expense or vendor"
    ordering = ("-created_at", "-id")
    fields = (
        ("expense_link", "how_much", "state"),
        ("due_date", "paid", "method", "reference"),
        ("recorded_by", "cancelled", "cancel_reason"),
    )

    def get_readonly_fields(self, request: StaffRequest, obj: Any = None) -> list[str]:
        return [name for row in self.fields for name in row]

    def get_queryset(self, request: StaffRequest) -> Any:
        found = super().get_queryset(request).filter(deleted_at=None)
        return found.select_related("expense", "recorded_by", "cancelled_by")

    @display(description="Expense")
    def expense_link(self, payment: ExpensePayment) -> SafeString:
        url = reverse("admin:budgets_expense_change", args=[payment.expense_id])
        return format_html('<a class="text-link" href="{}">{}</a>', url, payment.expense.description)

    @display(description="Amount")
    def how_much(self, payment: ExpensePayment) -> SafeString:
        return amount_cell(payment.amount, payment.expense.currency)

    @display(description="State")
    def state(self, payment: ExpensePayment) -> SafeString:
        if payment.cancelled_at is not None:
            return badge("Taken back", "neutral")
        return badge("Planned", "accent") if payment.paid_at is None else badge("Paid", "good")

    @display(description="Paid", empty_value="not yet")
    def paid(self, payment: ExpensePayment) -> str | None:
        return moment(payment.paid_at) if payment.paid_at else None

    @display(description="Taken back", empty_value="no")
    def cancelled(self, payment: ExpensePayment) -> str | None:
        return f"{payment.cancelled_by}, {moment(payment.cancelled_at)}" if payment.cancelled_at else None
