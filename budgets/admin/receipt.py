from typing import Any

from django.contrib import admin
from django.template.defaultfilters import filesizeformat
from django.urls import reverse
from django.utils.html import format_html
from django.utils.safestring import SafeString
from unfold.decorators import display

from budgets.models import Receipt
from budgets.services.problems import BudgetProblem
from budgets.services.receipt import delete_receipt, restore_receipt
from budgetsite.pages.back_office.displays import moment_cell
from budgetsite.pages.back_office.filters import DeletedFilter
from budgetsite.pages.back_office.model_admin import StaffModelAdmin
from budgetsite.pages.back_office.requests import StaffRequest


@admin.register(Receipt)
class ReceiptAdmin(StaffModelAdmin):
    """Receipts are sent on the expense's page, where their content is looked at; here they are found and restored."""

    view_action = "expenses.view"
    delete_action = restore_action = "expenses.change"
    refusals = (BudgetProblem,)
    list_display = ("name", "expense_link", "content_type", "how_large", "uploaded_by", "when")
    list_filter = ("content_type", DeletedFilter)
    search_fields = ("name", "expense__description")
    search_help_text = "Search by name or expense"
    ordering = ("-created_at", "-id")
    fields = (("name", "open_file"), ("expense_link", "content_type", "how_large"), ("uploaded_by", "when"), "sha256")

    def get_readonly_fields(self, request: StaffRequest, obj: Any = None) -> list[str]:
        return [name for row in self.fields for name in (row if isinstance(row, tuple) else (row,))]

    def get_queryset(self, request: StaffRequest) -> Any:
        return super().get_queryset(request).select_related("expense", "uploaded_by")

    @display(description="Sent")
    def when(self, receipt: Receipt) -> Any:
        return moment_cell(receipt.created_at)

    @display(description="Expense")
    def expense_link(self, receipt: Receipt) -> SafeString:
        url = reverse("admin:budgets_expense_change", args=[receipt.expense_id])
        return format_html('<a class="text-link" href="{}">{}</a>', url, receipt.expense.description)

    @display(description="Size", empty_value="–")
    def how_large(self, receipt: Receipt) -> str | None:
        return filesizeformat(receipt.size) if receipt.size else None

    @display(description="File")
    def open_file(self, receipt: Receipt) -> SafeString:
        url = reverse("budgets:receipt", args=[receipt.expense_id, receipt.pk])
        return format_html('<a class="text-link" href="{}">Open it</a>', url)

    def remove(self, request: StaffRequest, obj: Receipt) -> None:
        delete_receipt(
            expense_id=obj.expense_id,
            receipt_id=obj.pk,
            acting_user=request.user,
            acting_role=request.role,
            now=self.now(),
        )

    def bring_back(self, request: StaffRequest, obj: Receipt) -> None:
        restore_receipt(
            expense_id=obj.expense_id, receipt_id=obj.pk, acting_user=request.user, acting_role=request.role
        )
