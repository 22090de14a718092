"""A rule as one form: what is told from where on, and under “More” what few accounts change. The services judge it."""

from decimal import Decimal, InvalidOperation
from typing import Any, cast

from django import forms
from django.core.exceptions import ValidationError

from alerts.models import RULE_BASIS_CHOICES, AlertLevel, AlertType, Audience, Basis, Measure
from alerts.services.rule_checks import MOST_THRESHOLDS, checked_fields
from alerts.services.rule_values import DEFAULT_RULE, OwnThreshold, RuleValues
from budgetsite.money.amounts import format_amount
from budgetsite.money.currencies import currency_choices
from budgetsite.money.form_fields import AmountFormField

PREFIX = "thresholds"
# The site speaks English.
_LOCALE = "en"
# Where a threshold's parts stand in its row.
_PARTS = {"measure": "unit", "currency": "unit"}


class OwnThresholdForm(forms.Form):
    """One threshold. Percentages and currencies are units among which one is chosen."""

    at = AmountFormField(label="From", error_messages={"required": "From where on?"})
    unit = forms.ChoiceField(label="Unit", initial=Measure.PERCENTAGE.value)
    basis = forms.ChoiceField(label="Looks at", choices=Basis.choices, initial=Basis.COMMITTED_AND_ACTUAL.value)
    level = forms.ChoiceField(label="Level", choices=AlertLevel.choices, initial=AlertLevel.WARNING.value)

    def __init__(self, *args: Any, units: list[Any], **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["unit"].choices = units  # type: ignore[attr-defined]

    def threshold(self) -> dict[str, Any]:
        unit = self.cleaned_data["unit"]
        is_share = unit == Measure.PERCENTAGE
        return {
            "measure": str(Measure.PERCENTAGE if is_share else Measure.AMOUNT),
            "at": self.cleaned_data["at"],
            "basis": self.cleaned_data["basis"],
            "level": self.cleaned_data["level"],
            "currency": None if is_share else unit,
        }


class OwnThresholdFormSet(forms.BaseFormSet):
    """The rows; one without a number is passed over."""

    def initial_form_count(self) -> int:
        return 0

    def total_form_count(self) -> int:
        return super().total_form_count() if self.is_bound else len(self.initial or [])

    @property
    def filled(self) -> list[OwnThresholdForm]:
        return [form for form in self.forms if str(form["at"].value() or "").strip()]

    @property
    def is_right(self) -> bool:
        self.is_valid()
        return not self.non_form_errors() and all(not form.errors for form in self.filled)


_FORMSET = forms.formset_factory(
    OwnThresholdForm,
    formset=OwnThresholdFormSet,
    extra=0,
    max_num=MOST_THRESHOLDS,
    absolute_max=MOST_THRESHOLDS,
    validate_max=True,
)


class AlertRuleForm(forms.Form):
    """What raises an alert, and who is told. `more` says that the page had the fields that follow it."""

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
    more = forms.BooleanField(required=False, initial=True, widget=forms.HiddenInput)
    basis = forms.ChoiceField(
        label="“Nearly used up” and milestones look at what is", choices=RULE_BASIS_CHOICES, required=False,
        widget=forms.RadioSelect,
    )  # fmt: skip

    def __init__(
        self, data: Any = None, *, rule: RuleValues, budget_currency: str | None, account_currency: str
    ) -> None:
        self.rule = rule
        self._budget_currency = budget_currency
        self._units = _units(budget_currency, account_currency)
        initial = {
            "alert_types": rule.as_fields()["alert_types"],
            "warning_threshold": _short(rule.warning_threshold),
            "exceeded_thresholds": ", ".join(map(_short, rule.exceeded_thresholds)),
            "high_variance_percentage": _short(rule.high_variance_percentage),
            "basis": str(rule.basis),
            **{f"audience_{level}": people for level, people in rule.as_fields()["audience"].items()},
        }
        super().__init__(data, initial=initial)
        if rule.basis == Basis.ACTUAL:
            self.fields["warning_threshold"].help_text = "So many percent of the budget spent."
        for level in AlertLevel:
            self.fields[f"audience_{level}"] = forms.MultipleChoiceField(
                label=f"{level.label} is told to",
                choices=Audience.choices,
                required=False,
                widget=forms.CheckboxSelectMultiple,
            )
        if self.has_more:
            self.rows = self._formset(data=data)
        else:
            thresholds = rule.thresholds if budget_currency is None else rule.own_thresholds(budget_currency)
            self.rows = self._formset(rows=[_row(threshold) for threshold in thresholds])

    @property
    def has_more(self) -> bool:
        """Whether somebody has sent what stands under “More”."""
        return self.is_bound and bool(self.data.get("more"))

    @property
    def opens_more(self) -> bool:
        """Whether there is something to see there: it is not as everywhere, or something is wrong."""
        rule, usual = self.rule, DEFAULT_RULE
        is_usual = (rule.basis, rule.thresholds, rule.audience) == (usual.basis, (), usual.audience)
        return self.has_more or not is_usual

    @property
    def audience_fields(self) -> list[forms.BoundField]:
        return [self[f"audience_{level}"] for level in AlertLevel]

    @property
    def wrong_rows(self) -> list[tuple[str, OwnThresholdForm]]:
        return [
            (f"Threshold {number}", row)
            for number, row in enumerate(self.rows.forms, start=1)
            if self.rows.is_bound and row in self.rows.filled and row.errors
        ]

    @property
    def is_wrong(self) -> bool:
        return bool(self.errors or self.wrong_rows or (self.rows.is_bound and self.rows.non_form_errors()))

    def is_valid(self) -> bool:
        """All is judged, also by the services' measure what can be read, so that everything wrong is said at once."""
        rows_are_right = not self.rows.is_bound or self.rows.is_right
        if super().is_valid() and rows_are_right:
            return True
        if self.is_bound:
            try:
                checked_fields(self.rule_fields(), present=self.rule, currency=self._budget_currency)
            except ValidationError as problem:
                self.place(problem)
        return False

    def change_rows(self, step: str) -> None:
        """Show what was typed again, unjudged, with one row more ("add") or without one ("remove-2", from 0)."""
        self.errors.clear()
        rows = self._sent_rows()
        if step == "add":
            rows = [*rows, {}][:MOST_THRESHOLDS]
        else:
            rows = [row for place, row in enumerate(rows) if step != f"remove-{place}"]
        self.rows = self._formset(rows=rows)
        if step == "add" and self.rows.forms:
            self.rows.forms[-1].fields["at"].widget.attrs["autofocus"] = True

    def rule_fields(self) -> dict[str, Any]:
        """Return what the services are given; what the page did not have, or what can't be read, is left out."""
        values = self.cleaned_data
        names = ("alert_types", "warning_threshold", "exceeded_thresholds", "high_variance_percentage")
        fields = {name: values[name] for name in names if name in values}
        if self.has_more:
            if self.rows.is_right:
                fields["thresholds"] = [row.threshold() for row in self.rows.filled]
            people = {str(level): values.get(f"audience_{level}") for level in AlertLevel}
            fields["audience"] = {level: chosen for level, chosen in people.items() if chosen is not None}
            if values.get("basis"):
                fields["basis"] = values["basis"]
        return fields

    def place(self, problem: ValidationError) -> None:
        """Say what the services refused at its field, of a threshold in its row."""
        for name, errors in problem.error_dict.items():
            family, *where = name.split(".")
            if family == PREFIX and len(where) == 2:
                self.rows.filled[int(where[0])].add_error(_PARTS.get(where[1], where[1]), errors)
            else:
                field = "_".join([family, *where])
                self.add_error(field if field in self.fields else None, errors)

    def clean_exceeded_thresholds(self) -> list[Decimal]:
        return [_percentage(text) for text in self.cleaned_data["exceeded_thresholds"].replace(",", " ").split()]

    def _formset(self, *, data: Any = None, rows: list[dict[str, Any]] | None = None) -> OwnThresholdFormSet:
        formset = _FORMSET(data, prefix=PREFIX, initial=rows, form_kwargs={"units": self._units})
        return cast(OwnThresholdFormSet, formset)

    def _sent_rows(self) -> list[dict[str, Any]]:
        try:
            count = min(int(self.data.get(f"{PREFIX}-TOTAL_FORMS", "")), MOST_THRESHOLDS)
        except ValueError:
            return []
        names = OwnThresholdForm.base_fields
        return [{name: self.data.get(f"{PREFIX}-{place}-{name}", "") for name in names} for place in range(count)]


def _units(budget_currency: str | None, account_currency: str) -> list[Any]:
    share = (Measure.PERCENTAGE.value, "% of the budget")
    if budget_currency is not None:
        return [share, (budget_currency, budget_currency)]
    others = [(code, label) for code, label in currency_choices() if code != account_currency]
    return [share, (account_currency, account_currency), ("Other currencies", others)]


def _row(threshold: OwnThreshold) -> dict[str, Any]:
    is_share = threshold.currency is None
    return {
        "at": _short(threshold.at) if is_share else format_amount(threshold.at, threshold.currency or "", _LOCALE),
        "unit": threshold.currency or str(Measure.PERCENTAGE),
        "basis": str(threshold.basis),
        "level": str(threshold.level),
    }


def _percentage(text: str) -> Decimal:
    try:
        return Decimal(text)
    except InvalidOperation:
        raise forms.ValidationError(
            f"“{text}” is no percentage. Write numbers, such as 50, 75, 90.", code="invalid"
        ) from None


def _short(percentage: Decimal) -> str:
    return f"{percentage.normalize():f}"
