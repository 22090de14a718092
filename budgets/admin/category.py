from typing import Any

from django.contrib import admin
from unfold.decorators import display

from budgets.models import BudgetLineItem, Category, TemplateLine
from budgets.services.categories import create_category, delete_category, restore_category, update_category
from budgets.services.problems import BudgetProblem
from budgetsite.pages.back_office.displays import percentage_cell
from budgetsite.pages.back_office.filters import DeletedFilter
from budgetsite.pages.back_office.model_admin import StaffModelAdmin
from budgetsite.pages.back_office.refusals import ChangeRefused, refused
from budgetsite.pages.back_office.requests import StaffRequest


@admin.register(Category)
class CategoryAdmin(StaffModelAdmin):
    view_action = "categories.view"
    add_action = change_action = delete_action = restore_action = "categories.change"
    refusals = (BudgetProblem,)

    list_display = ("name", "for_events", "for_weddings", "benchmark", "sort_order")
    list_filter = ("for_events", "for_weddings", DeletedFilter)
    search_fields = ("name",)
    ordering = ("sort_order", "name", "id")
    fields = ("name", ("for_events", "for_weddings"), "benchmark_share", "sort_order")

    @display(description="Typical share", ordering="benchmark_share")
    def benchmark(self, category: Category) -> Any:
        return percentage_cell(category.benchmark_share)

    def write(self, request: StaffRequest, obj: Category, form: Any, change: bool) -> Category:
        if not change:
            return create_category(acting_user=request.user, **form.cleaned_data)
        stored = Category.objects.get(pk=obj.pk)
        changes = {name: form.cleaned_data[name] for name in form.changed_data}
        return update_category(category=stored, acting_user=request.user, **changes)

    def refusal_of(self, problem: Exception) -> ChangeRefused:
        return refused(problem, field="name")

    def remove(self, request: StaffRequest, obj: Category) -> None:
        delete_category(category=obj, acting_user=request.user, now=self.now())

    def bring_back(self, request: StaffRequest, obj: Category) -> None:
        restore_category(category=obj, acting_user=request.user)

    def deletion_consequences(self, request: StaffRequest, obj: Category) -> list[str]:
        lines = BudgetLineItem.objects.filter(category=obj).count()
        if lines:
            return [f"{lines} line(s) use it: it can only be deleted once they have another category."]
        planned = TemplateLine.objects.filter(category=obj).count()
        along = [f"{planned} line(s) of templates go along, and come back with it."] if planned else []
        return ["No line uses it. It is no longer offered.", *along, *super().deletion_consequences(request, obj)]
