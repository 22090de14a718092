from django.urls import include, path

from alerts.views import alert, mail_answer, rules

alert_patterns = [
    path("alerts/", alert.alert_list, name="list"),
    path("alerts/<uuid:alert_id>/acknowledge", alert.alert_acknowledge, name="acknowledge"),
    path("alerts/<uuid:alert_id>/resolve", alert.alert_resolve, name="resolve"),
    path("alerts/answer/<str:token>", mail_answer.acknowledge_by_mail, name="acknowledge_by_mail"),
    path("alerts/rules", rules.alert_rules, name="rules"),
    path("alerts/rules/budgets/<uuid:budget_id>", rules.alert_rules, name="budget_rule"),
    path("alerts/rules/escalation", rules.escalation, name="escalation"),
]

urlpatterns = [path("", include((alert_patterns, "alerts")))]
