"""When the account reminds and escalates, for the staff."""

from typing import Any

from django import forms
from django.contrib import admin
from unfold.decorators import display
from unfold.widgets import UnfoldAdminTextInputWidget

from alerts.models import EscalationPolicy
from alerts.services.escalation_policy import DEFAULT_DAYS_BEFORE, change_escalation_policy
from budgetsite.pages.back_office.model_admin import StaffModelAdmin
from budgetsite.pages.back_office.requests import StaffRequest


class _DaysField(forms.CharField):
    """Days, with commas between them."""

    widget = UnfoldAdminTextInputWidget

    def prepare_value(self, value: Any) -> Any:
        return ", ".join(map(str, value)) if isinstance(value, list) else value

    def to_python(self, value: Any) -> Any:
        try:
            return [int(text) for text in (super().to_python(value) or "").replace(",", " ").split()]
        except ValueError:
            raise forms.ValidationError("Write whole numbers, such as 30, 14, 7, 1.", code="invalid") from None

    def has_changed(self, initial: Any, data: Any) -> bool:
        return ", ".join(map(str, initial or [])) != (data or "")


class EscalationPolicyForm(forms.ModelForm):
    days_before = _DaysField(
        label="Days before a payment is due",
        required=False,
        help_text="Whoever runs the event is reminded so many days before. Empty: never.",
    )

    class Meta:
        model = EscalationPolicy
        fields = ()

    def _post_clean(self) -> None:
        """The service judges the rest."""


@admin.register(EscalationPolicy)
class EscalationPolicyAdmin(StaffModelAdmin):
    """One for each account; without it the defaults hold."""

    view_action = "alert_rules.view"
    add_action = change_action = "alert_rules.change"
    actions = ()
    actions_row = ()
    form = EscalationPolicyForm
    list_display = (
        "named",
        "reminders",
        "overdue_days_until_manager",
        "overdue_days_until_owner",
        "alert_hours_until_manager",
        "alert_hours_until_owner",
    )
    ordering = ("created_at", "id")
    fields = (
        "days_before",
        ("overdue_days_until_manager", "overdue_days_until_owner"),
        ("alert_hours_until_manager", "alert_hours_until_owner"),
    )

    def has_add_permission(self, request: StaffRequest, obj: Any = None) -> bool:
        return super().has_add_permission(request, obj) and not EscalationPolicy.objects.exists()

    def get_changeform_initial_data(self, request: StaffRequest) -> dict[str, Any]:
        """What holds so far: whoever saves without looking changes nothing."""
        return {"days_before": list(DEFAULT_DAYS_BEFORE)}

    @display(description="Policy")
    def named(self, policy: EscalationPolicy) -> str:
        return str(policy)

    @display(description="Days before a payment is due", empty_value="never")
    def reminders(self, policy: EscalationPolicy) -> str | None:
        return ", ".join(map(str, policy.days_before)) or None

    def write(self, request: StaffRequest, obj: EscalationPolicy, form: Any, change: bool) -> EscalationPolicy:
        return change_escalation_policy(acting_user=request.user, **form.cleaned_data)
