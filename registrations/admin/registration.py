"""Registrations for the staff: who asked for what, what became of it, and the steps that lead on."""

from typing import Any

from django.contrib import admin
from django.db import models
from django.urls import reverse
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString
from unfold.decorators import display

from budgetsite.pages.back_office.displays import amount_cell, badge, moment, moment_cell
from budgetsite.pages.back_office.requests import StaffRequest
from registrations.admin.decisions import DecisionsMixin
from registrations.admin.displays import event_link, person_cell, slot_cell, slot_words, status_badge
from registrations.admin.filters import CollectedFilter, EventFilter, OptionFilter, SlotFilter
from registrations.models import EventRegistration, RegistrationStatus

SCANS_SHOWN = 20


@admin.register(EventRegistration)
class EventRegistrationAdmin(DecisionsMixin):
    view_action = "registrations.decide"
    list_display = ("person", "event_name", "option", "state", "party", "slot", "committed", "asked")
    list_display_links = ("person",)
    list_select_related = ("event", "user", "event_option", "assigned_slot", "preferred_slot")
    list_filter = ("status", CollectedFilter, ("event", EventFilter), OptionFilter, SlotFilter)
    # A code's beginning as it is printed: upper and lower case count.
    search_fields = ("user__name", "user__email", "qr_token__startswith")
    search_help_text = "Search by name, e-mail or the beginning of a code"
    # As the indexes of an event's registrations have it.
    ordering = ("-created_at", "-id")
    fields = (
        ("person", "event_page", "option"),
        ("state", "party", "requested"),
        ("wished_slot", "given_slot"),
        ("price_shown", "committed", "kept"),
        ("decision", "reason"),
        ("approval", "collection"),
        ("notes", "code"),
        "door",
    )

    def get_readonly_fields(self, request: StaffRequest, obj: Any = None) -> list[str]:
        return [name for row in self.fields for name in ([row] if isinstance(row, str) else row)]

    def get_queryset(self, request: StaffRequest) -> models.QuerySet[EventRegistration]:
        found: models.QuerySet[EventRegistration] = (
            super()
            .get_queryset(request)
            .select_related(
                *self.list_select_related, "event_option__line_item", "decided_by", "approved_by", "collected_by"
            )
        )
        return found

    def get_list_display(self, request: StaffRequest) -> Any:
        return [*super().get_list_display(request), self._steps_for(request)]

    def _steps_for(self, request: StaffRequest) -> Any:
        """Return the column of links to what this person can do with each row."""

        @display(description="Steps")
        def steps(registration: EventRegistration) -> SafeString:
            links = (
                (reverse(f"admin:registrations_eventregistration_{name}", args=[registration.pk]), label)
                for name, label in self.steps_of(request, registration).items()
                if name != "assign_one"
            )
            return format_html_join(" ", '<a class="text-link" href="{}">{}</a>', links) or badge("Over", "neutral")

        return steps

    # --- Columns ----------------------------------------------------------------------------------------------------

    @display(description="Person")
    def person(self, registration: EventRegistration) -> SafeString:
        return person_cell(registration.user)

    @display(description="Event")
    def event_name(self, registration: EventRegistration) -> str:
        return registration.event.name

    @display(description="Event")
    def event_page(self, registration: EventRegistration) -> SafeString:
        return event_link(registration.event)

    @display(description="Option", empty_value="–")
    def option(self, registration: EventRegistration) -> Any:
        return registration.event_option

    @display(description="Status")
    def state(self, registration: EventRegistration) -> SafeString:
        if registration.collected_at is not None:
            return badge("Collected", "accent")
        return status_badge(registration.status)

    @display(description="Party")
    def party(self, registration: EventRegistration) -> SafeString:
        return format_html('<span class="amount">{}</span>', registration.party_size)

    @display(description="Slot")
    def slot(self, registration: EventRegistration) -> SafeString:
        if registration.status == RegistrationStatus.PENDING:
            return slot_cell(registration.preferred_slot, registration.event, wished=True)
        return slot_cell(registration.assigned_slot, registration.event)

    @display(description="Committed")
    def committed(self, registration: EventRegistration) -> SafeString:
        return amount_cell(registration.amount_committed or None, registration.currency)

    @display(description="Asked for")
    def asked(self, registration: EventRegistration) -> SafeString:
        return moment_cell(registration.requested_at)

    # --- The page ---------------------------------------------------------------------------------------------------

    @display(description="Asked for")
    def requested(self, registration: EventRegistration) -> str:
        return moment(registration.requested_at)

    @display(description="Slot wished for")
    def wished_slot(self, registration: EventRegistration) -> str:
        return slot_words(registration.preferred_slot, registration.event)

    @display(description="Slot given out")
    def given_slot(self, registration: EventRegistration) -> str:
        return slot_words(registration.assigned_slot, registration.event)

    @display(description="Price of a place when it was asked for")
    def price_shown(self, registration: EventRegistration) -> SafeString:
        return amount_cell(registration.quoted_cost, registration.currency)

    @display(description="Kept after a late cancellation")
    def kept(self, registration: EventRegistration) -> SafeString:
        return amount_cell(registration.amount_kept or None, registration.currency)

    @display(description="Decided")
    def decision(self, registration: EventRegistration) -> str:
        if registration.decided_at is None:
            return "not decided yet"
        return f"{registration.get_status_display()} by {registration.decided_by}, {moment(registration.decided_at)}"

    @display(description="Approved")
    def approval(self, registration: EventRegistration) -> str:
        if registration.approved_at is None:
            return "not approved"
        return f"{registration.approved_by}, {moment(registration.approved_at)}"

    @display(description="Collected")
    def collection(self, registration: EventRegistration) -> str:
        if registration.collected_at is None:
            return "not collected"
        return f"{moment(registration.collected_at)}, by {registration.collected_by}"

    @display(description="Code")
    def code(self, registration: EventRegistration) -> str:
        return registration.qr_token

    @display(description="At the door")
    def door(self, registration: EventRegistration) -> str:
        scans = registration.check_ins.select_related("actor").order_by("-created_at", "-id")[:SCANS_SHOWN]
        told = [
            (moment(scan.created_at), scan.get_result_display(), scan.actor or "the system", scan.reason)
            for scan in scans
        ]
        return format_html_join("", "<p>{}: {}, {} {}</p>", told) or "no scan yet"
