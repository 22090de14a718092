"""Pickup slots for the staff: when and where people come, and how many of them."""

from typing import Any

from django import forms
from django.contrib import admin
from django.db import models
from django.utils.html import format_html
from django.utils.safestring import SafeString
from unfold.decorators import display
from unfold.widgets import UnfoldAdminIntegerFieldWidget

from budgetsite.pages.back_office.filters import DeletedFilter
from budgetsite.pages.back_office.model_admin import StaffModelAdmin
from budgetsite.pages.back_office.refusals import ChangeRefused, refused
from budgetsite.pages.back_office.requests import StaffRequest
from registrations.admin.displays import event_link, places_cell, slot_words
from registrations.admin.filters import EventFilter, RoomFilter, registrations_url
from registrations.models import MOST_PLACES, PickupSlot
from registrations.services.conflicts import slot_label
from registrations.services.problems import InvalidPlan, RegistrationProblem, SlotTooSmall
from registrations.services.restoring import restore_slot
from registrations.services.slot import delete_slot, update_slot


class SlotCapacityForm(forms.ModelForm):
    capacity = forms.IntegerField(
        label="Room for",
        min_value=1,
        max_value=MOST_PLACES,
        widget=UnfoldAdminIntegerFieldWidget,
        help_text="How many people may come. New room is offered to whoever waits for it.",
    )

    class Meta:
        model = PickupSlot
        # The admin names the fields, at request time.
        fields = ()

    def _post_clean(self) -> None:
        """The service judges the rest, under the slot's lock."""


@admin.register(PickupSlot)
class PickupSlotAdmin(StaffModelAdmin):
    """Made with the event and on its desk; here their room is changed, and those that nobody wants are removed."""

    view_action = "options.view"
    change_action = delete_action = restore_action = "options.change"
    refusals = (RegistrationProblem,)

    form = SlotCapacityForm
    list_display = ("times", "event_name", "location", "use", "booked_of")
    list_select_related = ("event",)
    list_filter = (("event", EventFilter), RoomFilter, DeletedFilter)
    search_fields = ("location", "event__name")
    search_help_text = "Search by the place or the event's name"
    ordering = ("-event__event_date", "event_id", "starts_at", "location", "id")
    fields = ("event_page", ("times", "location"), ("use", "booked_of"), "capacity")
    readonly_fields = ("event_page", "times", "location", "use", "booked_of")
    actions = ("restore_rows",)

    def get_queryset(self, request: StaffRequest) -> models.QuerySet[PickupSlot]:
        found: models.QuerySet[PickupSlot] = super().get_queryset(request).select_related("event")
        return found

    @display(description="Slot, in the event's time zone")
    def times(self, slot: PickupSlot) -> str:
        return slot_label(slot, slot.event)

    @display(description="Event")
    def event_name(self, slot: PickupSlot) -> str:
        return slot.event.name

    @display(description="Event")
    def event_page(self, slot: PickupSlot) -> SafeString:
        return event_link(slot.event)

    @display(description="Use")
    def use(self, slot: PickupSlot) -> SafeString:
        return places_cell(total=slot.capacity, taken=slot.booked)

    @display(description="Booked", ordering="booked")
    def booked_of(self, slot: PickupSlot) -> SafeString:
        if not slot.booked:
            return format_html("0 of {}", slot.capacity)
        url = registrations_url(event=slot.event_id, slot=slot.pk)
        return format_html('<a class="text-link" href="{}">{} of {}</a>', url, slot.booked, slot.capacity)

    def write(self, request: StaffRequest, obj: PickupSlot, form: Any, change: bool) -> PickupSlot:
        return update_slot(
            event=obj.event,
            slot_id=obj.pk,
            capacity=form.cleaned_data["capacity"],
            acting_user=request.user,
            now=self.now(),
        )

    def refusal_of(self, problem: Exception) -> ChangeRefused:
        return refused(problem, field="capacity" if isinstance(problem, SlotTooSmall | InvalidPlan) else None)

    def remove(self, request: StaffRequest, obj: PickupSlot) -> None:
        delete_slot(event=obj.event, slot_id=obj.pk, acting_user=request.user, now=self.now())

    def bring_back(self, request: StaffRequest, obj: PickupSlot) -> None:
        restore_slot(event=obj.event, slot_id=obj.pk, acting_user=request.user)

    def deletion_consequences(self, request: StaffRequest, obj: PickupSlot) -> list[str]:
        return [
            "Nobody can choose it any more. A slot that somebody has, wants or waits for stays.",
            *super().deletion_consequences(request, obj),
        ]

    def name_of(self, obj: PickupSlot) -> str:
        return slot_words(obj, obj.event)
