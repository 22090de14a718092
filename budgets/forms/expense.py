from collections.abc import Sequence
from datetime import date
from decimal import Decimal
from typing import Any

from django import forms
from django.utils.formats import date_format

from budgets.models import Expense
from budgets.selectors.expense_targets import Targets, line_key
from budgets.services.quick_expense import PAID, Question
from budgets.services.texts import plain_breaks
from budgetsite.money.currencies import currency_choices, is_currency
from budgetsite.money.form_fields import AmountFormField
from budgetsite.pages.amounts import format_amount

STAGES = [
    ("planned", "Planned: no money moves"),
    ("committed", "Committed: promised, no bill yet"),
    ("invoiced", "Invoiced: the bill is here"),
    (PAID, "Paid: billed and paid"),
]


def day_field(label: str, **more: Any) -> forms.DateField:
    return forms.DateField(
        label=label,
        required=more.pop("required", False),
        widget=forms.DateInput(attrs={"type": "date"}, format="%Y-%m-%d"),
        error_messages={"invalid": "Write the day as year-month-day, such as 2027-05-12."},
        **more,
    )


class ExpenseForm(forms.Form):
    """One expense of a budget, new or as it is. `questions` are what a quick line left open, drawn as choices."""

    description = forms.CharField(
        max_length=500, label="What is it?", error_messages={"required": "Say what is bought."}
    )
    target = forms.ChoiceField(
        label="For", error_messages={"required": "Choose what it is for: a line, or a category."}
    )
    amount = AmountFormField(label="Amount", error_messages={"required": "Say how much it is."})
    currency = forms.ChoiceField(label="Currency", error_messages={"required": "Choose the currency."})
    vendor = forms.CharField(label="Vendor", required=False, max_length=200)
    stage = forms.ChoiceField(label="How far is it?", choices=STAGES, initial="planned")
    expense_date = day_field("Day of the expense", help_text="Empty: today.")
    due_date = day_field("Due")
    invoice_number = forms.CharField(label="Bill number", required=False, max_length=100)
    exchange_rate = forms.DecimalField(
        label="Rate", required=False, max_digits=18, decimal_places=8, min_value=Decimal("0.00000001")
    )
    rate_source = forms.CharField(label="Where the rate is from", required=False, max_length=200)
    notes = forms.CharField(
        label="Notes",
        required=False,
        max_length=10000,
        widget=forms.Textarea(attrs={"rows": 2}),
        help_text="The team's own; a client does not see them.",
    )
    confirm_duplicate = forms.BooleanField(label="It is another bill with the same number", required=False)
    override = forms.BooleanField(label="Promise more than is available", required=False)
    reason = forms.CharField(label="Why", required=False, max_length=2000)
    version = forms.IntegerField(widget=forms.HiddenInput, required=False)

    def __init__(
        self,
        *args: Any,
        targets: Targets,
        currency: str,
        vendors: Sequence[str] = (),
        expense: Expense | None = None,
        for_team: bool = True,
        questions: Sequence[Question] = (),
        **kwargs: Any,
    ) -> None:
        self.targets, self.expense, self.questions = targets, expense, list(questions)
        kwargs.setdefault("auto_id", "expense-%s")
        if expense is not None:
            kwargs["initial"] = expense_values(expense)
        kwargs["initial"] = {"currency": currency} | kwargs.get("initial", {})
        super().__init__(*args, **kwargs)
        if expense is not None:
            del self.fields["stage"]
            self.fields["expense_date"].help_text = "Empty: as it is."
        if not for_team:
            for name in ("notes", "exchange_rate", "rate_source", "confirm_duplicate", "override", "reason"):
                self.fields.pop(name, None)
            if "stage" in self.fields:
                self.fields["stage"].help_text = "It waits for the team, and goes so far once they agree."
        self.fields["target"].choices = _target_choices(targets)  # type: ignore[attr-defined]
        self.fields["currency"].choices = [("", "Choose"), *currency_choices()]  # type: ignore[attr-defined]
        self.vendors = vendors
        self.fields["vendor"].widget.attrs |= {"list": "expense-vendors", "autocomplete": "off"}
        chosen = self["currency"].value()
        if is_currency(chosen or ""):
            self.fields["amount"].currency = chosen  # type: ignore[attr-defined]
        if "exchange_rate" in self.fields:
            self.fields[
                "exchange_rate"
            ].help_text = f"What one unit is worth in {currency}. Empty: the account's rate of the day."
        # The options' own names, whatever their labels say.
        self.choice_names = {target.key: target.name for target in targets.all}
        # In the order of the fields, so that the first to be answered is the first to be met.
        self.questions.sort(key=lambda question: list(self.fields).index(question.part))
        for question in self.questions:
            self._put(question)

    def _put(self, question: Question) -> None:
        field = self.fields[question.part]
        labels = {value: self._label(question.part, value) for value in question.choices}
        if question.part == "target" and labels:
            field.choices = [("", "Choose one"), ("You may mean", list(labels.items())), *field.choices[1:]]  # type: ignore[attr-defined]
        elif question.choices:
            field.widget = forms.RadioSelect(choices=list(labels.items()), attrs=dict(field.widget.attrs))
        field.help_text = question.text
        field.widget.attrs["data-asks"] = True
        if question is self.questions[0]:
            field.widget.attrs["autofocus"] = True

    def _label(self, part: str, value: str) -> str:
        if part == "target":
            target = next(one for one in self.targets.all if one.key == value)
            return f"{target.name} ({target.category})" if target.is_line else target.name
        if part == "vendor":
            return value if value in self.vendors else f"{value} (new)"
        if part == "due_date":
            return date_format(date.fromisoformat(value), "l j F Y")
        if part == "stage":
            return dict(STAGES)[value]
        return value

    def expense_fields(self) -> dict[str, Any]:
        """Return what the expenses' services are given."""
        values = dict(self.cleaned_data)
        fields = {
            name: values[name]
            for name in ("description", "amount", "currency", "vendor", "expense_date", "due_date", "invoice_number")
        }
        fields |= self.targets.fields_of(values["target"])
        for name in ("notes", "override", "reason"):
            if name in values:
                fields[name] = values[name]
        if values.get("exchange_rate") is not None:
            fields |= {"exchange_rate": values["exchange_rate"], "rate_source": values["rate_source"]}
        return fields

    def clean_notes(self) -> str:
        return plain_breaks(self.cleaned_data["notes"])


