from decimal import Decimal
from typing import Any

from django import forms

from budgets.services.texts import plain_breaks
from budgetsite.money.form_fields import AmountFormField

FOLLOWS_HELP = "The ceiling that the lines have to fit within. Left empty, it follows the lines."


class NewBudgetForm(forms.Form):
    total_budget_amount = AmountFormField(label="Total", required=False, minimum=Decimal(0), help_text=FOLLOWS_HELP)
    notes = forms.CharField(label="Notes", required=False, max_length=10000, widget=forms.Textarea)

    def __init__(self, *args: Any, currency: str, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["total_budget_amount"].currency = currency  # type: ignore[attr-defined]

    def clean_notes(self) -> str:
        return plain_breaks(self.cleaned_data["notes"])


class BudgetForm(NewBudgetForm):
    """The total and the notes; without `plan_open` the notes alone. An empty total follows the lines."""

    version = forms.IntegerField(widget=forms.HiddenInput)

    def __init__(self, *args: Any, plan_open: bool, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if not plan_open:
            del self.fields["total_budget_amount"]

    def budget_fields(self) -> dict[str, Any]:
        """Return what the budget's service is given: a total of 0 follows the lines."""
        fields: dict[str, Any] = {"notes": self.cleaned_data["notes"]}
        if "total_budget_amount" in self.fields:
            fields["total_budget_amount"] = self.cleaned_data["total_budget_amount"] or Decimal(0)
        return fields
