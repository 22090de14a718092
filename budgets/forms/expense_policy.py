from decimal import Decimal
from typing import Any

from django import forms

from budgets.models import ExpensePolicy
from budgetsite.money.form_fields import AmountFormField


class PolicyForm(forms.Form):
    """What the account allows of expenses."""

    largest_amount = AmountFormField(
        label="Largest amount",
        minimum=Decimal("0.001"),
        help_text="No expense may be larger, in its own currency; typing errors usually are.",
        error_messages={"required": "Say how large an expense may be."},
    )
    receipt_hosts = forms.CharField(
        label="Receipts may be links to",
        required=False,
        widget=forms.Textarea(attrs={"rows": 3, "spellcheck": "false"}),
        help_text="One host on each line, such as drive.example.org. None: receipts are uploaded.",
    )
    clients_add_expenses = forms.BooleanField(
        label="Clients may note expenses of their own event", required=False, help_text="The team decides on each."
    )
    clients_add_payments = forms.BooleanField(
        label="Clients may note what they have paid themselves for their own event", required=False
    )

    def __init__(self, *args: Any, policy: ExpensePolicy, currency: str, **kwargs: Any) -> None:
        kwargs["initial"] = {
            "largest_amount": policy.largest_amount,
            "receipt_hosts": "\n".join(policy.receipt_hosts),
            "clients_add_expenses": policy.clients_add_expenses,
            "clients_add_payments": policy.clients_add_payments,
        }
        super().__init__(*args, **kwargs)
        self.fields["largest_amount"].currency = currency  # type: ignore[attr-defined]

    def clean_receipt_hosts(self) -> list[str]:
        return self.cleaned_data["receipt_hosts"].split()
