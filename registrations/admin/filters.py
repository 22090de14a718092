"""How staff narrow the lists of registrations, slots and queues."""

from typing import Any
from uuid import UUID

from django.contrib import admin
from django.db.models import F, QuerySet
from django.urls import reverse
from django.utils.http import urlencode
from unfold.contrib.filters.admin import AutocompleteSelectFilter
from unfold.contrib.filters.admin.dropdown_filters import DropdownFilter

from budgetsite.pages.back_office.requests import StaffRequest
from registrations.admin.displays import slot_words
from registrations.models import EventOption, PickupSlot
from registrations.selectors.options import options_of
from registrations.selectors.slots import slots_of

EVENT_PARAMETER = "event__id__exact"


class EventFilter(AutocompleteSelectFilter):
    """One event, found by typing: an account has more of them than a list could offer."""


def id_in(text: str | None) -> UUID | None:
    """Return the id that an address names; None for anything that is none."""
    try:
        return UUID(text or "")
    except ValueError:
        return None


def registrations_url(**narrowed: object) -> str:
    """Return the address of the list of registrations, narrowed by filters: `event=…, option=…, status__exact=…`."""
    named = {EVENT_PARAMETER if name == "event" else name: str(value) for name, value in narrowed.items()}
    return f"{reverse('admin:registrations_eventregistration_changelist')}?{urlencode(named)}"


class _OfTheEvent(DropdownFilter):
    """Choices of the event that the list is narrowed to; without one, the single choice that the address names."""

    def lookups(self, request: StaffRequest, model_admin: Any) -> list[tuple[str, str]]:
        event_id = id_in(request.GET.get(EVENT_PARAMETER))
        if event_id is not None:
            return self.choices_of(event_id)
        chosen = id_in(request.GET.get(str(self.parameter_name)))
        return self.choice(chosen) if chosen is not None else []

    def choices_of(self, event_id: UUID) -> list[tuple[str, str]]:
        raise NotImplementedError

    def choice(self, chosen: UUID) -> list[tuple[str, str]]:
        raise NotImplementedError

    def narrow(self, queryset: QuerySet[Any], value: str) -> QuerySet[Any]:
        raise NotImplementedError

    def has_output(self) -> bool:
        # What another event's address has left behind narrows to nothing, and can be taken off.
        return bool(self.lookup_choices) or bool(self.value())

    def queryset(self, request: StaffRequest, queryset: QuerySet[Any]) -> QuerySet[Any] | None:
        if not self.value():
            return None
        if self.value() not in dict(self.lookup_choices):
            return queryset.none()
        return self.narrow(queryset, str(self.value()))


class OptionFilter(_OfTheEvent):
    title = "option"
    parameter_name = "option"

    def choices_of(self, event_id: UUID) -> list[tuple[str, str]]:
        return [(str(option.pk), option.option_name) for option in options_of(event_id)]

    def choice(self, chosen: UUID) -> list[tuple[str, str]]:
        return [(str(option.pk), option.option_name) for option in EventOption.objects.filter(pk=chosen)]

    def narrow(self, queryset: QuerySet[Any], value: str) -> QuerySet[Any]:
        return queryset.filter(event_option_id=value)


class SlotFilter(_OfTheEvent):
    """Who comes at a time. Those who only wish for it are not counted in."""

    title = "slot"
    parameter_name = "slot"

    def choices_of(self, event_id: UUID) -> list[tuple[str, str]]:
        return self._named(slots_of(event_id))

    def choice(self, chosen: UUID) -> list[tuple[str, str]]:
        return self._named(PickupSlot.objects.filter(pk=chosen))

    def narrow(self, queryset: QuerySet[Any], value: str) -> QuerySet[Any]:
        return queryset.filter(assigned_slot_id=value)

    def _named(self, slots: QuerySet[PickupSlot]) -> list[tuple[str, str]]:
        return [(str(slot.pk), slot_words(slot, slot.event)) for slot in slots.select_related("event")]


class CollectedFilter(admin.SimpleListFilter):
    title = "check-in"
    parameter_name = "collected"

    def lookups(self, request: StaffRequest, model_admin: Any) -> list[tuple[str, str]]:
        return [("yes", "Collected"), ("no", "Not collected yet")]

    def queryset(self, request: StaffRequest, queryset: QuerySet[Any]) -> QuerySet[Any] | None:
        if self.value() not in {"yes", "no"}:
            return None
        return queryset.filter(collected_at__isnull=self.value() == "no")


class PlacesLeftFilter(admin.SimpleListFilter):
    title = "places"
    parameter_name = "left"

    def lookups(self, request: StaffRequest, model_admin: Any) -> list[tuple[str, str]]:
        return [("yes", "Some left"), ("no", "None left")]

    def queryset(self, request: StaffRequest, queryset: QuerySet[Any]) -> QuerySet[Any] | None:
        if self.value() == "yes":
            return queryset.filter(total_available__gt=F("committed_count") + F("held_count"))
        if self.value() == "no":
            return queryset.filter(total_available__lte=F("committed_count") + F("held_count"))
        return None


class RoomFilter(admin.SimpleListFilter):
    title = "room"
    parameter_name = "room"

    def lookups(self, request: StaffRequest, model_admin: Any) -> list[tuple[str, str]]:
        return [("yes", "Some left"), ("no", "Full"), ("booked", "Somebody is booked")]

    def queryset(self, request: StaffRequest, queryset: QuerySet[Any]) -> QuerySet[Any] | None:
        if self.value() == "yes":
            return queryset.filter(capacity__gt=F("booked"))
        if self.value() == "no":
            return queryset.filter(capacity__lte=F("booked"))
        return queryset.filter(booked__gt=0) if self.value() == "booked" else None
