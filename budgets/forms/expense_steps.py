"""What the steps of an expense ask for: promising, billing, deciding, paying."""

from decimal import Decimal
from typing import Any

from django import forms

from budgets.forms.expense import day_field
from budgets.models import Expense, PaymentMethod
from budgets.services.payment_plan import FEWEST_PARTS, MOST_PARTS, Interval
from budgetsite.money.form_fields import AmountFormField

REASON_NEEDED = "Say why: the reason is kept with the expense."
METHODS = [("", "Not said"), *PaymentMethod.choices]


class StepForm(forms.Form):
    """Promising, deciding, cancelling: a version, and a reason where one is needed."""

    override = forms.BooleanField(label="Promise more than is available", required=False)
    reason = forms.CharField(
        label="Reason",
        max_length=2000,
        required=False,
        widget=forms.Textarea(attrs={"rows": 3}),
        error_messages={"required": REASON_NEEDED},
    )
    version = forms.IntegerField(widget=forms.HiddenInput)

    def __init__(self, *args: Any, needs_reason: bool = False, may_override: bool = False, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["reason"].required = needs_reason
        if not may_override:
            del self.fields["override"]


class BillForm(forms.Form):
    """A bill, or a credit note whose amount is written without its sign."""

    amount = AmountFormField(label="Amount", error_messages={"required": "Say how much the bill is."})
    invoice_number = forms.CharField(label="Number", required=False, max_length=100)
    invoice_date = day_field("Date of the bill", required=True)
    due_date = day_field("Due", help_text="Empty: as was agreed, or by the vendor's terms.")
    final = forms.BooleanField(
        label="This is the last bill", required=False, help_text="What is still promised is released."
    )
    exchange_rate = forms.DecimalField(
        label="Rate", required=False, max_digits=18, decimal_places=8, min_value=Decimal("0.00000001")
    )
    rate_source = forms.CharField(label="Where the rate is from", required=False, max_length=200)
    confirm_duplicate = forms.BooleanField(label="It is another bill with the same number", required=False)
    version = forms.IntegerField(widget=forms.HiddenInput)

    def __init__(self, *args: Any, expense: Expense, is_credit: bool, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["amount"].currency = expense.currency  # type: ignore[attr-defined]
        self.is_credit = is_credit
        if is_credit:
            self.fields["amount"].label = "What comes back"
            self.fields["invoice_date"].label = "Date of the credit note"
            for name in ("due_date", "final"):
                del self.fields[name]
        if expense.currency == expense.budget.currency:
            del self.fields["exchange_rate"], self.fields["rate_source"]
        else:
            self.fields["exchange_rate"].help_text = (
                f"What 1 {expense.currency} is worth in {expense.budget.currency} that day. "
                "Empty: the account's rate of the day."
            )

    def clean_amount(self) -> Decimal:
        amount: Decimal = self.cleaned_data["amount"]
        if self.is_credit and amount < 0:
            raise forms.ValidationError("Write it without a minus: it is a credit note already.")
        return -amount if self.is_credit else amount

    def bill_fields(self) -> dict[str, Any]:
        """Return what `invoice_expense` is given."""
        return dict(self.cleaned_data)


class PaymentForm(forms.Form):
    """Something that was paid, or is to be paid on a day."""

    amount = AmountFormField(label="Amount", error_messages={"required": "Say how much is paid."})
    when = forms.ChoiceField(
        label="When", choices=[("paid", "It is paid"), ("due", "It is to be paid")], initial="paid"
    )
    day = day_field("Day", help_text="Empty: today, for what is paid.")
    method = forms.ChoiceField(label="How", choices=METHODS, required=False)
    reference = forms.CharField(
        label="Reference", required=False, max_length=500, help_text="As it stands on the statement; kept encrypted."
    )

    def __init__(self, *args: Any, currency: str, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["amount"].currency = currency  # type: ignore[attr-defined]

    def clean(self) -> dict[str, Any]:
        values: dict[str, Any] = super().clean() or {}
        if values.get("when") == "due" and not values.get("day") and "day" not in self.errors:
            self.add_error("day", "Say by which day it is to be paid.")
        return values


class InstalmentsForm(forms.Form):
    """What is open, in equal parts."""

    parts = forms.IntegerField(
        label="Parts",
        min_value=FEWEST_PARTS,
        max_value=MOST_PARTS,
        initial=3,
        error_messages={"required": f"Say how many parts: {FEWEST_PARTS} to {MOST_PARTS}."},
    )
    interval = forms.ChoiceField(
        label="One each", choices=[(Interval.MONTH.value, "month"), (Interval.WEEK.value, "week")]
    )
    first_due = day_field("The first on", required=True)
    method = forms.ChoiceField(label="How", choices=METHODS, required=False)


class PaidForm(forms.Form):
    """That an instalment was paid."""

    day = day_field("Paid on", help_text="Empty: today.")
    method = forms.ChoiceField(label="How", choices=METHODS, required=False)
    reference = forms.CharField(label="Reference", required=False, max_length=500)


class CommentForm(forms.Form):
    text = forms.CharField(
        label="Say something",
        max_length=5000,
        widget=forms.Textarea(attrs={"rows": 2}),
        error_messages={"required": "Write what you want to say."},
    )
