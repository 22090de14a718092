from collections.abc import Sequence
from typing import Any
from uuid import UUID

from django import forms

from budgets.selectors.history_page import BY_ITSELF, DECISIONS, MONEY, PLAN, TRANSFERS
from budgetsite.accounts.models import User

KIND_LABELS = {
    PLAN: "Changes of the plan",
    DECISIONS: "Decisions",
    TRANSFERS: "Money moved between lines",
    MONEY: "Spending, promises and income",
}


class HistoryFilter(forms.Form):
    """Which part of a budget's history to show. What it does not know is left out, and shows everything."""

    kind = forms.ChoiceField(label="What", required=False)
    person = forms.ChoiceField(label="Who", required=False)

    def __init__(self, data: Any, *, people: Sequence[User], without: frozenset[str] = frozenset()) -> None:
        super().__init__(data)
        kinds = [(kind, label) for kind, label in KIND_LABELS.items() if kind not in without]
        self.fields["kind"].choices = [("", "Everything"), *kinds]  # type: ignore[attr-defined]
        self.fields["person"].choices = [  # type: ignore[attr-defined]
            ("", "Everybody"),
            *((str(person.pk), str(person)) for person in people),
            (BY_ITSELF, "Nobody: by itself"),
        ]

    def wanted(self) -> dict[str, Any]:
        """Return the arguments of `story_page` that narrow it."""
        self.is_valid()
        person = self.cleaned_data.get("person") or None
        return {
            "kind": self.cleaned_data.get("kind") or None,
            "person": person if person in (None, BY_ITSELF) else UUID(person),
        }
