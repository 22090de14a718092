import django_filters

from alerts.models import AlertLevel, AlertType, BudgetAlert
from budgetsite.api.filters import TruthFilter


class BudgetAlertFilter(django_filters.FilterSet):
    budget = django_filters.UUIDFilter(field_name="budget_id")
    # No alert is about a scoped budget so far: asking for one's alerts finds none.
    scoped_budget = django_filters.UUIDFilter(method="about_no_event_budget")
    event = django_filters.UUIDFilter(field_name="budget__event_id")
    line_item = django_filters.UUIDFilter(field_name="line_item_id")
    alert_type = django_filters.ChoiceFilter(choices=AlertType.choices)
    level = django_filters.ChoiceFilter(choices=AlertLevel.choices)
    acknowledged = TruthFilter(field_name="is_acknowledged")
    resolved = TruthFilter(field_name="resolved")

    class Meta:
        model = BudgetAlert
        fields = ()

    def about_no_event_budget(self, queryset, name, value):
        return queryset.none()


class AlertRuleFilter(django_filters.FilterSet):
    budget = django_filters.UUIDFilter(field_name="budget_id")
    of_account = TruthFilter(field_name="budget_id", lookup_expr="isnull")
