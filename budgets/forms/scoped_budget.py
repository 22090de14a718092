"""A scoped budget with its thresholds, as one form. Scope, parent and currency are chosen once."""

import json
import re
from collections.abc import Iterable, Mapping
from decimal import Decimal
from typing import Any, cast
from uuid import UUID

from django import forms
from django.core.exceptions import ValidationError
from django.utils.datastructures import MultiValueDict

from budgets.forms.metadata import pairs_as_typed, read_pairs
from budgets.models import Enforcement, Period, ScopedBudget, ScopeType, ThresholdAction
from budgets.services.scoped_budget import scoped_budget_problems
from budgetsite.accounts.timezones import known_timezones
from budgetsite.money.currencies import currency_choices
from budgetsite.money.form_fields import AmountFormField

PREFIX = "thresholds"
MOST_THRESHOLDS = 20
MOST_TAGS = 50
LONGEST_TAG = 200
SCOPE_CHOICES = [("", "Choose one"), *ScopeType.choices]
TIMEZONE_CHOICES = [(name, name.replace("_", " ")) for name in known_timezones()]
_SAME_AS = ("", "As the account, or the parent")

# What the form sends on to the services under another name.
_ON_TOP = ("", "None: it stands on top")


class DayInput(forms.DateInput):
    input_type = "date"

    def __init__(self) -> None:
        super().__init__(format="%Y-%m-%d")


class ScopedBudgetForm(forms.Form):
    """What may be changed at any time. `version` says which state of it the writer saw."""

    name = forms.CharField(max_length=200, label="Name", error_messages={"required": "Name the budget."})
    amount = AmountFormField(
        label="Amount",
        help_text="What may be spent in one period.",
        error_messages={"required": "Say how much may be spent in one period."},
    )
    period = forms.ChoiceField(choices=Period.choices, label="Period", initial=Period.MONTHLY)
    start_date = forms.DateField(
        label="First day",
        widget=DayInput(),
        help_text="Each period begins on this day of its month or week.",
        error_messages={"required": "Say on which day it begins.", "invalid": "Give a day, such as 2026-06-01."},
    )
    end_date = forms.DateField(
        label="Over on",
        required=False,
        widget=DayInput(),
        help_text="The day after its last one. A custom period ends there.",
        error_messages={"invalid": "Give a day, such as 2026-12-31."},
    )
    recurring = forms.BooleanField(label="Begins anew after each period", required=False, initial=True)
    enforcement = forms.ChoiceField(
        choices=Enforcement.choices,
        label="What does not fit",
        widget=forms.RadioSelect,
        initial=Enforcement.STOP,
    )
    timezone = forms.ChoiceField(label="Time zone", required=False)
    description = forms.CharField(
        max_length=10000, required=False, label="What it is for", widget=forms.Textarea(attrs={"rows": 2})
    )
    tags = forms.CharField(
        required=False,
        label="Tags",
        max_length=10000,
        widget=forms.Textarea(attrs={"rows": 2}),
        help_text="One on each line: a label, or “label: value” for all of them. Reports can be made by them.",
    )
    version = forms.IntegerField(required=False, widget=forms.HiddenInput)

    def __init__(self, *args: Any, currency: str | None, stored: ScopedBudget | None = None, **kwargs: Any) -> None:
        if stored is not None:
            kwargs["initial"] = _values(stored)
        super().__init__(*args, **kwargs)
        self.fields["amount"].currency = currency  # type: ignore[attr-defined]
        zones = TIMEZONE_CHOICES if stored is not None else [_SAME_AS, *TIMEZONE_CHOICES]
        self.fields["timezone"].choices = zones  # type: ignore[attr-defined]

    def clean_tags(self) -> list[str] | dict[str, str]:
        """Return labels, or labels with values where each line has one."""
        lines = [line.strip() for line in self.cleaned_data["tags"].splitlines() if line.strip()]
        if len(lines) > MOST_TAGS:
            raise ValidationError(f"{MOST_TAGS} tags at most.", code="too_many")
        if any(len(line) > LONGEST_TAG for line in lines):
            raise ValidationError(f"A tag has at most {LONGEST_TAG} letters.", code="too_long")
        with_value = [line for line in lines if re.search(r"\S\s*:\s*\S", line)]
        if with_value and len(with_value) < len(lines):
            raise ValidationError("Give each line a value, or none: “label: value”, or labels alone.", code="mixed")
        return read_pairs("\n".join(lines)) if with_value else list(dict.fromkeys(lines))

    def clean(self) -> dict[str, Any]:
        """Say what the services would refuse beside what can't be read, so that everything wrong is said at once."""
        values = self.cleaned_data
        problems = scoped_budget_problems(
            amount=values.get("amount"),
            period=values.get("period", ""),
            start_date=values.get("start_date"),
            end_date=values.get("end_date"),
        )
        for name, errors in problems.items():
            if not self.has_error(name):
                self.add_error(name, errors)
        return values

    def budget_fields(self) -> dict[str, Any]:
        """Return what the services are given, thresholds left out."""
        fields = {name: value for name, value in self.cleaned_data.items() if name != "version"}
        if not fields["timezone"]:
            del fields["timezone"]
        return fields


