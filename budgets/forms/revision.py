"""What a reader asks of a budget's plans: which two to compare, what to discard, and which moment to look at."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

from django import forms

from budgets.selectors.plan_as_of import FutureMoment, UnreadableMoment, parse_moment
from budgets.selectors.revisions import RevisionEntry


class CompareForm(forms.Form):
    """Which plan, against which earlier one."""

    revision = forms.TypedChoiceField(coerce=int, label="Revision")
    against = forms.TypedChoiceField(coerce=int, label="Compared with")

    def __init__(self, *args: Any, entries: Sequence[RevisionEntry], **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        choices = [(entry.number, f"{entry.number}, {STATE_WORDS[entry.state].lower()}") for entry in entries]
        revision, against = self.fields["revision"], self.fields["against"]
        assert isinstance(revision, forms.TypedChoiceField)
        assert isinstance(against, forms.TypedChoiceField)
        revision.choices = choices[:-1]
        against.choices = choices[1:]


class DiscardForm(forms.Form):
    version = forms.IntegerField(widget=forms.HiddenInput)
    reason = forms.CharField(
        max_length=2000,
        required=False,
        widget=forms.Textarea(attrs={"rows": 3}),
        help_text="It is kept with the budget.",
    )


class MomentForm(forms.Form):
    """A day in the event's time zone, and a time where the end of that day is too late."""

    day = forms.DateField(
        label="Day",
        widget=forms.DateInput(attrs={"type": "date"}, format="%Y-%m-%d"),
        error_messages={"required": "Choose a day.", "invalid": "Write a day such as 2026-05-31."},
    )
    time = forms.TimeField(
        label="Time",
        required=False,
        widget=forms.TimeInput(attrs={"type": "time"}, format="%H:%M"),
        error_messages={"invalid": "Write a time such as 18:30."},
    )

    def __init__(self, *args: Any, zone: str, now: datetime, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._zone, self._now = zone, now
        self.fields["day"].widget.attrs["max"] = now.astimezone(ZoneInfo(zone)).date().isoformat()

    def clean(self) -> dict[str, Any]:
        values: dict[str, Any] = super().clean() or {}
        day, time = values.get("day"), values.get("time")
        if day is None:
            return values
        asked = day if time is None else datetime.combine(day, time, ZoneInfo(self._zone))
        try:
            values["moment"] = parse_moment(asked.isoformat(), zone=self._zone, now=self._now)
        except FutureMoment:
            self.add_error("day" if time is None else "time", "That is still to come. Choose today or a day before it.")
        except UnreadableMoment as problem:
            self.add_error("day", str(problem))
        return values


STATE_WORDS = {
    "in_force": "In force",
    "superseded": "Superseded",
    "draft": "Being written",
    "review": "In review",
}
