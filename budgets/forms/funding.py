"""Choosing which company budget pays for an event's budget."""

from collections.abc import Sequence
from typing import Any

from django import forms

# What stands for no budget.
NOTHING = "nothing"


class FunderForm(forms.Form):
    """`funders` are (id, label) in the order of the tree."""

    funder = forms.ChoiceField(
        label="Paid from",
        help_text="What this event promises and spends counts there, and in every budget above.",
        error_messages={
            "required": "Choose a budget, or that none pays.",
            "invalid_choice": "This budget is gone, is over, or has another currency. Choose another one.",
        },
    )

    def __init__(self, *args: Any, funders: Sequence[tuple[Any, str]], **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.labels = {str(key): label for key, label in funders}
        choices = [(NOTHING, "No company budget"), *self.labels.items()]
        self.fields["funder"].choices = choices  # type: ignore[attr-defined]


class FundingForm(forms.Form):
    """`needs_override`: what is promised does not fit, and somebody who may lets it go all the same."""

    reason = forms.CharField(
        label="Remark",
        required=False,
        max_length=2000,
        widget=forms.Textarea(attrs={"rows": 2}),
        help_text="Kept with the decisions on this budget.",
    )

    def __init__(self, *args: Any, needs_override: bool, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if needs_override:
            reason = self.fields["reason"]
            reason.label, reason.required = "Reason", True
            reason.error_messages["required"] = "Say why it goes there although it does not fit."