def expense_values(expense: Expense) -> dict[str, Any]:
    """Return an expense as the form's values."""
    return {
        "description": expense.description,
        "target": line_key(expense.line_item),
        "amount": expense.amount,
        "currency": expense.currency,
        "vendor": expense.vendor.name if expense.vendor else "",
        "expense_date": expense.expense_date,
        "due_date": expense.due_date,
        "invoice_number": expense.invoice_number,
        "notes": expense.notes,
        "version": expense.version,
    }


def _target_choices(targets: Targets) -> list[Any]:
    by_category: dict[str, list[tuple[str, str]]] = {}
    for line in targets.lines:
        left = line.available_amount
        words = f"{format_amount(abs(left), line.currency)} {'left' if left >= 0 else 'over'}"
        beside = " (not in the plan)" if line.is_unbudgeted else f": {words}"
        by_category.setdefault(line.category.name, []).append((line_key(line), f"{line.name}{beside}"))
    planned = targets.planned
    with_lines = [(f"category:{one.pk}", one.name) for one in targets.categories if one.pk in planned]
    without = [(f"category:{one.pk}", one.name) for one in targets.categories if one.pk not in planned]
    groups: list[Any] = [("", "Choose one"), *by_category.items()]
    if with_lines:
        groups.append(("Any line of a category that has room", with_lines))
    if without:
        groups.append(("Not in the plan: this makes a line that says so", without))
    return groups
