"""What was scanned at the door: read only, and nothing is ever taken out."""

from typing import Any

from django.contrib import admin
from django.db import models
from django.urls import reverse
from django.utils.html import format_html
from django.utils.safestring import SafeString
from unfold.decorators import display

from budgetsite.pages.back_office.displays import badge, moment_cell
from budgetsite.pages.back_office.model_admin import ReadOnlyAdmin
from budgetsite.pages.back_office.requests import StaffRequest
from registrations.admin.displays import event_link, facts_of_person
from registrations.admin.filters import EventFilter
from registrations.models import CheckIn

RESULT_TONES = {
    "SUCCESS": "good",
    "ALREADY_COLLECTED": "warning",
    "NOT_APPROVED": "critical",
    "NOT_FOUND": "critical",
    "UNDONE": "neutral",
}


@admin.register(CheckIn)
class CheckInAdmin(ReadOnlyAdmin):
    view_action = "registrations.check_in"
    list_display = ("when", "event_name", "person", "option", "outcome", "scanned_by", "why")
    list_display_links = ("when",)
    list_select_related = ("event", "registration__user", "registration__event_option", "actor")
    list_filter = ("result", ("event", EventFilter))
    search_fields = ("registration__user__name", "registration__user__email")
    search_help_text = "Search by the name or e-mail of who came"
    ordering = ("-created_at", "-id")
    fields = (("when", "event_page"), ("person", "option"), ("outcome", "scanned_by"), ("why", "nonce"))

    def get_readonly_fields(self, request: StaffRequest, obj: Any = None) -> list[str]:
        return [name for row in self.fields for name in row]

    def get_queryset(self, request: StaffRequest) -> models.QuerySet[CheckIn]:
        found: models.QuerySet[CheckIn] = super().get_queryset(request).select_related(*self.list_select_related)
        # An event that was deleted takes its door along.
        return found.filter(event__deleted_at=None)

    @display(description="When")
    def when(self, scan: CheckIn) -> SafeString:
        return moment_cell(scan.created_at)

    @display(description="Event")
    def event_name(self, scan: CheckIn) -> str:
        return scan.event.name

    @display(description="Event")
    def event_page(self, scan: CheckIn) -> SafeString:
        return event_link(scan.event)

    @display(description="Person", empty_value="unknown code")
    def person(self, scan: CheckIn) -> Any:
        if scan.registration is None:
            return None
        url = reverse("admin:registrations_eventregistration_change", args=[scan.registration_id])
        return format_html('<a class="text-link" href="{}">{}</a>', url, facts_of_person(scan.registration.user))

    @display(description="Option", empty_value="–")
    def option(self, scan: CheckIn) -> Any:
        return scan.registration.event_option if scan.registration else None

    @display(description="Result")
    def outcome(self, scan: CheckIn) -> SafeString:
        return badge(scan.get_result_display(), RESULT_TONES[scan.result])

    @display(description="Scanned by", empty_value="the system")
    def scanned_by(self, scan: CheckIn) -> Any:
        return scan.actor

    @display(description="Reason", empty_value="–")
    def why(self, scan: CheckIn) -> Any:
        return format_html('<span class="sentence sentence--short">{}</span>', scan.reason) if scan.reason else None
