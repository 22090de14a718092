"""Who looked at personal data, and how long it is kept."""

from typing import Any

from django import forms
from django.contrib import admin
from django.db import models
from unfold.decorators import display
from unfold.widgets import UnfoldAdminIntegerFieldWidget, UnfoldAdminSelectWidget, UnfoldBooleanWidget

from budgetsite.pages.back_office.displays import badge, moment, moment_cell
from budgetsite.pages.back_office.model_admin import ReadOnlyAdmin, StaffModelAdmin
from budgetsite.pages.back_office.refusals import ChangeRefused, refused
from budgetsite.pages.back_office.requests import StaffRequest
from budgetsite.privacy.models import AccessAction, PersonalDataAccess, RetentionRule
from budgetsite.privacy.registry import retention_kinds
from budgetsite.privacy.services.retention import (
    RetentionRuleExists,
    change_retention_rule,
    create_retention_rule,
    delete_retention_rule,
)

_ACTION_TONES = {AccessAction.EXPORTED: "accent", AccessAction.ERASED: "warning"}


@admin.register(PersonalDataAccess)
class PersonalDataAccessAdmin(ReadOnlyAdmin):
    view_action = "privacy.view_log"
    list_display = ("when", "who", "action_badge", "whom", "place")
    list_select_related = ("actor", "subject")
    list_filter = ("action", "kind")
    ordering = ("-created_at", "-id")
    fields = ("moment", "who", "action", "kind", "whom", "place")

    def get_readonly_fields(self, request: StaffRequest, obj: Any = None) -> list[str]:
        return list(self.fields)

    @display(description="When", ordering="created_at")
    def when(self, access: PersonalDataAccess) -> Any:
        return moment_cell(access.created_at)

    @display(description="When")
    def moment(self, access: PersonalDataAccess) -> str:
        return moment(access.created_at)

    @display(description="Who", empty_value="an operator")
    def who(self, access: PersonalDataAccess) -> Any:
        return access.actor

    @display(description="What")
    def action_badge(self, access: PersonalDataAccess) -> Any:
        action = AccessAction(access.action)
        return badge(str(action.label), _ACTION_TONES.get(action, "neutral"))

    @display(description="Whose data")
    def whom(self, access: PersonalDataAccess) -> str:
        if access.subject is not None:
            return str(access.subject)
        return f"{access.people} on a list: {access.kind.replace('_', ' ')}"

    def name_of(self, obj: PersonalDataAccess) -> str:
        return f"{obj.get_action_display()}, {moment(obj.created_at)}"


class RetentionRuleForm(forms.ModelForm):
    kind = forms.ChoiceField(
        choices=lambda: [(kind.name, kind.label) for kind in retention_kinds().values()],
        widget=UnfoldAdminSelectWidget,
        label="What",
    )

    class Meta:
        model = RetentionRule
        fields = ("kind", "months", "is_active")
        labels = {"months": "Months", "is_active": "In force"}
        widgets = {"months": UnfoldAdminIntegerFieldWidget, "is_active": UnfoldBooleanWidget}

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        explained = (f"{kind.label}: {kind.explanation}" for kind in retention_kinds().values())
        self.fields["kind"].help_text = " ".join(explained)

    def _post_clean(self) -> None:
        """The service judges the rest."""


@admin.register(RetentionRule)
class RetentionRuleAdmin(StaffModelAdmin):
    """How long personal data is kept. Owners change it; without a rule it is kept."""

    view_action = "privacy.view_retention"
    add_action = change_action = delete_action = "privacy.change_retention"
    refusals = (RetentionRuleExists,)

    form = RetentionRuleForm
    list_display = ("what", "kept", "in_force")
    ordering = ("kind", "id")
    fields = ("kind", "months", "is_active")

    @display(description="What")
    def what(self, rule: RetentionRule) -> str:
        return self.name_of(rule)

    @display(description="Kept")
    def kept(self, rule: RetentionRule) -> str:
        return "1 month" if rule.months == 1 else f"{rule.months} months"

    @display(description="Every night")
    def in_force(self, rule: RetentionRule) -> Any:
        return badge("Applied", "good") if rule.is_active else badge("Switched off", "neutral")

    def get_readonly_fields(self, request: StaffRequest, obj: models.Model | None = None) -> Any:
        return ()

    def write(self, request: StaffRequest, obj: RetentionRule, form: Any, change: bool) -> RetentionRule:
        if not change:
            return create_retention_rule(acting_user=request.user, **form.cleaned_data)
        changes = {name: form.cleaned_data[name] for name in form.changed_data}
        return change_retention_rule(rule_id=obj.pk, acting_user=request.user, **changes)

    def refusal_of(self, problem: Exception) -> ChangeRefused:
        return refused(problem, field="kind" if isinstance(problem, RetentionRuleExists) else None)

    def remove(self, request: StaffRequest, obj: RetentionRule) -> None:
        delete_retention_rule(rule_id=obj.pk, acting_user=request.user, now=self.now())

    def deletion_consequences(self, request: StaffRequest, obj: RetentionRule) -> list[str]:
        return ["From now on this data is kept.", "What has gone already does not come back."]

    def name_of(self, obj: RetentionRule) -> str:
        kind = retention_kinds().get(obj.kind)
        return kind.label if kind else obj.kind
