from decimal import Decimal
from typing import Any

from django import forms

from budgets.models import BudgetLineItem, Category, EventBudget
from budgetsite.money.form_fields import AmountFormField

PLAN_FIELDS = ("name", "category", "section", "description", "budgeted_amount")


class LineItemForm(forms.Form):
    """One line of a budget. Without `plan_open` it asks for the actual amount alone.

    `version` says which state of the line its reader saw, `actual_read` which actual: spending does not change the
    version, and an actual that nobody touched is not sent.
    """

    name = forms.CharField(max_length=200, label="Line", error_messages={"required": "Name the line."})
    category = forms.ChoiceField(label="Category", error_messages={"required": "Choose a category."})
    section = forms.CharField(max_length=200, label="Section", required=False)
    description = forms.CharField(max_length=2000, label="Note", required=False)
    budgeted_amount = AmountFormField(
        label="Budgeted", minimum=Decimal(0), error_messages={"required": "Say what is planned; it may be 0."}
    )
    actual_amount = AmountFormField(label="Actual", required=False)
    version = forms.IntegerField(widget=forms.HiddenInput, required=False)
    actual_read = AmountFormField(widget=forms.HiddenInput, required=False)

    def __init__(
        self,
        *args: Any,
        budget: EventBudget,
        categories: list[Category],
        line: BudgetLineItem | None = None,
        plan_open: bool = True,
        **kwargs: Any,
    ) -> None:
        self.budget, self.line = budget, line
        kwargs.setdefault("auto_id", f"line-{line.pk if line else 'new'}-%s")
        if line is not None:
            kwargs["initial"] = line_values(line) | {
                "version": line.version,
                "actual_read": line.actual_amount,
                **kwargs.get("initial", {}),
            }
        super().__init__(*args, **kwargs)
        for name in ("budgeted_amount", "actual_amount", "actual_read"):
            self.fields[name].currency = budget.currency  # type: ignore[attr-defined]
        self.fields["category"].choices = [  # type: ignore[attr-defined]
            (str(category.pk), category.name) for category in categories
        ]
        if not plan_open:
            for name in PLAN_FIELDS:
                del self.fields[name]

    def line_fields(self) -> dict[str, Any]:
        """Return what the line items' services are given: the plan, and the actual where it was changed."""
        fields = {name: self.cleaned_data[name] for name in PLAN_FIELDS if name in self.cleaned_data}
        if self.changes_actual:
            fields["actual_amount"] = self.cleaned_data["actual_amount"]
        return fields

    @property
    def changes_actual(self) -> bool:
        typed, read = self.cleaned_data.get("actual_amount"), self.cleaned_data.get("actual_read")
        return typed is not None and typed != read


def line_values(line: BudgetLineItem) -> dict[str, Any]:
    """Return a line as the form's values."""
    return {
        "name": line.name,
        "category": str(line.category_id),
        "section": line.section,
        "description": line.description,
        "budgeted_amount": line.budgeted_amount,
        "actual_amount": line.actual_amount,
    }
