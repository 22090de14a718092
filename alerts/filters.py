import django_filters

from alerts.models import AlertLevel, AlertType, BudgetAlert
from budgetsite.api.filters import TruthFilter


class BudgetAlertFilter(django_filters.FilterSet):
    budget = django_filters.UUIDFilter(field_name="budget_id")
    scoped_budget = django_filters.UUIDFilter(field_name="scoped_budget_id")
    event = django_filters.UUIDFilter(field_name="budget__event_id")
    line_item = django_filters.UUIDFilter(field_name="line_item_id")
    alert_type = django_filters.ChoiceFilter(choices=AlertType.choices)
    level = django_filters.ChoiceFilter(choices=AlertLevel.choices)
    acknowledged = TruthFilter(field_name="is_acknowledged")
    resolved = TruthFilter(field_name="resolved")

    class Meta:
        model = BudgetAlert
        fields = ()


class AlertRuleFilter(django_filters.FilterSet):
    budget = django_filters.UUIDFilter(field_name="budget_id")
    of_account = TruthFilter(field_name="budget_id", lookup_expr="isnull")
