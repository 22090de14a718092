from collections.abc import Iterator
from itertools import groupby
from typing import Any

from django import forms

from budgets.models import BudgetLineItem
from budgets.services.transfer import movable_amount
from budgets.services.transfer_problems import SameLine, TransferExceedsAvailable
from budgetsite.money.form_fields import AmountFormField
from budgetsite.pages.amounts import format_amount

LONGEST_REASON = 2000
REASON_NEEDED = "Say why: the reason is kept with the budget."


class TransferForm(forms.Form):
    """From which line to which, how much, and why. `lines` are the budget's lines of cost, by category."""

    from_line = forms.ChoiceField(
        label="From", error_messages={"required": "Choose the line that the money is taken from."}
    )
    to_line = forms.ChoiceField(label="To", error_messages={"required": "Choose the line that receives the money."})
    amount = AmountFormField(label="Amount", error_messages={"required": "Say how much is moved."})
    reason = forms.CharField(
        label="Reason",
        max_length=LONGEST_REASON,
        widget=forms.Textarea(attrs={"rows": 3}),
        help_text="Kept in the budget's history.",
        error_messages={"required": REASON_NEEDED},
    )
    # What whoever confirms has looked at; without it there is nothing to confirm yet.
    version = forms.IntegerField(widget=forms.HiddenInput, required=False)

    def __init__(self, *args: Any, lines: list[BudgetLineItem], currency: str, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.lines = {str(line.pk): line for line in lines}
        self.fields["amount"].currency = currency  # type: ignore[attr-defined]
        from_choices, to_choices = list(_by_category(lines, giving=True)), list(_by_category(lines, giving=False))
        self.fields["from_line"].choices = [("", "Choose a line"), *from_choices]  # type: ignore[attr-defined]
        self.fields["to_line"].choices = [("", "Choose a line"), *to_choices]  # type: ignore[attr-defined]

    def clean(self) -> dict[str, Any]:
        values: dict[str, Any] = super().clean() or {}
        amount = values.get("amount")
        if "from_line" in values and values["from_line"] == values.get("to_line"):
            self.add_error("to_line", str(SameLine(self.source.name)))
        if amount is not None and amount <= 0:
            self.add_error("amount", "Say how much is moved: an amount above 0.")
        elif amount is not None and "from_line" in values:
            movable = movable_amount(self.source)
            if movable < amount:
                self.add_error("amount", str(TransferExceedsAvailable(self.source, movable=movable)))
        return values

    @property
    def source(self) -> BudgetLineItem:
        return self.lines[self.cleaned_data["from_line"]]

    @property
    def target(self) -> BudgetLineItem:
        return self.lines[self.cleaned_data["to_line"]]


class TransferStepForm(forms.Form):
    """What approving, rejecting or taking back a transfer asks for."""

    reason = forms.CharField(
        label="Reason",
        max_length=LONGEST_REASON,
        widget=forms.Textarea(attrs={"rows": 3}),
        error_messages={"required": REASON_NEEDED},
    )

    def __init__(self, *args: Any, needs_reason: bool, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["reason"].required = needs_reason
        if not needs_reason:
            self.fields["reason"].label = "Remark"


def _by_category(lines: list[BudgetLineItem], *, giving: bool) -> Iterator[tuple[str, list[tuple[str, str]]]]:
    """Yield the lines as choices, each category a group, each line with what it has left."""
    for name, group in groupby(lines, key=lambda line: line.category.name):
        yield name, [(str(line.pk), f"{line.name}: {_left_of(line, giving=giving)}") for line in group]


def _left_of(line: BudgetLineItem, *, giving: bool) -> str:
    left = movable_amount(line) if giving else line.available_amount
    if left < 0:
        return f"{format_amount(-left, line.currency)} over"
    return f"{format_amount(left, line.currency)} available" if left else "nothing available"
