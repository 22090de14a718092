from decimal import Decimal, InvalidOperation
from typing import Any

from django import forms

from alerts.models import AlertType, EscalationPolicy
from alerts.services.escalation_policy import POLICY_FIELDS
from alerts.services.rule_values import RuleValues


class ReactionForm(forms.Form):
    comment = forms.CharField(
        required=False, label="Comment", max_length=2000, help_text="Kept with the alert, with your name and the time."
    )


class AlertRuleForm(forms.Form):
    """What raises an alert. The services judge the numbers."""

    alert_types = forms.MultipleChoiceField(
        label="These are told", choices=AlertType.choices, required=False, widget=forms.CheckboxSelectMultiple
    )
    warning_threshold = forms.DecimalField(
        label="Nearly used up at",
        error_messages={"required": "Say from how many percent on.", "invalid": "Write a number, such as 80."},
        help_text="So many percent of the budget spent or promised.",
    )
    exceeded_thresholds = forms.CharField(
        label="Milestones",
        required=False,
        help_text="Percentages of the budget's use, such as 50, 75, 90. From 100 on they are critical.",
    )
    high_variance_percentage = forms.DecimalField(
        label="Far above the plan at",
        error_messages={"required": "Say from how many percent on.", "invalid": "Write a number, such as 20."},
        help_text="Spending that goes above the plan by more than so many percent of it.",
    )

    def __init__(self, *args: Any, rule: RuleValues, **kwargs: Any) -> None:
        kwargs["initial"] = {
            "alert_types": rule.as_fields()["alert_types"],
            "warning_threshold": _short(rule.warning_threshold),
            "exceeded_thresholds": ", ".join(map(_short, rule.exceeded_thresholds)),
            "high_variance_percentage": _short(rule.high_variance_percentage),
        }
        super().__init__(*args, **kwargs)

    def clean_exceeded_thresholds(self) -> list[Decimal]:
        return [_percentage(text) for text in self.cleaned_data["exceeded_thresholds"].replace(",", " ").split()]


class EscalationForm(forms.Form):
    """When people are reminded, and whom what nobody deals with goes up to. The services judge the numbers."""

    days_before = forms.CharField(
        label="Days before a payment is due",
        required=False,
        help_text="Whoever runs the event is reminded so many days before, such as 30, 14, 7, 1. Empty: never.",
    )
    overdue_days_until_manager = forms.IntegerField(
        label="An overdue payment is told to managers after",
        required=False,
        help_text="Whoever runs the event hears on the first day. Empty: never.",
    )
    overdue_days_until_owner = forms.IntegerField(
        label="and an overdue payment to owners after", required=False, help_text="Empty: never."
    )
    alert_hours_until_manager = forms.IntegerField(
        label="A critical alert that nobody acknowledges is told to managers after",
        required=False,
        help_text="They heard when it opened. Empty: not again.",
    )
    alert_hours_until_owner = forms.IntegerField(
        label="and such an alert to owners after", required=False, help_text="Empty: not again."
    )

    def __init__(self, *args: Any, policy: EscalationPolicy, **kwargs: Any) -> None:
        kwargs["initial"] = {name: getattr(policy, name) for name in POLICY_FIELDS} | {
            "days_before": ", ".join(map(str, policy.days_before))
        }
        super().__init__(*args, **kwargs)

    def clean_days_before(self) -> list[int]:
        try:
            return [int(text) for text in self.cleaned_data["days_before"].replace(",", " ").split()]
        except ValueError:
            raise forms.ValidationError("Write whole numbers, such as 30, 14, 7, 1.", code="invalid") from None


def _percentage(text: str) -> Decimal:
    try:
        return Decimal(text)
    except InvalidOperation:
        raise forms.ValidationError(
            f"“{text}” is no percentage. Write numbers, such as 50, 75, 90.", code="invalid"
        ) from None


def _short(percentage: Decimal) -> str:
    return f"{percentage.normalize():f}"
