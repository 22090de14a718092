"""The lines of a budget, edited in its page. Reads and checks only: `save_plan` writes."""

from decimal import Decimal
from typing import Any

from django import forms
from django.db import models
from django.utils.safestring import SafeString
from unfold.decorators import display
from unfold.forms import PaginationInlineFormSet
from unfold.widgets import UnfoldAdminSelectWidget

from budgets.models import PLANNING_STATUSES, BudgetLineItem, Category, EventBudget
from budgetsite.money.amounts import amount_to_json
from budgetsite.money.form_fields import AmountFormField
from budgetsite.money.model_fields import AmountField
from budgetsite.pages.back_office.amount_widget import AmountWidget
from budgetsite.pages.back_office.displays import figure_cell
from budgetsite.pages.back_office.model_admin import RoleInline
from budgetsite.pages.back_office.refusals import listening_form
from budgetsite.pages.back_office.requests import StaffRequest

LINES_PER_PAGE = 50
PLAN_COLUMNS = ("category", "section", "name", "budgeted_amount", "sort_order")


class CategoryChoice(forms.TypedChoiceField):
    """A choice of the account's categories that were read once for all lines of the page."""

    def __init__(self, categories: list[Category], **kwargs: Any) -> None:
        by_id = {str(category.pk): category for category in categories}
        super().__init__(
            choices=[("", "Choose a category"), *((pk, category.name) for pk, category in by_id.items())],
            coerce=lambda pk: by_id[pk],
            empty_value=None,
            widget=UnfoldAdminSelectWidget,
            **kwargs,
        )

    def has_changed(self, initial: Any, data: Any) -> bool:
        return str(initial or "") != str(data or "")


class LineForm(forms.ModelForm):
    """A line as it was read and as it is wanted. What was read travels along, so that only real changes are written."""

    class Meta:
        model = BudgetLineItem
        # The admin names the fields, at request time: choices of rows can be read inside an account alone.
        fields = ()

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        budget = getattr(self, "budget", None)
        for field in self.fields.values():
            field.show_hidden_initial = True
            if isinstance(field, AmountFormField) and budget is not None:
                field.currency = budget.currency

    def clean(self) -> dict[str, Any]:
        cleaned = super().clean() or self.cleaned_data
        if "actual_amount" in self.changed_data and self.instance.pk and not self.instance._state.adding:
            self._refuse_overwriting_actual()
        return cleaned

    def _refuse_overwriting_actual(self) -> None:
        """Spending does not change the version: what was read is compared with what is there."""
        read = self["actual_amount"].initial
        field = self.fields["actual_amount"]
        hidden = self.data.get(self.add_initial_prefix("actual_amount"))
        read = field.to_python(hidden) if hidden is not None else read
        now = self.instance.as_read("actual_amount")
        if read is not None and read != now:
            currency = self.instance.currency
            self.add_error(
                "actual_amount",
                f"It was {amount_to_json(read, currency)} when you opened this page and is "
                f"{amount_to_json(now, currency)} now. Look again, then say what it should be.",
            )


class LineFormSet(PaginationInlineFormSet):
    """A page of a budget's lines."""

    # Categories, deleted lines and sums are for the services to judge.
    def _should_delete_form(self, form: forms.ModelForm) -> bool:
        return bool(super()._should_delete_form(form))

    def validate_unique(self) -> None:
        """Lines may carry the same name."""


