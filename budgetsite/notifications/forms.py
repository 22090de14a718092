from typing import Any

from django import forms

from budgetsite.accounts.models import Account
from budgetsite.accounts.timezones import known_timezones
from budgetsite.notifications.models import NotificationSettings, Rhythm
from budgetsite.notifications.selectors import NEVER, Choice
from budgetsite.notifications.services.preferences import ChoiceChange

MAIL_CHOICES = [*Rhythm.choices, (NEVER, "Never")]
WEEKDAYS = list(enumerate(["Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday"]))


class ChoicesForm(forms.Form):
    """Two fields for each type, and when its person may be written to."""

    quiet_from = forms.TimeField(required=False, label="Quiet from", widget=forms.TimeInput(attrs={"type": "time"}))
    quiet_until = forms.TimeField(required=False, label="Quiet until", widget=forms.TimeInput(attrs={"type": "time"}))
    critical_breaks_quiet = forms.BooleanField(
        required=False, label="Critical things reach me at any time", help_text="Even within the quiet hours."
    )
    digest_time = forms.TimeField(
        label="Mails once a day or week come at", widget=forms.TimeInput(attrs={"type": "time"})
    )
    digest_weekday = forms.TypedChoiceField(label="Once a week means on", choices=WEEKDAYS, coerce=int)
    timezone = forms.ChoiceField(required=False, label="By the clock of")

    def __init__(
        self, *args: Any, choices: list[Choice], kept: NotificationSettings, account: Account, **kwargs: Any
    ) -> None:
        super().__init__(*args, **kwargs)
        self.types = choices
        zone = self.fields["timezone"]
        assert isinstance(zone, forms.ChoiceField)
        zone.choices = [
            ("", f"{account.name}: {account.timezone.replace('_', ' ')}"),
            *((name, name.replace("_", " ")) for name in known_timezones()),
        ]
        for name in ("quiet_from", "quiet_until", "digest_time"):
            self.initial[name] = _clock(getattr(kept, name))
        for name in ("critical_breaks_quiet", "digest_weekday", "timezone"):
            self.initial[name] = getattr(kept, name)
        for choice in choices:
            self.fields[f"{choice.notification_type}-inbox"] = forms.BooleanField(
                required=False, label=f"{choice.label}: in my inbox", initial=choice.in_inbox
            )
            self.fields[f"{choice.notification_type}-mail"] = forms.ChoiceField(
                label=f"{choice.label}: by mail", choices=MAIL_CHOICES, initial=choice.mail_choice
            )

    def rows(self) -> list[dict[str, Any]]:
        return [
            {
                "choice": choice,
                "inbox": self[f"{choice.notification_type}-inbox"],
                "mail": self[f"{choice.notification_type}-mail"],
            }
            for choice in self.types
        ]

    def clean(self) -> dict[str, Any]:
        values: dict[str, Any] = super().clean() or {}
        begins, ends = values.get("quiet_from"), values.get("quiet_until")
        if "quiet_from" in values and "quiet_until" in values:
            if (begins is None) != (ends is None):
                missing = "quiet_from" if begins is None else "quiet_until"
                self.add_error(missing, "Say this as well, or leave both empty for no quiet hours.")
            elif begins is not None and begins == ends:
                self.add_error("quiet_until", "Choose another time than that at which they begin.")
        return values

    def changes(self) -> dict[str, ChoiceChange]:
        values = self.cleaned_data
        return {
            choice.notification_type: ChoiceChange(
                in_inbox=values[f"{choice.notification_type}-inbox"], mail=values[f"{choice.notification_type}-mail"]
            )
            for choice in self.types
        }

    def settings(self) -> dict[str, Any]:
        names = ("quiet_from", "quiet_until", "critical_breaks_quiet", "timezone", "digest_time", "digest_weekday")
        return {name: self.cleaned_data[name] for name in names}


def _clock(moment: Any) -> str:
    return "" if moment is None else f"{moment:%H:%M}"
