from alerts.api.alert import BudgetAlertViewSet
from alerts.api.alert_rule import AlertRuleViewSet
from alerts.api.escalation_policy import EscalationPolicyViewSet
from budgetsite.api.routes import api_path

urlpatterns = [
    api_path("budget-alerts", BudgetAlertViewSet.as_view({"get": "list"}), name="api-budget-alerts"),
    api_path("budget-alerts/<uuid:pk>", BudgetAlertViewSet.as_view({"get": "retrieve"}), name="api-budget-alert"),
    api_path(
        "budget-alerts/<uuid:pk>/acknowledge",
        BudgetAlertViewSet.as_view({"post": "acknowledge"}),
        name="api-budget-alert-acknowledge",
    ),
    api_path(
        "budget-alerts/<uuid:pk>/resolve",
        BudgetAlertViewSet.as_view({"post": "resolve"}),
        name="api-budget-alert-resolve",
    ),
    api_path("alert-rules", AlertRuleViewSet.as_view({"get": "list", "post": "create"}), name="api-alert-rules"),
    api_path("alert-rules/preview", AlertRuleViewSet.as_view({"post": "preview"}), name="api-alert-rules-preview"),
    api_path(
        "escalation-policy",
        EscalationPolicyViewSet.as_view({"get": "retrieve", "patch": "partial_update"}),
        name="api-escalation-policy",
    ),
    api_path(
        "alert-rules/<uuid:pk>",
        AlertRuleViewSet.as_view({"get": "retrieve", "patch": "partial_update", "delete": "destroy"}),
        name="api-alert-rule",
    ),
]
