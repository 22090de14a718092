from typing import Any

import django_filters
from django.db.models import QuerySet
from django.utils import timezone

from budgets.models import Period, ScopedBudget, ScopeType
from budgets.selectors.scoped_budgets import not_over, over, tagged
from budgetsite.api.filters import TruthFilter


def one_of(kind: Any, label: str) -> django_filters.ChoiceFilter:
    """Return a filter by one of the values of `kind`, which lists them to whoever writes another."""
    message = f"“%(value)s” is none of these: {', '.join(kind.values)}."
    return django_filters.ChoiceFilter(choices=kind.choices, label=label, error_messages={"invalid_choice": message})


class ScopedBudgetFilter(django_filters.FilterSet):
    scope_type = one_of(ScopeType, "The kind of scope.")
    scope_id = django_filters.CharFilter(label="What the account calls the scope.", strip=False)
    parent_budget_id = django_filters.UUIDFilter(field_name="parent_id", label="The budget right above.")
    period = one_of(Period, "How long a window is.")
    currency = django_filters.CharFilter(field_name="currency", lookup_expr="iexact", label="ISO 4217.")
    active = TruthFilter(method="by_active", label="Whether it is not over yet.")
    tag = django_filters.CharFilter(method="by_tag", label="A label, a key, or `key:value`.")

    def by_active(self, budgets: QuerySet[ScopedBudget], name: str, value: bool) -> QuerySet[ScopedBudget]:
        return not_over(budgets, now=timezone.now()) if value else over(budgets, now=timezone.now())

    def by_tag(self, budgets: QuerySet[Any], name: str, value: str) -> QuerySet[Any]:
        return tagged(budgets, value)


class ScopeFilter(django_filters.FilterSet):
    parent_budget_id = django_filters.UUIDFilter(field_name="parent_id", label="The budget right above.")
    period = one_of(Period, "How long a window is.")
    tag = django_filters.CharFilter(method="by_tag", label="A label, a key, or `key:value`.")

    def by_tag(self, budgets: QuerySet[Any], name: str, value: str) -> QuerySet[Any]:
        return tagged(budgets, value)