class BudgetLineInline(RoleInline):
    model = BudgetLineItem
    form = LineForm
    formset = LineFormSet
    view_action = "budgets.view"
    add_action = change_action = delete_action = "budgets.change"
    readonly_fields = ("kind_name", "category_name", "planned", "spent", "committed", "variance")
    ordering = ("sort_order", "id")
    ordering_field: str | None = "sort_order"
    hide_ordering_field = True
    per_page = LINES_PER_PAGE
    verbose_name = "line"
    verbose_name_plural = "lines"

    def get_queryset(self, request: StaffRequest) -> models.QuerySet[BudgetLineItem]:
        return super().get_queryset(request).select_related("category").order_by("sort_order", "id")

    def has_add_permission(self, request: StaffRequest, obj: EventBudget | None = None) -> bool:
        return _is_planning(obj) and super().has_add_permission(request, obj)

    def has_change_permission(self, request: StaffRequest, obj: EventBudget | None = None) -> bool:
        return obj is not None and not obj.is_locked and super().has_change_permission(request, obj)

    def has_delete_permission(self, request: StaffRequest, obj: EventBudget | None = None) -> bool:
        return _is_planning(obj) and super().has_delete_permission(request, obj)

    def get_readonly_fields(self, request: StaffRequest, obj: EventBudget | None = None) -> tuple[str, ...]:
        fixed = () if _is_planning(obj) else ("section", "name")
        return (*self.readonly_fields, *fixed)

    def get_fields(self, request: StaffRequest, obj: EventBudget | None = None) -> tuple[str, ...]:
        """Show what may be changed as fields, the rest as text in the budget's currency."""
        if not self.has_change_permission(request, obj):
            self.ordering_field = None
            return ("kind_name", "category_name", "section", "name", "planned", "committed", "spent", "variance")
        if not _is_planning(obj):
            # Only the plan has an order to change; each request has an inline of its own.
            self.ordering_field = None
            return (
                "kind_name",
                "category_name",
                "section",
                "name",
                "planned",
                "committed",
                "actual_amount",
                "variance",
            )
        return ("kind_name", *PLAN_COLUMNS[:4], "committed", "actual_amount", "variance", "sort_order")

    def get_formset(self, request: StaffRequest, obj: EventBudget | None = None, **kwargs: Any) -> Any:
        if obj is not None:
            # Once for all amounts; each request has an inline of its own.
            self.verbose_name_plural = f"lines, amounts in {obj.currency}"
        kwargs["form"] = listening_form(
            type("BudgetLineForm", (LineForm,), {"budget": obj}), getattr(request, "refusal", None)
        )
        return super().get_formset(request, obj, **kwargs)

    def formfield_for_dbfield(self, db_field: Any, request: StaffRequest, **kwargs: Any) -> Any:
        if isinstance(db_field, AmountField):
            return AmountFormField(
                label=db_field.verbose_name.capitalize(),
                required=False,
                widget=AmountWidget,
                minimum=Decimal(0) if db_field.name == "budgeted_amount" else None,
            )
        if db_field.name == "category":
            return CategoryChoice(_categories(request), label="Category")
        if db_field.name == "sort_order":
            return forms.IntegerField(required=False, widget=forms.HiddenInput)
        return super().formfield_for_dbfield(db_field, request, **kwargs)

    @display(description="Kind")
    def kind_name(self, line: BudgetLineItem) -> str:
        return line.get_kind_display()

    @display(description="Category")
    def category_name(self, line: BudgetLineItem) -> str:
        return line.category.name

    @display(description="Budgeted")
    def planned(self, line: BudgetLineItem) -> SafeString:
        return figure_cell(line.budgeted_amount, line.currency)

    @display(description="Actual")
    def spent(self, line: BudgetLineItem) -> SafeString:
        return figure_cell(line.actual_amount, line.currency, critical=line.actual_amount > line.budgeted_amount)

    @display(description="Committed")
    def committed(self, line: BudgetLineItem) -> SafeString:
        return figure_cell(line.committed_amount, line.currency) if line.currency else SafeString("")

    @display(description="Variance")
    def variance(self, line: BudgetLineItem) -> SafeString:
        if not line.currency:
            return SafeString("")
        return figure_cell(line.variance_amount, line.currency, critical=line.variance_amount < 0)


def _is_planning(budget: EventBudget | None) -> bool:
    return budget is not None and budget.status in PLANNING_STATUSES


def _categories(request: StaffRequest) -> list[Category]:
    """The account's categories, read once for each request."""
    if not hasattr(request, "line_categories"):
        request.line_categories = list(Category.objects.order_by("sort_order", "name", "id"))
    found: list[Category] = request.line_categories
    return found
