"""The staff's admin of alerts."""

from alerts.admin.alert import BudgetAlertAdmin
from alerts.admin.alert_rule import AlertRuleAdmin
from alerts.admin.escalation_policy import EscalationPolicyAdmin

__all__ = ["AlertRuleAdmin", "BudgetAlertAdmin", "EscalationPolicyAdmin"]
