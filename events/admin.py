"""The staff's pages for events and where they take place."""

from typing import Any
from zoneinfo import ZoneInfo

from django import forms
from django.contrib import admin
from django.contrib.admin.utils import unquote
from django.core.exceptions import PermissionDenied
from django.db import models
from django.db.models import Q
from django.http import HttpResponse, JsonResponse
from django.urls import URLPattern, path
from django.utils import timezone
from unfold.decorators import display
from unfold.fields import UnfoldAdminAutocompleteModelChoiceField
from unfold.widgets import UnfoldAdminSelect2Widget, UnfoldAdminSelectWidget

from budgetsite.accounts.models import Membership, User
from budgetsite.accounts.roles import Role
from budgetsite.accounts.timezones import known_timezones
from budgetsite.money.currencies import currency_choices
from budgetsite.pages.back_office.displays import badge, moment_cell
from budgetsite.pages.back_office.filters import DeletedFilter
from budgetsite.pages.back_office.model_admin import StaffModelAdmin
from budgetsite.pages.back_office.requests import StaffRequest
from events.models import Event, Venue
from events.querysets import EventStatus
from events.services import (
    EventStays,
    VenueInUse,
    create_event,
    create_venue,
    delete_event,
    delete_venue,
    restore_event,
    restore_venue,
    update_event,
    update_venue,
)

PEOPLE_SHOWN = 20


def member_users(*roles: Role) -> models.QuerySet[User]:
    """The people who belong to the account, in these roles or in any: nobody else is ever offered."""
    memberships = Membership.objects.filter(role__in=roles) if roles else Membership.objects.all()
    return User.objects.filter(pk__in=memberships.values("user_id")).order_by("name", "email", "pk")


class PersonChoice(UnfoldAdminAutocompleteModelChoiceField):
    """A member of the account, found by typing."""

    def __init__(self, url_path: str, **kwargs: Any) -> None:
        super().__init__(url_path, queryset=User.objects.none(), required=False, **kwargs)

    def label_from_instance(self, person: User) -> str:
        return _person(person)


def _person(person: User) -> str:
    return f"{person.name} ({person.email})" if person.name else person.email


def _zones() -> list[tuple[str, str]]:
    return [(name, name.replace("_", " ")) for name in known_timezones()]


class EventForm(forms.ModelForm):
    client = PersonChoice("admin:events_event_clients", label="Client", help_text="A member with the role client.")
    organizer = PersonChoice("admin:events_event_organizers", label="Organizer", help_text="Who runs the event.")
    timezone = forms.ChoiceField(choices=_zones, widget=UnfoldAdminSelect2Widget, label="Time zone")
    currency = forms.ChoiceField(choices=currency_choices, widget=UnfoldAdminSelectWidget, label="Currency")

    class Meta:
        model = Event
        # The admin names the fields, at request time: choices of rows can be read inside an account alone.
        fields = ()

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        client, organizer = self.fields.get("client"), self.fields.get("organizer")
        if isinstance(client, PersonChoice):
            client.queryset = member_users(Role.CLIENT)
        if isinstance(organizer, PersonChoice):
            # Whoever made the event may still be named, though they have left.
            people = member_users()
            if self.instance.organizer_id:
                people = people | User.objects.filter(pk=self.instance.organizer_id)
            organizer.queryset = people

    def _post_clean(self) -> None:
        """The service judges the rest."""


class EventStatusFilter(admin.SimpleListFilter):
    title = "status"
    parameter_name = "status"

    def lookups(self, request: StaffRequest, model_admin: Any) -> list[tuple[str, str]]:
        return [(status, STATUS_WORDS[status]) for status in EventStatus.ALL]

    def queryset(self, request: StaffRequest, queryset: Any) -> Any:
        if self.value() not in EventStatus.ALL:
            return None
        return queryset.with_status(self.value(), now=timezone.now())


STATUS_WORDS = {
    EventStatus.UPCOMING: "Upcoming",
    EventStatus.REGISTRATION_OPEN: "Registration open",
    EventStatus.REGISTRATION_CLOSED: "Registration closed",
    EventStatus.PAST: "Past",
}


