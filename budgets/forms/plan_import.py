from decimal import Decimal
from typing import Any

from django import forms

from budgets.services.plan_import import OnExisting
from budgetsite.money.form_fields import AmountFormField
from budgetsite.sheets.reading import MAX_BYTES, MAX_ROWS
from events.models import Event


class ImportForm(forms.Form):
    """Which file, into which event's plan, and what to do in the cases that need a decision."""

    event = forms.ChoiceField(label="Event", help_text="An event without a budget gets one.")
    file = forms.FileField(
        label="File",
        help_text=(
            f"A CSV or Excel (XLSX) file of up to {MAX_ROWS:,} rows and {MAX_BYTES // 1_000_000} MB. The first row "
            "names the columns: category and name are needed; budgeted amount, actual amount, section, description "
            "and notes are read too."
        ),
        error_messages={"required": "Choose the file with your plan."},
    )
    total_budget_amount = AmountFormField(
        label="Total",
        required=False,
        minimum=Decimal(0),
        help_text="The ceiling. Left empty, a new budget follows its lines and an old one keeps its total.",
    )
    create_categories = forms.BooleanField(required=False, label="Make categories that the account does not have yet")
    # Asked once the file has such rows.
    on_existing = forms.ChoiceField(
        label="Rows that the budget has already",
        required=False,
        initial=OnExisting.REFUSE,
        choices=[
            (OnExisting.REFUSE, "Import nothing: I change the file first"),
            (OnExisting.SKIP, "Leave them out and import the others"),
            (OnExisting.ADD, "Import them too, so that they stand there twice"),
        ],
    )
    decimal_mark = forms.ChoiceField(
        label="Amounts are written",
        required=False,
        choices=[("", "Find out from the file"), (".", "1,234.50, with a point"), (",", "1.234,50, with a comma")],
    )

    def __init__(
        self, *args: Any, events: list[Event], may_make_categories: bool, kept_file: bool = False, **kwargs: Any
    ) -> None:
        super().__init__(*args, **kwargs)
        if not may_make_categories:
            # Whatever is sent for a disabled field is not read.
            self.fields["create_categories"].disabled = True
            self.fields["create_categories"].help_text = "Owners and managers may do this: ask one of them."
        self.fields["file"].required = not kept_file
        self.events = {str(event.pk): event for event in events}
        choices = [(key, f"{event.name} ({event.currency})") for key, event in self.events.items()]
        self.fields["event"].choices = [("", "Choose an event"), *choices]  # type: ignore[attr-defined]

    def clean_on_existing(self) -> str:
        return self.cleaned_data["on_existing"] or OnExisting.REFUSE

    @property
    def chosen_event(self) -> Event:
        return self.events[self.cleaned_data["event"]]
