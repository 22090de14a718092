"""What narrows the lists of scoped budgets and of their entries. What they do not know is left out."""

from collections.abc import Iterable
from datetime import date
from typing import Any
from uuid import UUID

from django import forms

from budgets.models import EntrySource, ScopeType


class TreeFilterForm(forms.Form):
    search = forms.CharField(required=False, max_length=200, label="Find a budget", widget=forms.SearchInput())
    scope = forms.ChoiceField(required=False, label="Whose", choices=[("", "Everybody’s"), *ScopeType.choices])
    ended = forms.BooleanField(required=False, label="Ended ones too")

    def wanted(self) -> dict[str, Any]:
        """Return the arguments of `company_tree`."""
        self.is_valid()
        values = self.cleaned_data
        return {
            "search": values.get("search", ""),
            "scope_type": values.get("scope", ""),
            "with_ended": values.get("ended", False),
        }


class EntriesFilterForm(forms.Form):
    """`windows` are (first day, words); a month of the calendar goes before a window."""

    window = forms.ChoiceField(required=False, label="In")
    month = forms.CharField(
        required=False,
        label="or a month",
        widget=forms.TextInput(attrs={"type": "month", "placeholder": "2026-06"}),
    )
    source = forms.ChoiceField(required=False, label="From", choices=[("", "Everywhere"), *EntrySource.choices])

    def __init__(self, data: Any, *, windows: Iterable[tuple[date, str]]) -> None:
        super().__init__(data)
        choices = [("", "All time"), *((day.isoformat(), words) for day, words in windows)]
        self.fields["window"].choices = choices  # type: ignore[attr-defined]

    def clean_month(self) -> date | None:
        typed = self.cleaned_data["month"].strip()
        if not typed:
            return None
        try:
            day = date.fromisoformat(f"{typed}-01")
        except ValueError:
            raise forms.ValidationError("Give a month, such as 2026-06.", code="invalid") from None
        if not 1900 <= day.year <= 2999:
            raise forms.ValidationError("Give a month between the years 1900 and 2999.", code="out_of_range")
        return day

    def clean_window(self) -> date | None:
        chosen = self.cleaned_data["window"]
        return date.fromisoformat(chosen) if chosen else None


class WhatIfForm(forms.Form):
    """`parents` are (id, currency, label)."""

    parent = forms.ChoiceField(label="Stands under")

    def __init__(self, *args: Any, parents: Iterable[tuple[UUID, str, str]], **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["parent"].choices = [  # type: ignore[attr-defined]
            ("", "Choose a budget"),
            ("top", "None: it stands on top"),
            *((str(parent_id), label) for parent_id, _, label in parents),
        ]
