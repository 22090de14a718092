"""How staff narrow the list of budgets."""

from datetime import datetime, time, timedelta
from typing import Any
from uuid import UUID

from django.contrib import admin
from django.db.models import Exists, OuterRef, QuerySet
from django.utils import timezone
from django.utils.dateparse import parse_date
from unfold.contrib.filters.admin import RangeDateFilter

from budgets.models import APPROVING_ROLES, BudgetLineItem, BudgetStatus, Category, EventBudget
from budgets.selectors.approvals import may_decide
from budgets.selectors.scoped_budgets import not_over, over
from budgets.selectors.scoped_status import Level, standings_of
from budgets.selectors.standing import who_decides
from budgetsite.pages.back_office.requests import StaffRequest


class OverBudgetFilter(admin.SimpleListFilter):
    title = "spending"
    parameter_name = "over_budget"

    def lookups(self, request: StaffRequest, model_admin: Any) -> list[tuple[str, str]]:
        return [("yes", "Over budget"), ("no", "Within budget")]

    def queryset(self, request: StaffRequest, queryset: Any) -> QuerySet[EventBudget] | None:
        if self.value() == "yes":
            return queryset.over_budget()
        return queryset.within_budget() if self.value() == "no" else None


class WaitsForFilter(admin.SimpleListFilter):
    """Budgets in review by who is next."""

    title = "waits for"
    parameter_name = "waits_for"

    def lookups(self, request: StaffRequest, model_admin: Any) -> list[tuple[str, str]]:
        by_role = [(role.value, who_decides(role).capitalize()) for role in APPROVING_ROLES]
        return [("me", "Me"), *by_role]

    def queryset(self, request: StaffRequest, queryset: Any) -> QuerySet[EventBudget] | None:
        if self.value() is None:
            return None
        if self.value() == "me":
            mine = may_decide(account=request.account, user_id=request.user.pk, role=request.role)
            return queryset.filter(pk__in=mine.values("pk"))
        return queryset.filter(status=BudgetStatus.REVIEW, awaiting_role=self.value())


class CategoryFilter(admin.SimpleListFilter):
    """Budgets with a line in a category."""

    title = "category"
    parameter_name = "category"

    def lookups(self, request: StaffRequest, model_admin: Any) -> list[tuple[str, str]]:
        names = Category.objects.order_by("sort_order", "name", "id").values_list("pk", "name")
        return [(str(pk), name) for pk, name in names]

    def queryset(self, request: StaffRequest, queryset: Any) -> QuerySet[EventBudget] | None:
        if self.value() is None:
            return None
        if self.value() not in dict(self.lookup_choices):
            return queryset.none()
        lines = BudgetLineItem.objects.filter(budget=OuterRef("pk"), category=self.value())
        return queryset.filter(Exists(lines))


class LevelFilter(admin.SimpleListFilter):
    """Company budgets by how they stand now. What is over stands as it ended."""

    title = "status"
    parameter_name = "level"

    def lookups(self, request: StaffRequest, model_admin: Any) -> list[tuple[str, str]]:
        return [(level.value, level.value.capitalize()) for level in Level]

    def queryset(self, request: StaffRequest, queryset: QuerySet[Any]) -> QuerySet[Any] | None:
        if self.value() is None:
            return None
        found = standings_of(list(queryset.order_by("pk").values_list("pk", flat=True)), now=timezone.now())
        return queryset.filter(pk__in=[one.budget.id for one in found if one.level == self.value()])


class OverFilter(admin.SimpleListFilter):
    """Company budgets whose time is over, and the others."""

    title = "ended"
    parameter_name = "ended"

    def lookups(self, request: StaffRequest, model_admin: Any) -> list[tuple[str, str]]:
        return [("no", "Not over"), ("yes", "Over")]

    def queryset(self, request: StaffRequest, queryset: QuerySet[Any]) -> QuerySet[Any] | None:
        if self.value() == "yes":
            return over(queryset, now=timezone.now())
        return not_over(queryset, now=timezone.now()) if self.value() == "no" else None


class OneBudgetFilter(admin.SimpleListFilter):
    """The rows of one budget, reached from its page; it offers no list of all budgets."""

    title = "budget"
    parameter_name = "budget"
    column = "budget_id"

    def lookups(self, request: StaffRequest, model_admin: Any) -> list[tuple[str, str]]:
        asked = request.GET.get(self.parameter_name)
        return [(asked, "This budget")] if asked else []

    def has_output(self) -> bool:
        return bool(self.lookup_choices)

    def queryset(self, request: StaffRequest, queryset: QuerySet[Any]) -> QuerySet[Any] | None:
        if self.value() is None:
            return None
        try:
            return queryset.filter(**{self.column: UUID(self.value())})
        except ValueError:
            return queryset.none()


class OneCompanyBudgetFilter(OneBudgetFilter):
    title = "company budget"
    parameter_name = "company_budget"
    column = "scoped_budget_id"


class DayRangeFilter(RangeDateFilter):
    """From one day to another, both included, in the account's time zone. What is no date narrows nothing."""

    def queryset(self, request: StaffRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        since, until = self._day("from"), self._day("to")
        if since is not None:
            queryset = queryset.filter(**{f"{self.parameter_name}__gte": since})
        if until is not None:
            queryset = queryset.filter(**{f"{self.parameter_name}__lt": until + timedelta(days=1)})
        return queryset

    def _day(self, end: str) -> datetime | None:
        try:
            day = parse_date(self.used_parameters.get(f"{self.parameter_name}_{end}") or "")
        except ValueError:
            return None
        if day is None or not 1900 <= day.year <= 9000:
            return None
        return timezone.make_aware(datetime.combine(day, time.min))
