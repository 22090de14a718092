from typing import Any

from django import forms

from budgets.forms.quantity import QuantityFormField
from budgets.models import PlanDriver
from budgets.services.driver_effects import LONGEST_NAME


class DriverForm(forms.Form):
    """A number that lines of a plan follow: how many guests, days, hours."""

    name = forms.CharField(
        max_length=LONGEST_NAME,
        label="What is counted",
        help_text="For example guests, days or hours.",
        error_messages={"required": "Name what is counted, such as guests."},
    )
    quantity = QuantityFormField(label="How many", required=False)
    follows_guests = forms.BooleanField(label="Follows the number of guests that the event expects", required=False)
    version = forms.IntegerField(widget=forms.HiddenInput, required=False)

    def __init__(self, *args: Any, driver: PlanDriver | None = None, expected: int | None, **kwargs: Any) -> None:
        if driver is not None:
            kwargs["initial"] = driver_values(driver)
        super().__init__(*args, **kwargs)
        self.expected = expected
        follows = self.fields["follows_guests"]
        follows.help_text = (
            "The event does not say yet how many guests it expects."
            if expected is None
            else f"{expected} at present. While the plan is a draft, the number follows every change of it."
        )

    def clean(self) -> dict[str, Any]:
        cleaned = super().clean() or self.cleaned_data
        follows = cleaned.get("follows_guests") and self.expected is not None
        if "quantity" not in self.errors and cleaned.get("quantity") is None and not follows:
            self.add_error("quantity", "Say how many; it may be 0.")
        return cleaned

    def driver_fields(self) -> dict[str, Any]:
        """Return what the drivers' services are given: one that follows the event's guests has no number of its own."""
        fields = {name: self.cleaned_data[name] for name in ("name", "quantity", "follows_guests")}
        if fields["follows_guests"] and self.expected is not None:
            del fields["quantity"]
        return fields


def driver_values(driver: PlanDriver) -> dict[str, Any]:
    return {
        "name": driver.name,
        "quantity": driver.quantity,
        "follows_guests": driver.follows_guests,
        "version": driver.version,
    }
