"""What raises alerts, for the staff: the account's own rule, and those that replace it for a budget."""

from collections.abc import Callable
from decimal import Decimal, InvalidOperation
from typing import Any, ClassVar

from django import forms
from django.contrib import admin
from django.db import models
from django.db.models import Q
from unfold.decorators import display
from unfold.widgets import (
    UnfoldAdminCheckboxSelectMultipleWidget,
    UnfoldAdminTextareaWidget,
    UnfoldAdminTextInputWidget,
)

from alerts.models import AlertLevel, AlertRule, AlertType, Audience
from alerts.services.problems import AlertProblem
from alerts.services.rule_values import OwnThreshold, whole_audience
from alerts.services.rule_words import audience_in_words, threshold_in_words, threshold_of_words, thresholds_in_words
from alerts.services.rules import create_alert_rule, delete_alert_rule, governing_rule, set_alert_rule
from budgetsite.pages.back_office.history import Source
from budgetsite.pages.back_office.model_admin import StaffModelAdmin
from budgetsite.pages.back_office.refusals import ChangeRefused, refused
from budgetsite.pages.back_office.requests import StaffRequest

_AUDIENCE = [f"audience_{level}" for level in AlertLevel]
_SHOWN = (
    "named",
    "kinds",
    "warning_threshold",
    "milestones",
    "high_variance_percentage",
    "basis",
    "further",
    "told",
)


class _MilestonesField(forms.CharField):
    """Percentages, with commas between them."""

    widget = UnfoldAdminTextInputWidget

    def prepare_value(self, value: Any) -> Any:
        return _percentages(value) if isinstance(value, list) else value

    def to_python(self, value: Any) -> Any:
        try:
            return [Decimal(text) for text in (super().to_python(value) or "").replace(",", " ").split()]
        except InvalidOperation:
            raise forms.ValidationError("Write percentages, such as 50, 75, 90.", code="invalid") from None

    def has_changed(self, initial: Any, data: Any) -> bool:
        return self.prepare_value(initial) != (data or "")


class _ThresholdsField(forms.CharField):
    """A threshold in each line."""

    widget = UnfoldAdminTextareaWidget

    def prepare_value(self, value: Any) -> Any:
        if not isinstance(value, list):
            return value
        return "\n".join(threshold_in_words(OwnThreshold.from_json(row)) for row in value)

    def to_python(self, value: Any) -> Any:
        found = []
        for number, line in enumerate(filter(None, map(str.strip, (super().to_python(value) or "").splitlines())), 1):
            try:
                found.append(threshold_of_words(line))
            except forms.ValidationError as problem:
                raise forms.ValidationError(f"Threshold {number}: {problem.messages[0]}", code=problem.code) from None
        return found

    def has_changed(self, initial: Any, data: Any) -> bool:
        return self.prepare_value(initial or []) != (data or "")


def _who(level: AlertLevel) -> forms.MultipleChoiceField:
    return forms.MultipleChoiceField(
        label=f"{level.label} is told to",
        choices=Audience.choices,
        required=False,
        widget=UnfoldAdminCheckboxSelectMultipleWidget,
    )


class AlertRuleForm(forms.ModelForm):
    alert_types = forms.MultipleChoiceField(
        label="These are told",
        choices=AlertType.choices,
        required=False,
        widget=UnfoldAdminCheckboxSelectMultipleWidget,
    )
    exceeded_thresholds = _MilestonesField(
        label="Milestones",
        required=False,
        help_text="Percentages of the budget's use, such as 50, 75, 90. From 100 on they are critical.",
    )
    thresholds = _ThresholdsField(
        label="Further thresholds",
        required=False,
        help_text="One in each line: 90 %, forecast, warning. Or an amount: 5000 CAD, spent, critical. "
        "An amount holds for budgets in its currency alone.",
    )
    audience_information = _who(AlertLevel.INFORMATION)
    audience_warning = _who(AlertLevel.WARNING)
    audience_critical = _who(AlertLevel.CRITICAL)

    class Meta:
        model = AlertRule
        fields = ()
        labels: ClassVar[dict[str, str]] = {
            "warning_threshold": "Nearly used up at, in percent",
            "high_variance_percentage": "Far above the plan at, in percent",
            "basis": "“Nearly used up” and milestones look at what is",
        }
        help_texts: ClassVar[dict[str, str]] = {
            "budget": "Without one it is the account's rule, for all budgets that have none of their own.",
            "warning_threshold": "So many percent of the budget.",
            "high_variance_percentage": "Spending that goes above the plan by more than so many percent of it.",
            "basis": "",
        }

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        audience = whole_audience(self.instance.audience)
        for level in AlertLevel:
            name = f"audience_{level}"
            if name in self.fields:
                self.initial.setdefault(name, sorted(audience[str(level)]))

    def _post_clean(self) -> None:
        """The service judges the rest."""