@admin.register(Event)
class EventAdmin(StaffModelAdmin):
    view_action = "events.view"
    add_action = change_action = delete_action = "events.change"
    restore_action = "events.restore"
    refusals = (EventStays,)

    form = EventForm
    autocomplete_fields = ("venue",)
    list_display = ("name", "kind", "begins", "place", "client", "organizer")
    list_select_related = ("venue", "client", "organizer")
    list_filter = (EventStatusFilter, "event_type", DeletedFilter)
    search_fields = ("name",)
    search_help_text = "Search by name"
    # As the index events_event_newest_first has it.
    ordering = ("-event_date", "-id")
    fieldsets = (
        (None, {"fields": ("name", "description", ("event_type", "currency"))}),
        (
            "When and where",
            {
                "description": "All times of an event are in its own time zone.",
                "fields": ("timezone", "event_date", ("registration_start_date", "registration_end_date"), "venue"),
            },
        ),
        ("People", {"fields": (("client", "organizer"), "expected_guests", "pending_holds")}),
    )

    @display(description="Type")
    def kind(self, event: Event) -> Any:
        return badge(event.get_event_type_display(), "neutral")

    @display(description="Begins", ordering="event_date")
    def begins(self, event: Event) -> Any:
        return moment_cell(event.event_date, event.timezone)

    @display(description="Venue", empty_value="–")
    def place(self, event: Event) -> Any:
        return event.venue

    def get_urls(self) -> list[URLPattern]:
        clients = self.admin_site.admin_view(self.clients_view)
        organizers = self.admin_site.admin_view(self.organizers_view)
        return [
            path("clients/", clients, name="events_event_clients"),
            path("organizers/", organizers, name="events_event_organizers"),
            *super().get_urls(),
        ]

    def clients_view(self, request: StaffRequest) -> JsonResponse:
        return self._people(request, member_users(Role.CLIENT))

    def organizers_view(self, request: StaffRequest) -> JsonResponse:
        return self._people(request, member_users(Role.OWNER, Role.MANAGER, Role.STAFF, Role.ORGANIZER))

    def _people(self, request: StaffRequest, people: models.QuerySet[User]) -> JsonResponse:
        """Answer what is typed into a person's field: twenty names at a time."""
        if not self.has_change_permission(request):
            raise PermissionDenied
        term = request.GET.get("term", "").replace("\x00", "").strip()
        page = request.GET.get("page", "1")
        start = (int(page) - 1) * PEOPLE_SHOWN if page.isascii() and page.isdigit() and 0 < len(page) < 6 else 0
        if term:
            people = people.filter(Q(name__icontains=term) | Q(email__icontains=term))
        found = list(people[max(start, 0) : max(start, 0) + PEOPLE_SHOWN + 1])
        return JsonResponse(
            {
                "results": [{"id": str(person.pk), "text": _person(person)} for person in found[:PEOPLE_SHOWN]],
                "pagination": {"more": len(found) > PEOPLE_SHOWN},
            }
        )

    def changeform_view(
        self, request: StaffRequest, object_id: str | None = None, form_url: str = "", extra_context: Any = None
    ) -> HttpResponse:
        # Dates are typed and shown in the event's zone; the site puts the account's back at the end of the request.
        timezone.activate(ZoneInfo(self._zone_of(request, object_id)))
        return super().changeform_view(request, object_id, form_url, extra_context)

    def _zone_of(self, request: StaffRequest, object_id: str | None) -> str:
        typed = request.POST.get("timezone")
        if typed in known_timezones():
            return typed
        event = self.get_object(request, unquote(object_id)) if object_id else None
        return event.timezone if event else request.account.timezone

    def get_changeform_initial_data(self, request: StaffRequest) -> dict[str, Any]:
        given = super().get_changeform_initial_data(request)
        return {"timezone": request.account.timezone, "currency": request.account.currency} | given

    def write(self, request: StaffRequest, obj: Event, form: Any, change: bool) -> Event:
        if not change:
            values = dict(form.cleaned_data)
            if values["organizer"] is None:
                del values["organizer"]
            return create_event(account=request.account, acting_user=request.user, **values)
        stored = Event.objects.get(pk=obj.pk)
        changes = {name: form.cleaned_data[name] for name in form.changed_data}
        return update_event(event=stored, acting_user=request.user, **changes)

    def remove(self, request: StaffRequest, obj: Event) -> None:
        delete_event(event=obj, acting_user=request.user, now=self.now())

    def bring_back(self, request: StaffRequest, obj: Event) -> None:
        restore_event(event=obj, acting_user=request.user)

    def deletion_consequences(self, request: StaffRequest, obj: Event) -> list[str]:
        budget = obj.budgets.first()
        gone = (
            f"Its budget with {budget.line_items.count()} line(s) and {budget.alerts.count()} alert(s) goes along; "
            "the ledger is kept."
            if budget
            else "It has no budget."
        )
        return [gone, "It can be restored, with all of this, from the list of deleted events."]


@admin.register(Venue)
class VenueAdmin(StaffModelAdmin):
    view_action = "venues.view"
    add_action = change_action = delete_action = "venues.change"
    restore_action = "events.restore"
    refusals = (VenueInUse,)

    list_display = ("name", "city", "country", "capacity")
    list_filter = (DeletedFilter,)
    search_fields = ("name", "city")
    ordering = ("name", "id")
    fields = ("name", "address", ("city", "country"), ("timezone", "capacity"), "notes")

    def formfield_for_dbfield(self, db_field: Any, request: StaffRequest, **kwargs: Any) -> Any:
        if db_field.name == "timezone":
            return forms.ChoiceField(
                choices=lambda: [("", "Not said"), *_zones()],
                widget=UnfoldAdminSelect2Widget,
                label="Time zone",
                required=False,
            )
        return super().formfield_for_dbfield(db_field, request, **kwargs)

    def write(self, request: StaffRequest, obj: Venue, form: Any, change: bool) -> Venue:
        if not change:
            return create_venue(acting_user=request.user, **form.cleaned_data)
        stored = Venue.objects.get(pk=obj.pk)
        changes = {name: form.cleaned_data[name] for name in form.changed_data}
        return update_venue(venue=stored, acting_user=request.user, **changes)

    def remove(self, request: StaffRequest, obj: Venue) -> None:
        delete_venue(venue=obj, acting_user=request.user, now=self.now())

    def bring_back(self, request: StaffRequest, obj: Venue) -> None:
        restore_venue(venue=obj, acting_user=request.user)
