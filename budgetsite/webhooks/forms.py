from typing import Any

from django import forms

from budgetsite.webhooks.catalogue import families, kind_called
from budgetsite.webhooks.models import MAX_URL_LENGTH, WebhookEndpoint

ALL, SOME = "all", "some"
OVERLAPS = [
    ("0", "Not at all: it may be in wrong hands"),
    ("1", "One hour"),
    ("24", "One day"),
    ("72", "Three days"),
    ("168", "A week"),
]
# The families as people call them; one that is not named here is called by its own word.
FAMILY_LABELS = {
    "alert": "Alerts: opened, raised, resolved, acknowledged",
    "budget": "Event budgets: approvals, revisions, transfers, closing",
    "scoped_budget": "Scoped budgets: made, changed, deleted",
    "expense": "Expenses: bills, payments, receipts, approvals",
    "comment": "Comments",
    "event": "Events called off, their times to collect, their policy",
    "event_option": "Options of events",
    "pickup_slot": "Times to collect",
    "registration": "Registrations and check-ins",
    "waitlist": "Waitlists",
    "webhook": "Webhooks that were paused",
}


class WebhookForm(forms.Form):
    url = forms.CharField(
        label="Address",
        max_length=MAX_URL_LENGTH,
        widget=forms.URLInput(attrs={"placeholder": "https://example.org/hooks", "autocomplete": "off"}),
        help_text="Where each event is sent to by POST.",
        error_messages={"required": "Where to? Give an address that begins with https://."},
    )
    description = forms.CharField(
        label="What it is for",
        max_length=200,
        required=False,
        help_text="So that everybody knows what stops without it.",
    )
    reach = forms.ChoiceField(
        label="It is told of",
        choices=[(ALL, "Everything, what is to come included"), (SOME, "Only this")],
        widget=forms.RadioSelect,
        initial=ALL,
    )
    kinds = forms.MultipleChoiceField(label="Of what", required=False, widget=forms.CheckboxSelectMultiple)

    def __init__(self, *args: Any, endpoint: WebhookEndpoint | None = None, **kwargs: Any) -> None:
        kwargs["initial"] = {} if endpoint is None else self._values(endpoint)
        super().__init__(*args, **kwargs)
        choices = [(f"{family}.*", FAMILY_LABELS.get(family, family.replace("_", " ").capitalize()))
                   for family in families()]  # fmt: skip
        # Single kinds are chosen over the API, and stay until they are unticked here.
        single = [] if endpoint is None else [name for name in endpoint.kinds if not name.endswith(".*")]
        choices += [(name, f"{kind.happened} ({name})") for name in single if (kind := kind_called(name))]
        self.fields["kinds"].choices = choices  # type: ignore[attr-defined]  # a field with choices

    def clean(self) -> dict[str, Any]:
        values = super().clean() or {}
        if values.get("reach") == SOME and not values.get("kinds") and "kinds" not in self.errors:
            self.add_error("kinds", "Choose what it is told of, or everything above.")
        return values

    def webhook_fields(self) -> dict[str, Any]:
        """Return what the services are given."""
        values = self.cleaned_data
        return {
            "url": values["url"],
            "description": values["description"],
            "kinds": values["kinds"] if values["reach"] == SOME else [],
        }

    def _values(self, endpoint: WebhookEndpoint) -> dict[str, Any]:
        return {
            "url": endpoint.url,
            "description": endpoint.description,
            "reach": SOME if endpoint.kinds else ALL,
            "kinds": endpoint.kinds,
        }


class RotationForm(forms.Form):
    overlap = forms.ChoiceField(
        label="How long the old secret signs as well", choices=OVERLAPS, widget=forms.RadioSelect, initial="24"
    )
