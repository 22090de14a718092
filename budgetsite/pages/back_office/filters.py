"""Filters that several lists share."""

from typing import Any

from django.contrib import admin
from django.db.models import QuerySet

from budgetsite.pages.back_office.requests import StaffRequest

DELETED = "deleted"


def shows_deleted(request: StaffRequest) -> bool:
    return request.GET.get(DELETED) == "yes"


class DeletedFilter(admin.SimpleListFilter):
    """Live rows unless the deleted ones are asked for; the list's view opens the scope for those."""

    title = "deleted"
    parameter_name = DELETED

    def lookups(self, request: StaffRequest, model_admin: Any) -> list[tuple[str, str]]:
        return [("yes", "Deleted")]

    def choices(self, changelist: Any):
        live, deleted = super().choices(changelist)
        yield {**live, "display": "In use"}
        yield deleted

    def queryset(self, request: StaffRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        return queryset.filter(deleted_at__isnull=self.value() != "yes")
