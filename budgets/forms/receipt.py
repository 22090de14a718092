from typing import Any

from django import forms

from budgets.services.receipt_problems import LARGEST_BYTES, MEGABYTE

MOST_AT_ONCE = 10
ACCEPTED = "image/jpeg,image/png,image/gif,application/pdf"


class _SeveralFiles(forms.ClearableFileInput):
    allow_multiple_selected = True


class _FilesField(forms.FileField):
    """Several files of any name: their content is judged by the service."""

    def clean(self, data: Any, initial: Any = None) -> list[Any]:
        files = [file for file in (data if isinstance(data, list | tuple) else [data]) if file]
        if not files:
            raise forms.ValidationError(self.error_messages["required"], code="required")
        if len(files) > MOST_AT_ONCE:
            raise forms.ValidationError(
                f"These are {len(files)} files; send at most {MOST_AT_ONCE} at once.", code="too_many"
            )
        return files


class ReceiptsForm(forms.Form):
    """One or more files. On a phone the control offers the camera too."""

    file = _FilesField(
        label="Files",
        widget=_SeveralFiles(attrs={"accept": ACCEPTED}),
        help_text=f"JPEG, PNG, GIF or PDF, up to {LARGEST_BYTES // MEGABYTE} MB each. "
        "Where a picture was taken is removed from it.",
        error_messages={"required": "Choose a file, or drag one here."},
    )


class ReceiptLinkForm(forms.Form):
    link = forms.CharField(
        label="Link",
        max_length=2000,
        widget=forms.URLInput(attrs={"placeholder": "https://", "autocomplete": "off"}),
        error_messages={"required": "Paste the address of the receipt."},
    )
    name = forms.CharField(label="Name", max_length=255, required=False)