@admin.register(AlertRule)
class AlertRuleAdmin(StaffModelAdmin):
    """The account's own rule has no budget; without it every new account's rule holds."""

    view_action = "alert_rules.view"
    add_action = change_action = delete_action = "alert_rules.change"
    refusals = (AlertProblem,)
    actions = ("delete_rows",)
    actions_row = ()
    form = AlertRuleForm
    autocomplete_fields = ("budget",)
    list_display = ("named", "warning_threshold", "milestones", "further", "told")
    empty_list = "Nothing was changed yet: what every new account has holds for all budgets."
    ordering = ("created_at", "id")

    def get_queryset(self, request: StaffRequest) -> models.QuerySet[AlertRule]:
        rules: models.QuerySet[AlertRule] = super().get_queryset(request).select_related("budget__event")
        return rules.filter(Q(budget=None) | Q(budget__deleted_at=None))

    def get_fields(self, request: StaffRequest, obj: Any = None) -> Any:
        if obj is not None and not self.has_change_permission(request, obj):
            return _SHOWN
        return (
            "budget" if obj is None else "named",
            "alert_types",
            ("warning_threshold", "high_variance_percentage"),
            "exceeded_thresholds",
            "basis",
            "thresholds",
            tuple(_AUDIENCE),
        )

    def get_readonly_fields(self, request: StaffRequest, obj: Any = None) -> Any:
        if obj is not None and not self.has_change_permission(request, obj):
            return _SHOWN
        return () if obj is None else ("named",)

    def get_changeform_initial_data(self, request: StaffRequest) -> dict[str, Any]:
        """What holds so far: whoever saves without looking changes nothing."""
        fields = governing_rule(None).as_fields()
        audience = fields.pop("audience")
        return fields | {f"audience_{level}": people for level, people in audience.items()}

    # --- Writing ----------------------------------------------------------------------------------------------------

    def write(self, request: StaffRequest, obj: AlertRule, form: Any, change: bool) -> AlertRule:
        values = dict(form.cleaned_data)
        values["audience"] = {str(level): values.pop(f"audience_{level}") for level in AlertLevel}
        if change:
            return set_alert_rule(budget=obj.budget, acting_user=request.user, **values)
        return create_alert_rule(budget=values.pop("budget"), acting_user=request.user, **values)

    def remove(self, request: StaffRequest, obj: AlertRule) -> None:
        delete_alert_rule(rule=obj, acting_user=request.user, now=self.now())

    def refusal_of(self, problem: Exception) -> ChangeRefused:
        """Say it at the fields of this page: of a threshold with its number."""
        refusal = refused(problem, field="budget" if isinstance(problem, AlertProblem) else None)
        errors: dict[str, list[str]] = {}
        for name, sentences in refusal.errors.items():
            family, *where = name.split(".")
            if family == "thresholds" and where:
                errors.setdefault(family, []).extend(f"Threshold {int(where[0]) + 1}: {text}" for text in sentences)
            else:
                errors["_".join([family, *where])] = sentences
        return ChangeRefused(errors)

    def deletion_consequences(self, request: StaffRequest, obj: AlertRule) -> list[str]:
        if obj.budget_id is None:
            return ["What every new account has holds again, for all budgets that have no rule of their own."]
        return ["The account's rule holds again for this budget."]

    # --- Words ------------------------------------------------------------------------------------------------------

    @display(description="Rule")
    def named(self, rule: AlertRule) -> str:
        return "The account's rule" if rule.budget is None else str(rule.budget.event.name)

    @display(description="Milestones", empty_value="none")
    def milestones(self, rule: AlertRule) -> str | None:
        return _percentages(rule.exceeded_thresholds) or None

    @display(description="Further thresholds", empty_value="none")
    def further(self, rule: AlertRule) -> str | None:
        return thresholds_in_words(rule.thresholds) or None

    @display(description="Critical is told to")
    def told(self, rule: AlertRule) -> str:
        return audience_in_words(whole_audience(rule.audience)[str(AlertLevel.CRITICAL)])

    @display(description="These are told")
    def kinds(self, rule: AlertRule) -> str:
        return _kinds(rule.alert_types)

    def name_of(self, obj: AlertRule) -> str:
        return "The account's alert rule" if obj.budget is None else f"Alert rule of {obj.budget.event.name}"

    def story_sources(self, request: StaffRequest, obj: AlertRule) -> list[Source]:
        words: dict[str, Callable[[Any], str]] = {
            "alert_types": _kinds,
            "exceeded_thresholds": _percentages,
            "thresholds": thresholds_in_words,
            "audience": _everybody,
        }
        return [Source(AlertRule.history.filter(id=obj.pk), words=words)]


def _percentages(values: list[Decimal]) -> str:
    return ", ".join(f"{Decimal(value).normalize():f}" for value in values)


def _kinds(values: list[str]) -> str:
    return ", ".join(AlertType(kind).label for kind in values)


def _everybody(stored: dict[str, list[str]]) -> str:
    audience = whole_audience(stored)
    return "; ".join(f"{level.label.lower()}: {audience_in_words(audience[str(level)])}" for level in AlertLevel)
