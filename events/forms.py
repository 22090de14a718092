from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

from django import forms

from budgetsite.accounts.models import Account, Membership
from budgetsite.accounts.roles import Role
from budgetsite.accounts.timezones import known_timezones
from budgetsite.money.currencies import currency_choices
from events.models import MOST_GUESTS, Event, EventType, Venue, in_usable_year

TIMEZONE_CHOICES = [(name, name.replace("_", " ")) for name in known_timezones()]


class LocalDateTimeInput(forms.DateTimeInput):
    input_type = "datetime-local"

    def __init__(self) -> None:
        super().__init__(format="%Y-%m-%dT%H:%M")


class LocalDateTimeField(forms.Field):
    """A date and time as on the clock of the event's place; the form gives it its zone."""

    widget = LocalDateTimeInput

    def to_python(self, value: Any) -> datetime | None:
        if value in self.empty_values:
            return None
        try:
            moment = datetime.fromisoformat(str(value)).replace(tzinfo=None)
        except ValueError:
            raise forms.ValidationError("Give a date and a time, such as 2026-07-15 14:00.", code="invalid") from None
        # At the calendar's ends, another zone's clock leaves it: such an event can be stored and never read again.
        if not in_usable_year(moment):
            raise forms.ValidationError("Give a date between the years 1900 and 2999.", code="out_of_range")
        return moment


class EventForm(forms.Form):
    """An event. Its dates are read and shown on the clock of its own time zone."""

    name = forms.CharField(max_length=200, label="Name", error_messages={"required": "Name the event."})
    event_type = forms.ChoiceField(choices=EventType.choices, label="Type")
    description = forms.CharField(
        required=False, label="Description", max_length=10000, widget=forms.Textarea(attrs={"rows": 3})
    )
    event_date = LocalDateTimeField(label="Begins", error_messages={"required": "Say when it begins."})
    timezone = forms.ChoiceField(choices=TIMEZONE_CHOICES, label="Time zone")
    registration_start_date = LocalDateTimeField(label="Registration opens", required=False, help_text="Empty: now.")
    registration_end_date = LocalDateTimeField(
        label="Registration closes", required=False, help_text="Empty: when the event begins."
    )
    currency = forms.ChoiceField(label="Currency", help_text="Of its budget; fixed once there is one.")
    expected_guests = forms.IntegerField(
        required=False,
        label="Expected guests",
        min_value=0,
        max_value=MOST_GUESTS,
        help_text="A draft that counts the guests follows it.",
        error_messages={
            "invalid": "Write a whole number, such as 120.",
            "min_value": "Expect 0 guests or more.",
            "max_value": "Expect 10,000,000 at most.",
        },
    )
    venue: forms.ModelChoiceField = forms.ModelChoiceField(None, required=False, label="Venue", empty_label="None yet")
    organizer = forms.ChoiceField(required=False, label="Organizer")
    client = forms.ChoiceField(required=False, label="Client", help_text="Sees the event's budget, changes nothing.")

    def __init__(
        self, *args: Any, account: Account, members: list[Membership], event: Event | None = None, **kwargs: Any
    ) -> None:
        self.event = event
        self.members = {str(member.user_id): member.user for member in members}
        kwargs["initial"] = (
            _values(event)
            if event
            else {
                "event_type": EventType.OTHER,
                "timezone": account.timezone,
                "currency": account.currency,
            }
        )
        super().__init__(*args, **kwargs)
        self._choose("venue", Venue.objects.order_by("name", "id"))
        people = [(str(member.user_id), str(member.user)) for member in members if member.role != Role.ATTENDEE]
        clients = [(str(member.user_id), str(member.user)) for member in members if member.role == Role.CLIENT]
        organizers = [pair for pair in people if pair not in clients]
        self.fields["organizer"].choices = [("", "Whoever makes it" if event is None else "Nobody"), *organizers]  # type: ignore[attr-defined]
        self.fields["client"].choices = [("", "Nobody"), *clients]  # type: ignore[attr-defined]
        self.fields["currency"].choices = currency_choices()  # type: ignore[attr-defined]

    def fix_currency(self) -> None:
        """Amounts stand in this currency already."""
        self.fields["currency"].disabled = True
        self.fields["currency"].help_text = "Fixed: the event's budget is kept in it."

    def _choose(self, name: str, rows: Any) -> None:
        self.fields[name].queryset = rows  # type: ignore[attr-defined]

    def clean(self) -> dict[str, Any]:
        values = dict(super().clean() or {})
        zone = ZoneInfo(values["timezone"]) if "timezone" in values else None
        if zone is not None:
            for name in ("event_date", "registration_start_date", "registration_end_date"):
                if values.get(name) is not None:
                    values[name] = values[name].replace(tzinfo=zone)
        return values

    def event_fields(self, *, now: datetime) -> dict[str, Any]:
        """Return what the events' services are given."""
        values = dict(self.cleaned_data)
        begins = values["event_date"]
        ends = values["registration_end_date"] or begins
        values["registration_end_date"] = ends
        values["registration_start_date"] = values["registration_start_date"] or min(now, ends)
        values["client"] = self.members.get(values["client"])
        values["organizer"] = self.members.get(values["organizer"])
        if self.event is None and values["organizer"] is None:
            del values["organizer"]
        return values


class EventFilterForm(forms.Form):
    """What narrows the list of events; whatever cannot be read narrows nothing."""

    search = forms.CharField(required=False, max_length=200, label="Search", widget=forms.SearchInput())
    when = forms.ChoiceField(
        required=False, label="When", choices=[("", "Any time"), ("ahead", "Still to come"), ("past", "Past")]
    )
    type = forms.ChoiceField(required=False, label="Type", choices=[("", "Any type"), *EventType.choices])
    status = forms.ChoiceField(required=False, label="Budget")
    over = forms.BooleanField(required=False, label="Over budget")

    def __init__(self, *args: Any, statuses: list[tuple[str, str]], **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["status"].choices = [("", "Any status"), *statuses]  # type: ignore[attr-defined]
        if not statuses:
            del self.fields["status"], self.fields["over"]

    def narrowing(self) -> dict[str, Any]:
        """Return the arguments of `budgets.selectors.event_list.matching_events`."""
        if not self.is_bound:
            return {}
        self.is_valid()
        values = self.cleaned_data
        return {
            "search": values.get("search", ""),
            "when": values.get("when", ""),
            "event_type": values.get("type", ""),
            "budget_status": values.get("status", ""),
            "over_budget": values.get("over", False),
        }


class VenueForm(forms.ModelForm):
    class Meta:
        model = Venue
        fields = ("name", "address", "city", "country", "capacity", "notes")
        widgets = {"address": forms.Textarea(attrs={"rows": 2}), "notes": forms.Textarea(attrs={"rows": 2})}


def _values(event: Event) -> dict[str, Any]:
    zone = ZoneInfo(event.timezone)
    dates = {
        name: getattr(event, name).astimezone(zone)
        for name in ("event_date", "registration_start_date", "registration_end_date")
    }
    return {
        **dates,
        "name": event.name,
        "event_type": event.event_type,
        "description": event.description,
        "timezone": event.timezone,
        "currency": event.currency,
        "expected_guests": event.expected_guests,
        "venue": event.venue_id,
        "organizer": str(event.organizer_id or ""),
        "client": str(event.client_id or ""),
    }