class NewScopedBudgetForm(ScopedBudgetForm):
    """With what is chosen once. `parents` are (id, currency, label)."""

    scope_type = forms.ChoiceField(
        choices=SCOPE_CHOICES,
        label="Whose money",
        error_messages={"required": "Choose whose money it is."},
    )
    scope_id = forms.CharField(
        max_length=255,
        label="Which one",
        help_text="As everybody calls it, or as other systems know it: kitchen, ana, summer-festival.",
        error_messages={"required": "Say which team, person or project it is."},
    )
    parent = forms.ChoiceField(
        label="Stands under", required=False, help_text="What is spent here counts there too, and above."
    )
    currency = forms.ChoiceField(label="Currency", required=False)

    field_order = ("name", "scope_type", "scope_id", "parent", "currency", "amount")

    def __init__(self, *args: Any, parents: Iterable[tuple[UUID, str, str]], account_currency: str, **kwargs: Any):
        self._parents = {str(parent_id): (currency, label) for parent_id, currency, label in parents}
        super().__init__(*args, currency=None, **kwargs)
        self.fields["parent"].choices = [  # type: ignore[attr-defined]
            _ON_TOP,
            *((parent_id, label) for parent_id, (_, label) in self._parents.items()),
        ]
        usual = ("", f"The parent’s, or {account_currency}")
        self.fields["currency"].choices = [usual, *currency_choices()]  # type: ignore[attr-defined]

    def budget_fields(self) -> dict[str, Any]:
        fields = super().budget_fields()
        parent = fields.pop("parent")
        return {
            **fields,
            "parent_id": UUID(parent) if parent else None,
            "currency": fields["currency"] or None,
        }


class ThresholdForm(forms.Form):
    """From which share on what happens. A row that nobody has filled in is passed over.

    `kept` carries what a page does not offer (further actions, channels), as it was stored.
    """

    percentage = forms.DecimalField(
        label="From",
        max_digits=6,
        decimal_places=2,
        min_value=Decimal("0.01"),
        max_value=Decimal(1000),
        widget=forms.TextInput(attrs={"inputmode": "decimal", "autocomplete": "off"}),
        error_messages={
            "required": "From how many percent on?",
            "invalid": "Write a number, such as 80.",
            "min_value": "More than 0, such as 80.",
            "max_value": "1,000 at most.",
            "max_decimal_places": "Two decimals at most.",
            "max_digits": "1,000 at most, with two decimals.",
            "max_whole_digits": "1,000 at most.",
        },
    )
    action = forms.ChoiceField(label="What happens", choices=ThresholdAction.choices, initial=ThresholdAction.NOTIFY)
    message = forms.CharField(label="In your words", max_length=500, required=False)
    kept = forms.CharField(required=False, max_length=5000, widget=forms.HiddenInput)

    def threshold(self) -> dict[str, Any]:
        """Return it as the services read it. Milder actions than the chosen one, and channels, stay as they were."""
        chosen = ThresholdAction(self.cleaned_data["action"])
        kept = _read_kept(self.cleaned_data["kept"])
        milder = [action for action in kept["actions"] if ThresholdAction(action).rank < chosen.rank]
        return {
            "threshold": self.cleaned_data["percentage"],
            "actions": [chosen.value, *milder],
            "channels": kept["channels"],
            "message": self.cleaned_data["message"],
        }

    @property
    def also(self) -> list[str]:
        """What else happens from there on, in words."""
        return [ThresholdAction(action).label.lower() for action in _read_kept(self["kept"].value() or "")["actions"]]


