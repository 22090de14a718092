from typing import Any

from django import forms

from budgets.models import APPROVING_ROLES
from budgets.selectors.standing import who_decides

WAITS_FOR = [("", "Anybody"), *((role.value, who_decides(role).capitalize()) for role in APPROVING_ROLES)]
# Where the account reminds nobody, so long is long all the same.
LATE_DAYS = 3


class InReviewFilterForm(forms.Form):
    """What narrows the overview of what is in review; whatever cannot be read narrows nothing."""

    search = forms.CharField(required=False, max_length=200, label="Event", widget=forms.SearchInput())
    role = forms.ChoiceField(required=False, label="Waits for", choices=WAITS_FOR)
    late = forms.BooleanField(required=False)

    def __init__(self, *args: Any, late_days: int, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["late"].label = f"For {late_days} day{'' if late_days == 1 else 's'} or longer"
