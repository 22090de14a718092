from collections.abc import Iterable
from datetime import date, datetime, time, timedelta
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

from django import forms

from budgets.selectors.api_keys import OfferedBudget
from budgetsite.accounts.models import ApiKey, User
from budgetsite.accounts.permissions import MACHINE_ACTIONS

ALL, SOME = "all", "some"
OVERLAPS = [
    ("0", "Not at all: the old secret may be in wrong hands"),
    ("1", "One hour"),
    ("24", "One day"),
    ("72", "Three days"),
    ("168", "A week"),
]


class ApiKeyForm(forms.Form):
    name = forms.CharField(
        label="Name", max_length=100, help_text="Which machine uses it, so that everybody knows what stops without it."
    )
    actions = forms.MultipleChoiceField(
        label="It may",
        choices=list(MACHINE_ACTIONS.items()),
        widget=forms.CheckboxSelectMultiple,
        error_messages={"required": "Choose at least one: a key that may do nothing is of no use."},
    )
    reach = forms.ChoiceField(
        label="In which budgets",
        choices=[
            (ALL, "All budgets of the account, those to come included"),
            (SOME, "Only these, with what lies below them"),
        ],
        widget=forms.RadioSelect,
        initial=ALL,
    )
    budgets = forms.MultipleChoiceField(label="These budgets", required=False, widget=forms.CheckboxSelectMultiple)
    expires_on = forms.DateField(
        label="Works until",
        required=False,
        widget=forms.DateInput(attrs={"type": "date"}),
        help_text="The end of this day, where the account is. Empty: until it is revoked.",
    )

    def __init__(
        self, *args: Any, offered: Iterable[OfferedBudget], timezone: str, key: ApiKey | None = None, **kwargs: Any
    ) -> None:
        self.zone = ZoneInfo(timezone)
        kwargs["initial"] = {} if key is None else self._values(key)
        super().__init__(*args, **kwargs)
        self.fields["budgets"].choices = [  # type: ignore[attr-defined]
            (str(budget.budget_id), f"{'– ' * budget.level}{budget.name} ({budget.scope.lower()})")
            for budget in offered
        ]

    def clean(self) -> dict[str, Any]:
        values = super().clean() or {}
        if values.get("reach") == SOME and not values.get("budgets") and "budgets" not in self.errors:
            self.add_error("budgets", "Choose the budgets that it reaches, or all of the account above.")
        return values

    def key_fields(self) -> dict[str, Any]:
        """Return what the services are given; the moment at which it expires only where another day was chosen."""
        values = self.cleaned_data
        chosen = values["budgets"] if values["reach"] == SOME else []
        fields = {
            "name": values["name"],
            "actions": values["actions"],
            "budget_ids": [UUID(budget_id) for budget_id in chosen],
        }
        if "expires_on" in self.changed_data:
            fields["expires_at"] = self._end_of(values["expires_on"])
        return fields

    def _end_of(self, day: date | None) -> datetime | None:
        return None if day is None else datetime.combine(day + timedelta(days=1), time(), self.zone)

    def _values(self, key: ApiKey) -> dict[str, Any]:
        expires_on = key.expires_at and (key.expires_at - timedelta(microseconds=1)).astimezone(self.zone).date()
        return {
            "name": key.name,
            "actions": key.actions,
            "reach": SOME if key.budget_ids else ALL,
            "budgets": [str(budget_id) for budget_id in key.budget_ids],
            "expires_on": expires_on,
            "responsible": str(key.responsible_id),
        }


class ApiKeyChangeForm(ApiKeyForm):
    responsible = forms.ChoiceField(
        label="Responsible", help_text="Whose name stands in the history of what the machine does."
    )

    def __init__(self, *args: Any, people: Iterable[User], **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        choices = [(str(person.pk), str(person)) for person in people]
        if self.initial["responsible"] not in dict(choices):
            choices.insert(0, ("", "Choose somebody"))
            self.initial["responsible"] = ""
        self.fields["responsible"].choices = choices  # type: ignore[attr-defined]

    def key_fields(self) -> dict[str, Any]:
        return {**super().key_fields(), "responsible_id": UUID(self.cleaned_data["responsible"])}


class RotationForm(forms.Form):
    overlap = forms.ChoiceField(
        label="How long the old secret still works",
        choices=OVERLAPS,
        widget=forms.RadioSelect,
        initial="24",
    )
