from decimal import Decimal
from typing import Any

from django import forms
from django.contrib import admin
from unfold.decorators import display
from unfold.widgets import UnfoldAdminTextareaWidget

from budgets.models import ExpensePolicy
from budgets.services.expense_policy import change_expense_policy
from budgets.services.problems import BudgetProblem
from budgetsite.money.form_fields import AmountFormField
from budgetsite.pages.back_office.amount_widget import AmountWidget
from budgetsite.pages.back_office.model_admin import StaffModelAdmin
from budgetsite.pages.back_office.requests import StaffRequest


class _HostsField(forms.CharField):
    """Hosts, one on each line."""

    widget = UnfoldAdminTextareaWidget

    def prepare_value(self, value: Any) -> Any:
        return "\n".join(value) if isinstance(value, list) else value

    def to_python(self, value: Any) -> Any:
        return [line.strip() for line in (super().to_python(value) or "").splitlines() if line.strip()]

    def has_changed(self, initial: Any, data: Any) -> bool:
        return self.to_python(data) != (initial or [])


class ExpensePolicyForm(forms.ModelForm):
    largest_amount = AmountFormField(
        label="Largest amount",
        minimum=Decimal(1),
        widget=AmountWidget,
        help_text="No expense may be larger, in its own currency.",
    )
    receipt_hosts = _HostsField(
        label="Links as receipts", required=False, help_text="One host on each line, such as drive.example.org."
    )

    class Meta:
        model = ExpensePolicy
        fields = ()

    def _post_clean(self) -> None:
        """The service judges the rest."""


@admin.register(ExpensePolicy)
class ExpensePolicyAdmin(StaffModelAdmin):
    """One for each account; without it the defaults hold."""

    view_action = "expense_policy.view"
    add_action = change_action = "expense_policy.change"
    refusals = (BudgetProblem,)
    actions = ()
    actions_row = ()
    form = ExpensePolicyForm
    list_display = ("named", "largest_amount", "hosts", "clients_add_expenses", "clients_add_payments")
    ordering = ("created_at", "id")
    fields = ("largest_amount", "receipt_hosts", ("clients_add_expenses", "clients_add_payments"))

    def has_add_permission(self, request: StaffRequest, obj: Any = None) -> bool:
        return super().has_add_permission(request, obj) and not ExpensePolicy.objects.exists()

    @display(description="Policy")
    def named(self, policy: ExpensePolicy) -> str:
        return str(policy)

    @display(description="Links as receipts", empty_value="none")
    def hosts(self, policy: ExpensePolicy) -> str | None:
        return ", ".join(policy.receipt_hosts) or None

    def write(self, request: StaffRequest, obj: ExpensePolicy, form: Any, change: bool) -> ExpensePolicy:
        return change_expense_policy(acting_user=request.user, **form.cleaned_data)
