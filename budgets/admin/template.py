"""Templates of plans with their lines: read and checked here, written by the template's service in one call."""

from decimal import Decimal
from typing import Any

from django import forms
from django.contrib import admin
from django.db import models
from django.http import HttpResponse
from django.shortcuts import redirect
from django.utils.dateparse import parse_datetime
from unfold.decorators import display
from unfold.widgets import UnfoldAdminSelectWidget, UnfoldAdminTextareaWidget

from budgets.admin.line_item import CategoryChoice
from budgets.forms.template import value_as_typed
from budgets.models import BudgetTemplate, Category, TemplateLine
from budgets.selectors.templates import templates_by_name
from budgets.services.problems import BudgetProblem
from budgets.services.template import (
    CurrencyNeeded,
    TemplateExists,
    TemplateLineRefused,
    create_template,
    delete_template,
    restore_template,
    update_template,
)
from budgetsite.money.allocation import share_in_words
from budgetsite.money.currencies import currency_choices
from budgetsite.money.form_fields import AmountFormField
from budgetsite.pages.back_office.amount_widget import AmountWidget
from budgetsite.pages.back_office.filters import DeletedFilter
from budgetsite.pages.back_office.model_admin import RoleInline, StaffModelAdmin
from budgetsite.pages.back_office.refusals import ChangeRefused, listening_form, refused
from budgetsite.pages.back_office.requests import StaffRequest


class TemplateForm(forms.ModelForm):
    """The template's head. When it was read travels along, so that nobody overwrites what they have not seen."""

    currency = forms.ChoiceField(
        choices=lambda: [("", "None: shares alone"), *currency_choices()],
        required=False,
        widget=UnfoldAdminSelectWidget,
        label="Currency",
        help_text="Of its amounts. Shares of the total need none, and suit an event in any currency.",
    )
    read_at = forms.CharField(widget=forms.HiddenInput, required=False)

    class Meta:
        model = BudgetTemplate
        # The admin names the fields, at request time: choices of rows can be read inside an account alone.
        fields = ()
        widgets = {"description": UnfoldAdminTextareaWidget({"rows": 3})}

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if not self.instance._state.adding:
            self.initial["read_at"] = self.instance.updated_at.isoformat()

    def _post_clean(self) -> None:
        """The service judges the rest."""


class TemplateLineForm(forms.ModelForm):
    class Meta:
        model = TemplateLine
        fields = ()

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        line, template = self.instance, getattr(self, "template", None)
        if not line._state.adding and template is not None:
            self.initial["value"] = value_as_typed(line.basis, line.value, template.currency)

    def _post_clean(self) -> None:
        """The service judges the rest."""


class TemplateLineFormSet(forms.BaseInlineFormSet):
    def validate_unique(self) -> None:
        """Lines may carry the same name."""


class TemplateLineInline(RoleInline):
    model = TemplateLine
    form = TemplateLineForm
    formset = TemplateLineFormSet
    view_action = "templates.view"
    add_action = change_action = delete_action = "templates.change"
    fields = ("kind", "category", "section", "name", "basis", "value", "sort_order")
    ordering = ("sort_order", "id")
    ordering_field = "sort_order"
    hide_ordering_field = True
    verbose_name = "line"
    verbose_name_plural = "lines"

    def get_queryset(self, request: StaffRequest) -> models.QuerySet[TemplateLine]:
        found: models.QuerySet[TemplateLine] = super().get_queryset(request)
        return found.select_related("category").order_by("sort_order", "id")

    def get_formset(self, request: StaffRequest, obj: BudgetTemplate | None = None, **kwargs: Any) -> Any:
        form = type("TemplateLineForm", (TemplateLineForm,), {"template": obj})
        kwargs["form"] = listening_form(form, getattr(request, "refusal", None))
        return super().get_formset(request, obj, **kwargs)

    def formfield_for_dbfield(self, db_field: Any, request: StaffRequest, **kwargs: Any) -> Any:
        if db_field.name == "value":
            return AmountFormField(
                label="How much", minimum=Decimal(0), widget=AmountWidget, help_text="An amount, a %, or per guest."
            )
        if db_field.name == "category":
            return CategoryChoice(_categories(request), label="Category")
        if db_field.name == "sort_order":
            return forms.IntegerField(required=False, widget=forms.HiddenInput)
        return super().formfield_for_dbfield(db_field, request, **kwargs)


