import django_filters
from django.db.models import QuerySet

from budgets.models import BudgetStatus, EntryKind, EventBudget
from budgetsite.api.filters import TruthFilter


class EventBudgetFilter(django_filters.FilterSet):
    event = django_filters.UUIDFilter(field_name="event_id", label="The event's id.")
    status = django_filters.ChoiceFilter(choices=BudgetStatus.choices, label="The budget's status.")
    client = django_filters.UUIDFilter(field_name="event__client_id", label="The id of the event's client.")
    over_budget = TruthFilter(method="by_overspend", label="Whether more was spent than planned.")

    def by_overspend(self, queryset: QuerySet[EventBudget], name: str, value: bool) -> QuerySet[EventBudget]:
        return queryset.over_budget() if value else queryset.within_budget()  # type: ignore[attr-defined]


class LedgerFilter(django_filters.FilterSet):
    line_item = django_filters.UUIDFilter(field_name="line_item_id", label="A line's id.")
    kind = django_filters.ChoiceFilter(choices=EntryKind.choices, label="What the entry does.")