class ThresholdFormSet(forms.BaseFormSet):
    def initial_form_count(self) -> int:
        return 0

    def total_form_count(self) -> int:
        return super().total_form_count() if self.is_bound else len(self.initial or [])

    @property
    def filled(self) -> list[ThresholdForm]:
        return [form for form in self.forms if form["percentage"].value() or form["message"].value()]

    def clean(self) -> None:
        """Say at the second row that a percentage was given before."""
        given: set[Decimal] = set()
        for form in self.filled:
            percentage = form.cleaned_data.get("percentage") if form.is_valid() else None
            if percentage is not None and percentage in given:
                form.add_error("percentage", "This percentage stands above already: one row for each.")
            elif percentage is not None:
                given.add(percentage)

    def thresholds(self) -> list[dict[str, Any]]:
        return [form.threshold() for form in self.filled]


_FORMSET = forms.formset_factory(
    ThresholdForm,
    formset=ThresholdFormSet,
    extra=0,
    max_num=MOST_THRESHOLDS,
    absolute_max=MOST_THRESHOLDS,
    validate_max=True,
)


def thresholds_formset(*, data: Any = None, rows: list[dict[str, Any]] | None = None) -> ThresholdFormSet:
    """Return the rows as they were sent (`data`), or as they are to be shown (`rows`)."""
    return cast(ThresholdFormSet, _FORMSET(data, prefix=PREFIX, initial=rows))


def stored_rows(thresholds: Iterable[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """Return stored thresholds as values of their forms."""
    rows = []
    for row in thresholds:
        # Stored from the strictest to the mildest.
        actions = list(row["actions"])
        kept = {"actions": actions[1:], "channels": list(row.get("channels") or [])}
        rows.append(
            {
                "percentage": f"{Decimal(row['threshold']).normalize():f}",
                "action": actions[0],
                "message": row.get("message", ""),
                "kept": json.dumps(kept) if kept["actions"] or kept["channels"] else "",
            }
        )
    return rows


def sent_rows(data: MultiValueDict[str, str]) -> list[dict[str, Any]]:
    """Return the rows of a page as they were typed, to be shown again in another number."""
    try:
        count = min(int(data.get(f"{PREFIX}-TOTAL_FORMS", "")), MOST_THRESHOLDS)
    except ValueError:
        return []
    names = ThresholdForm.base_fields
    return [{name: data.get(f"{PREFIX}-{place}-{name}", "") for name in names} for place in range(count)]


def _read_kept(text: str) -> dict[str, list[str]]:
    """Read what a page has sent back; what is not as it was written there is nothing."""
    try:
        kept = json.loads(text) if text else {}
        actions = [ThresholdAction(action).value for action in kept.get("actions", [])]
        channels = [str(channel) for channel in kept.get("channels", [])]
    except (ValueError, AttributeError, TypeError, RecursionError):
        return {"actions": [], "channels": []}
    # Nothing else can be stored: JSON spells NUL and halves of characters.
    return {"actions": actions, "channels": [channel for channel in channels if channel.isprintable()]}


def _values(stored: ScopedBudget) -> dict[str, Any]:
    names = ("name", "amount", "period", "start_date", "end_date", "recurring", "enforcement", "timezone", "version")
    return {
        **{name: getattr(stored, name) for name in names},
        "description": stored.description,
        "tags": pairs_as_typed(stored.tags),
    }