@admin.register(BudgetTemplate)
class BudgetTemplateAdmin(StaffModelAdmin):
    view_action = "templates.view"
    add_action = change_action = delete_action = restore_action = "templates.change"
    refusals = (BudgetProblem,)

    form = TemplateForm
    inlines = (TemplateLineInline,)
    list_display = ("name", "lines", "shares", "in_currency", "created_by")
    list_filter = (DeletedFilter,)
    search_fields = ("name",)
    ordering = ("name", "id")

    def get_queryset(self, request: StaffRequest) -> models.QuerySet[BudgetTemplate]:
        return templates_by_name()

    @display(description="Lines")
    def lines(self, template: Any) -> int:
        count: int = template.line_count
        return count

    @display(description="Shares", empty_value="–")
    def shares(self, template: Any) -> str | None:
        return share_in_words(template.shares) if template.share_count else None

    @display(description="Currency")
    def in_currency(self, template: BudgetTemplate) -> str:
        return template.currency or "any"

    def get_fields(self, request: StaffRequest, obj: BudgetTemplate | None = None) -> tuple[str, ...]:
        carried = ("read_at",) if obj is not None and self.has_change_permission(request, obj) else ()
        return ("name", "description", "currency", *carried)

    def get_inlines(self, request: StaffRequest, obj: BudgetTemplate | None) -> Any:
        return self.inlines if obj is not None else ()

    def get_changeform_initial_data(self, request: StaffRequest) -> dict[str, Any]:
        return {"currency": request.account.currency}

    def response_post_save_add(self, request: StaffRequest, obj: BudgetTemplate) -> HttpResponse:
        # A new template wants lines next.
        return redirect(self.url_of(obj))

    def write(self, request: StaffRequest, obj: BudgetTemplate, form: Any, change: bool) -> BudgetTemplate:
        if change:
            # `save_related` writes head and lines together.
            return obj
        return create_template(acting_user=request.user, **_head(form))

    def save_related(self, request: StaffRequest, form: Any, formsets: Any, change: bool) -> None:
        if not change:
            return
        rows = [row for formset in formsets for row in _rows(formset)]
        try:
            update_template(
                template_id=form.instance.pk,
                acting_user=request.user,
                now=self.now(),
                lines=[_line_fields(row) for row in rows],
                read_at=parse_datetime(form.cleaned_data["read_at"]),
                **_head(form),
            )
        except TemplateLineRefused as problem:
            raise refused(problem, field=problem.field, prefix=rows[problem.position].prefix) from problem
        except self._refusals as problem:
            raise self.refusal_of(problem) from problem

    def refusal_of(self, problem: Exception) -> ChangeRefused:
        if isinstance(problem, TemplateExists):
            return refused(problem, field="name")
        return refused(problem, field="currency" if isinstance(problem, CurrencyNeeded) else None)

    def remove(self, request: StaffRequest, obj: BudgetTemplate) -> None:
        delete_template(template_id=obj.pk, acting_user=request.user, now=self.now())

    def bring_back(self, request: StaffRequest, obj: BudgetTemplate) -> None:
        restore_template(template=obj, acting_user=request.user)

    def deletion_consequences(self, request: StaffRequest, obj: BudgetTemplate) -> list[str]:
        return [
            "Its lines go along, and it can no longer be chosen.",
            "Budgets that were opened with it stay as they are.",
            *super().deletion_consequences(request, obj),
        ]


def _head(form: Any) -> dict[str, Any]:
    return {name: form.cleaned_data[name] for name in ("name", "description", "currency")}


def _rows(formset: Any) -> list[Any]:
    """Return the rows that the template is to have, in the order of the page: stored ones and those filled in."""
    gone = set(formset.deleted_forms)
    kept = [row for row in formset.forms if row not in gone and (row.has_changed() or not row.instance._state.adding)]
    last = len(kept)
    # New rows have no place yet: they come last.
    return sorted(kept, key=lambda row: (_place(row, last), formset.forms.index(row)))


def _place(row: Any, last: int) -> tuple[bool, int]:
    place = row.cleaned_data.get("sort_order")
    is_new = row.instance._state.adding and not place
    return is_new, last if place is None else place


def _line_fields(row: Any) -> dict[str, Any]:
    names = ("kind", "category", "section", "name", "basis", "value")
    fields = {name: row.cleaned_data[name] for name in names}
    return fields if row.instance._state.adding else {"id": row.instance.pk, **fields}


def _categories(request: StaffRequest) -> list[Category]:
    """The account's categories, read once for each request."""
    if not hasattr(request, "line_categories"):
        request.line_categories = list(Category.objects.order_by("sort_order", "name", "id"))
    found: list[Category] = request.line_categories
    return found
