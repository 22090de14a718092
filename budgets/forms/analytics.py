from datetime import date
from typing import Any
from uuid import UUID

from django import forms

from budgets.selectors.analytics.choices import Choices
from events.models import FIRST_YEAR, LAST_YEAR, EventType


class InquiryForm(forms.Form):
    """Which events' money to look at. What can't be read narrows nothing."""

    currency = forms.ChoiceField(required=False, label="Currency")
    event_type = forms.ChoiceField(
        required=False, label="Type of event", choices=[("", "Any type"), *EventType.choices]
    )
    client = forms.ChoiceField(required=False, label="Client")

    def __init__(self, data: Any, *, choices: Choices, currency: str, days_label: str) -> None:
        super().__init__(data, auto_id="filter-%s")
        days = forms.DateInput(attrs={"type": "date"})
        # Python's own words cannot be attributes.
        self.fields["from"] = forms.DateField(required=False, label=f"{days_label} from", widget=days)
        self.fields["to"] = forms.DateField(required=False, label="Until", widget=days)
        currencies = sorted({currency, *choices.currencies})
        self.fields["currency"].choices = [(code, code) for code in currencies]  # type: ignore[attr-defined]
        self.fields["currency"].initial = currency
        self.fields["client"].choices = [  # type: ignore[attr-defined]
            ("", "Any client"),
            *((str(pk), name) for pk, name in choices.clients),
        ]
        if len(currencies) == 1:
            del self.fields["currency"]
        if not choices.clients:
            del self.fields["client"]

    def narrowing(self) -> dict[str, Any]:
        """Return the arguments of an inquiry."""
        self.is_valid()
        found = getattr(self, "cleaned_data", {})
        first, last = (_usable(found.get(name)) for name in ("from", "to"))
        if first and last and first > last:
            first, last = last, first
        return {
            "currency": found.get("currency") or "",
            "event_type": found.get("event_type") or "",
            "client_id": UUID(found["client"]) if found.get("client") else None,
            "first": first,
            "last": last,
        }


def _usable(day: date | None) -> date | None:
    return day if day is not None and FIRST_YEAR <= day.year <= LAST_YEAR else None
