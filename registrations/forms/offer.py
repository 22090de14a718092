"""What an event offers: options, slots, the rules of its desk."""

from collections.abc import Sequence
from decimal import Decimal
from typing import Any
from uuid import UUID

from django import forms

from budgets.models import BudgetLineItem
from budgetsite.money.form_fields import AmountFormField
from registrations.models import DEFAULT_CAPACITY, MOST_PLACES, EventOption, OptionType
from registrations.services.desk import MOST_CANCEL_HOURS, MOST_OFFER_MINUTES
from registrations.services.slot import LONGEST_MINUTES, SHORTEST_MINUTES

MOST_SORT = 10_000


class OptionForm(forms.Form):
    """`lines` are the lines of cost in the event's budget."""

    option_name = forms.CharField(label="Name", max_length=200)
    option_type = forms.ChoiceField(label="Type", choices=OptionType.choices, initial=OptionType.INVENTORY)
    description = forms.CharField(
        label="Description", required=False, max_length=10_000, widget=forms.Textarea(attrs={"rows": 3})
    )
    total_available = forms.IntegerField(label="Places", min_value=0, max_value=MOST_PLACES)
    cost_per_unit = AmountFormField(
        label="Cost of one place",
        minimum=Decimal(0),
        initial=Decimal(0),
        help_text="What one place costs the event's budget when it is approved.",
    )
    line_item = forms.ChoiceField(label="Paid from", required=False)
    sort_order = forms.IntegerField(
        label="Position", required=False, min_value=0, max_value=MOST_SORT, help_text="Low numbers stand first."
    )

    def __init__(self, *args: Any, currency: str, lines: Sequence[BudgetLineItem], **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["cost_per_unit"].currency = currency  # type: ignore[attr-defined]
        choices = [(str(line.pk), line.name) for line in lines]
        self.fields["line_item"].choices = [("", "The budget as a whole"), *choices]  # type: ignore[attr-defined]

    def option_fields(self) -> dict[str, Any]:
        """The arguments of `create_option` and `update_option`."""
        values = dict(self.cleaned_data)
        line_item = values.pop("line_item")
        return {
            **values,
            "sort_order": values["sort_order"] or 0,
            "line_item_id": UUID(line_item) if line_item else None,
        }


def values_of(option: EventOption) -> dict[str, Any]:
    """Return what the form of an option begins with."""
    names = ("option_name", "option_type", "description", "total_available", "cost_per_unit", "sort_order")
    return {name: getattr(option, name) for name in names} | {"line_item": str(option.line_item_id or "")}


class SlotsForm(forms.Form):
    """The slots of one day, in the event's time zone."""

    date = forms.DateField(label="Day", widget=forms.DateInput(attrs={"type": "date"}, format="%Y-%m-%d"))
    begins = forms.TimeField(label="From", widget=forms.TimeInput(attrs={"type": "time"}, format="%H:%M"))
    ends = forms.TimeField(label="To", widget=forms.TimeInput(attrs={"type": "time"}, format="%H:%M"))
    minutes = forms.IntegerField(
        label="Minutes each",
        initial=30,
        min_value=SHORTEST_MINUTES,
        max_value=LONGEST_MINUTES,
        help_text=f"{SHORTEST_MINUTES} to {LONGEST_MINUTES}.",
    )
    capacity = forms.IntegerField(label="People in each", initial=DEFAULT_CAPACITY, min_value=1, max_value=MOST_PLACES)
    locations = forms.CharField(
        label="Places",
        required=False,
        max_length=4_000,
        widget=forms.Textarea(attrs={"rows": 2}),
        help_text="One on each line; each gets slots of its own. Leave it empty for one place without a name.",
    )

    def clean_locations(self) -> list[str]:
        places = [line.strip() for line in self.cleaned_data["locations"].splitlines() if line.strip()]
        if any(len(place) > 200 for place in places):
            raise forms.ValidationError("A place's name has 200 letters at most.")
        return places


class CapacityForm(forms.Form):
    capacity = forms.IntegerField(label="People in this slot", min_value=1, max_value=MOST_PLACES)


class LowerBudgetForm(forms.Form):
    amount = AmountFormField(label="Budget", minimum=Decimal(0))

    def __init__(self, *args: Any, currency: str, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["amount"].currency = currency  # type: ignore[attr-defined]


class PolicyForm(forms.Form):
    cancel_until_hours = forms.IntegerField(
        label="Cancelling is free until so many hours before the event",
        min_value=0,
        max_value=MOST_CANCEL_HOURS,
        help_text="0: until it begins.",
    )
    kept_share = forms.DecimalField(
        label="What stays as cost when somebody cancels later",
        min_value=0,
        max_value=100,
        max_digits=5,
        decimal_places=2,
        help_text="In percent of what was promised for them.",
    )
    offer_minutes = forms.IntegerField(
        label="A place that became free is kept for the next in the queue for so many minutes",
        min_value=1,
        max_value=MOST_OFFER_MINUTES,
        help_text="1,440 minutes are a day.",
    )
