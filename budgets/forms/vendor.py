from typing import Any

from django import forms

from budgets.models import Vendor

DETAILS = ("contact_name", "email", "phone", "website", "address", "tax_number")
TERMS = ("payment_terms_days", "bank_details", "notes")


class VendorForm(forms.ModelForm):
    """A vendor; the service saves it, and says whether the name is free."""

    website = forms.URLField(required=False, max_length=500, assume_scheme="https")

    class Meta:
        model = Vendor
        fields = ("name", *DETAILS, *TERMS)
        labels = {
            "contact_name": "Contact",
            "email": "E-mail",
            "tax_number": "Tax number",
            "payment_terms_days": "Days to pay",
            "bank_details": "Bank details",
        }
        help_texts = {
            "bank_details": "Kept encrypted; clients never see them.",
            "notes": "The team's own, kept encrypted.",
        }
        widgets = {
            "address": forms.Textarea(attrs={"rows": 2}),
            "bank_details": forms.Textarea(attrs={"rows": 2}),
            "notes": forms.Textarea(attrs={"rows": 3}),
        }

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["name"].error_messages["required"] = "Name the vendor."

    def _post_clean(self) -> None:
        """Leave the object as it is: the service sets the fields, and checks them."""


class VendorSearchForm(forms.Form):
    search = forms.CharField(required=False, max_length=200, label="Find a vendor", widget=forms.SearchInput())
