from datetime import datetime
from typing import Any
from uuid import uuid4
from zoneinfo import ZoneInfo

from django import forms
from django.core.exceptions import ValidationError

from budgets.forms.metadata import read_pairs
from budgetsite.money.form_fields import AmountFormField


class MomentInput(forms.DateTimeInput):
    input_type = "datetime-local"

    def __init__(self) -> None:
        super().__init__(format="%Y-%m-%dT%H:%M")


class UsageForm(forms.Form):
    """What was spent, by hand. `key` is the page's own: a second press of its button records nothing again."""

    amount = AmountFormField(label="Amount", error_messages={"required": "Say how much was spent."})
    when = forms.CharField(label="When", required=False, widget=MomentInput())
    description = forms.CharField(
        max_length=500, label="What for", error_messages={"required": "Say what it was spent for."}
    )
    metadata = forms.CharField(
        required=False,
        max_length=10000,
        label="More about it",
        widget=forms.Textarea(attrs={"rows": 2}),
        help_text="“label: value”, one on each line. Reports can be made by the labels.",
    )
    only_if_it_fits = forms.BooleanField(
        required=False,
        label="Only if it fits",
        help_text="Then nothing is recorded when this budget or one above it has no room. Else it is recorded whatever "
        "it overruns, because it has happened.",
    )
    key = forms.UUIDField(widget=forms.HiddenInput)

    def __init__(self, *args: Any, currency: str, timezone: str, now: datetime, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.initial["key"] = uuid4()
        self.zone, self.now = ZoneInfo(timezone), now
        self.fields["amount"].currency = currency  # type: ignore[attr-defined]
        self.fields["when"].help_text = f"On the clock of {timezone.replace('_', ' ')}. Empty: now."

    def clean_amount(self) -> Any:
        amount = self.cleaned_data["amount"]
        if amount <= 0:
            raise ValidationError("More than 0. To take something back, open its entry.", code="below_minimum")
        return amount

    def clean_when(self) -> datetime | None:
        typed = self.cleaned_data["when"]
        if not typed:
            return None
        try:
            moment = datetime.fromisoformat(typed).replace(tzinfo=self.zone)
        except ValueError:
            raise ValidationError("Give a date and a time, such as 2026-06-15 14:00.", code="invalid") from None
        if not 1900 <= moment.year <= 2999:
            raise ValidationError("Give a date between the years 1900 and 2999.", code="out_of_range")
        if moment > self.now:
            raise ValidationError("That is still to come: record it once it has happened.", code="in_future")
        return moment

    def clean_metadata(self) -> dict[str, str]:
        return read_pairs(self.cleaned_data["metadata"])


class TakeBackForm(forms.Form):
    reason = forms.CharField(
        max_length=300,
        label="Reason",
        help_text="It stands with the entry that takes this back.",
        error_messages={"required": "Say why it is taken back."},
    )
