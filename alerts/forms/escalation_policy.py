from typing import Any

from django import forms

from alerts.models import EscalationPolicy
from alerts.services.escalation_policy import POLICY_FIELDS


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
