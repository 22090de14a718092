from collections.abc import Sequence
from typing import Any
from uuid import UUID

from django import forms

from registrations.models import MAX_PARTY, EventOption, RegistrationStatus
from registrations.selectors.desk_page import NO_OPTION

LONGEST_NOTES = 10_000
LONGEST_REASON = 2_000
PARTY_RANGE = f"A party is of 1 to {MAX_PARTY} people."


class RegisterForm(forms.Form):
    """What somebody asks for. `options` and `slots` are those of the event, the full ones too: refusing says more."""

    option = forms.ChoiceField(
        label="What would you like?",
        widget=forms.RadioSelect,
        error_messages={"required": "Choose what you would like."},
    )
    slot = forms.ChoiceField(label="When do you come to collect?", required=False)
    party_size = forms.IntegerField(
        label="How many people are you?",
        min_value=1,
        max_value=MAX_PARTY,
        initial=1,
        error_messages={"min_value": PARTY_RANGE, "max_value": PARTY_RANGE, "required": PARTY_RANGE},
    )
    notes = forms.CharField(
        label="Anything that we should know?",
        max_length=LONGEST_NOTES,
        required=False,
        widget=forms.Textarea(attrs={"rows": 2}),
    )

    def __init__(self, *args: Any, options: Sequence[EventOption], slots: Sequence[Any], **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        choices = [(str(option.pk), option.option_name) for option in options]
        self.fields["option"].choices = [*choices, (NO_OPTION, "Just take part")]  # type: ignore[attr-defined]
        if not options:
            self.fields["option"].initial = NO_OPTION
            self.fields["option"].widget = forms.HiddenInput()
        self.fields["slot"].choices = [("", "Any time"), *slots]  # type: ignore[attr-defined]
        if not slots:
            del self.fields["slot"]

    def wish(self) -> dict[str, Any]:
        """The arguments of `register` and `join_waitlist`."""
        values = self.cleaned_data
        return {
            "option_id": None if values["option"] == NO_OPTION else UUID(values["option"]),
            "slot_id": UUID(values["slot"]) if values.get("slot") else None,
            "party_size": values["party_size"],
            "notes": values["notes"],
        }


class DeskFilterForm(forms.Form):
    search = forms.CharField(label="Name or e-mail", required=False, max_length=200)
    status = forms.ChoiceField(
        label="Status", required=False, choices=[("", "Any status"), *RegistrationStatus.choices]
    )
    option = forms.ChoiceField(label="Option", required=False)
    slot = forms.ChoiceField(label="Slot", required=False)

    def __init__(self, *args: Any, options: Sequence[EventOption], slots: Sequence[Any], **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        choices = [(str(option.pk), option.option_name) for option in options]
        self.fields["option"].choices = [  # type: ignore[attr-defined]
            ("", "Any option"),
            *choices,
            (NO_OPTION, "Without an option"),
        ]
        self.fields["slot"].choices = [("", "Any slot"), *slots]  # type: ignore[attr-defined]

    def narrowing(self) -> dict[str, Any]:
        """The arguments of `desk_rows`; what can't be read narrows nothing."""
        if not self.is_valid():
            return {}
        values = self.cleaned_data
        return {
            "search": values["search"].strip(),
            "status": values["status"],
            "option": values["option"],
            "slot_id": UUID(values["slot"]) if values["slot"] else None,
        }


class AssignSlotForm(forms.Form):
    slot = forms.ChoiceField(label="Slot", error_messages={"required": "Choose a slot."})

    def __init__(self, *args: Any, slots: Sequence[Any], **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["slot"].choices = [("", "Choose a slot"), *slots]  # type: ignore[attr-defined]


class ReasonForm(forms.Form):
    """Why something is cancelled, rejected or taken back."""

    reason = forms.CharField(
        label="Reason",
        max_length=LONGEST_REASON,
        widget=forms.Textarea(attrs={"rows": 3}),
        error_messages={"required": "Say why: the reason is kept with the registration."},
    )

    def __init__(self, *args: Any, is_required: bool = False, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["reason"].required = is_required


class OverridingReasonForm(ReasonForm):
    """For who may promise more than the company's budgets have."""

    override = forms.BooleanField(label="Approve all the same, with the reason given here", required=False)
    field_order = ("override", "reason")


class PriorityForm(forms.Form):
    priority = forms.IntegerField(label="Priority", min_value=-1000, max_value=1000)


class StatusImportForm(forms.Form):
    """A table of decisions; the file need not be chosen again while the one that was looked at is kept."""

    file = forms.FileField(
        label="File",
        allow_empty_file=True,
        help_text="CSV or XLSX with the columns id (or email and option) and status, as the export writes them.",
        error_messages={"required": "Choose a file first."},
        widget=forms.ClearableFileInput(attrs={"accept": ".csv,.xlsx"}),
    )

    def __init__(self, *args: Any, has_kept: bool = False, was_kept: bool = False, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["file"].required = not has_kept
        if was_kept and not has_kept:
            self.fields["file"].error_messages["required"] = "The file is no longer here. Choose it once more."
