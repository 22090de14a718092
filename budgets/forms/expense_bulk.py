from collections.abc import Iterable
from typing import Any
from uuid import UUID

from django import forms

from budgets.forms.expense import day_field
from budgets.models import BudgetLineItem, Category
from budgets.services.expense_bulk_steps import CANCEL, COMMIT

ACTIONS = [
    ("move", "Move to a line or category"),
    ("due", "Set the due date"),
    ("vendor", "Set the vendor"),
    (COMMIT, "Mark as promised"),
    (CANCEL, "Cancel them"),
]


class BulkForm(forms.Form):
    """What is to happen to the chosen expenses. `lines` are those of their budget, where all have one."""

    action = forms.ChoiceField(label="What is to happen?", choices=ACTIONS, widget=forms.RadioSelect)
    target = forms.ChoiceField(label="Line or category", required=False)
    due_date = day_field("Due", help_text="Empty: without a due date.")
    vendor = forms.CharField(label="Vendor", required=False, max_length=200, help_text="Empty: without a vendor.")

    def __init__(
        self, *args: Any, lines: Iterable[BudgetLineItem], categories: Iterable[Category], **kwargs: Any
    ) -> None:
        super().__init__(*args, **kwargs)
        groups: list[Any] = [("", "Choose one")]
        of_lines = [(f"line:{line.pk}", line.name) for line in lines]
        if of_lines:
            groups.append(("Lines", of_lines))
        groups.append(("Categories", [(f"category:{category.pk}", category.name) for category in categories]))
        self.fields["target"].choices = groups  # type: ignore[attr-defined]

    def clean(self) -> dict[str, Any]:
        values: dict[str, Any] = super().clean() or {}
        if values.get("action") == "move" and not values.get("target"):
            self.add_error("target", "Choose where they are moved to.")
        return values

    def change(self) -> dict[str, Any]:
        """Return what `change_many` is given."""
        values = self.cleaned_data
        action = values["action"]
        if action in (COMMIT, CANCEL):
            return {"step": action}
        if action == "due":
            return {"due_date": values["due_date"]}
        if action == "vendor":
            return {"vendor": values["vendor"]}
        kind, _, pk = values["target"].partition(":")
        return {"line_item_id" if kind == "line" else "category": UUID(pk)}
