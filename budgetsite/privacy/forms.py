from typing import Any

from django import forms

from budgetsite.privacy.registry import notification_types


class ConsentForm(forms.Form):
    """One tick for each notification type, under its name."""

    def __init__(self, *args: Any, consents: dict[str, bool], **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        for name, notification_type in notification_types().items():
            self.fields[name] = forms.BooleanField(
                label=notification_type.label,
                help_text=notification_type.explanation,
                required=False,
                initial=consents[name],
            )

    @property
    def wanted(self) -> list[str]:
        return [name for name, agreed in self.cleaned_data.items() if agreed]
