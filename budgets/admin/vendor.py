from typing import Any

from django.contrib import admin

from budgets.models import Vendor
from budgets.services.problems import BudgetProblem
from budgets.services.vendor import create_vendor, delete_vendor, restore_vendor, update_vendor
from budgetsite.pages.back_office.filters import DeletedFilter
from budgetsite.pages.back_office.model_admin import StaffModelAdmin
from budgetsite.pages.back_office.refusals import ChangeRefused, refused
from budgetsite.pages.back_office.requests import StaffRequest


@admin.register(Vendor)
class VendorAdmin(StaffModelAdmin):
    view_action = "vendors.view"
    add_action = change_action = delete_action = restore_action = "vendors.change"
    refusals = (BudgetProblem,)

    list_display = ("name", "contact_name", "email", "phone", "payment_terms_days")
    list_filter = (DeletedFilter,)
    search_fields = ("name", "contact_name", "email")
    ordering = ("name", "id")
    fields = (
        "name",
        ("contact_name", "email", "phone"),
        ("website", "tax_number", "payment_terms_days"),
        "address",
        "bank_details",
        "notes",
    )

    def formfield_for_dbfield(self, db_field: Any, request: StaffRequest, **kwargs: Any) -> Any:
        if db_field.name == "website":
            kwargs["assume_scheme"] = "https"
        return super().formfield_for_dbfield(db_field, request, **kwargs)

    def write(self, request: StaffRequest, obj: Vendor, form: Any, change: bool) -> Vendor:
        if not change:
            return create_vendor(acting_user=request.user, **form.cleaned_data)
        changes = {name: form.cleaned_data[name] for name in form.changed_data}
        return update_vendor(vendor=Vendor.objects.get(pk=obj.pk), acting_user=request.user, **changes)

    def refusal_of(self, problem: Exception) -> ChangeRefused:
        return refused(problem, field="name")

    def remove(self, request: StaffRequest, obj: Vendor) -> None:
        delete_vendor(vendor=obj, acting_user=request.user, now=self.now())

    def bring_back(self, request: StaffRequest, obj: Vendor) -> None:
        restore_vendor(vendor=obj, acting_user=request.user)

    def deletion_consequences(self, request: StaffRequest, obj: Vendor) -> list[str]:
        return ["One that an expense names stays.", *super().deletion_consequences(request, obj)]
