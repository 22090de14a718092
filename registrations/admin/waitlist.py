"""The queues for the staff: who waits for what, who has an offer and until when, and who goes first."""

from collections.abc import Collection
from typing import Any

from django import forms
from django.contrib import admin, messages
from django.contrib.admin.utils import unquote
from django.core.exceptions import PermissionDenied
from django.db import models
from django.http import HttpResponse
from django.shortcuts import redirect
from django.urls import reverse
from django.utils.html import format_html
from django.utils.safestring import SafeString
from unfold.decorators import action, display
from unfold.widgets import UnfoldAdminIntegerFieldWidget

from budgetsite.pages.back_office.confirmation import Confirmation, confirmation_page
from budgetsite.pages.back_office.displays import badge, moment, moment_cell
from budgetsite.pages.back_office.model_admin import StaffModelAdmin
from budgetsite.pages.back_office.refusals import sentence
from budgetsite.pages.back_office.requests import StaffRequest
from budgetsite.pages.back_office.steps import StepsMixin
from registrations.admin.displays import event_link, facts_of_person, left_until, person_cell, slot_cell, slot_words
from registrations.admin.filters import EventFilter, OptionFilter
from registrations.models import QUEUED_STATUSES, WaitlistEntry, WaitlistStatus
from registrations.services.problems import RegistrationProblem
from registrations.services.waitlist import leave_waitlist, prioritise

STATUS_TONES = {
    "WAITING": "warning",
    "OFFERED": "accent",
    "ACCEPTED": "good",
    "EXPIRED": "neutral",
    "CANCELLED": "neutral",
}
# As the API has it.
HIGHEST_PRIORITY = 1_000_000


class PriorityForm(forms.ModelForm):
    priority = forms.IntegerField(
        min_value=-HIGHEST_PRIORITY,
        max_value=HIGHEST_PRIORITY,
        widget=UnfoldAdminIntegerFieldWidget,
        help_text="Higher goes first; at first it is 0. Among equals, who came first.",
    )

    class Meta:
        model = WaitlistEntry
        # The admin names the fields, at request time.
        fields = ()

    def _post_clean(self) -> None:
        """The service judges the rest, under the entry's lock."""


class QueueFilter(admin.SimpleListFilter):
    """Where entries stand; those that are in the queue are what the list is for."""

    title = "state"
    parameter_name = "state"

    def lookups(self, request: StaffRequest, model_admin: Any) -> list[tuple[str, str]]:
        return [("queued", "In the queue"), *((status.value, str(status.label)) for status in WaitlistStatus)]

    def queryset(self, request: StaffRequest, queryset: Any) -> Any:
        if self.value() == "queued":
            return queryset.filter(status__in=QUEUED_STATUSES)
        return queryset.filter(status=self.value()) if self.value() in WaitlistStatus.values else None


@admin.register(WaitlistEntry)
class WaitlistEntryAdmin(StepsMixin, StaffModelAdmin):
    view_action = change_action = "registrations.decide"
    refusals = (RegistrationProblem,)

    form = PriorityForm
    list_display = ("person", "event_name", "option", "slot", "party", "turn", "state", "offer", "joined")
    list_display_links = ("person",)
    list_select_related = ("event", "user", "event_option", "preferred_slot")
    list_filter = (QueueFilter, ("event", EventFilter), OptionFilter)
    search_fields = ("user__name", "user__email")
    search_help_text = "Search by name or e-mail"
    # As the index registrations_queue has it: who is next stands first.
    ordering = ("-priority", "created_at", "id")
    fields = (
        ("person", "event_page", "option"),
        ("slot_wished", "party", "joined_at"),
        ("state", "offer_made", "offer_ends"),
        ("became", "notes"),
        "priority",
    )
    readonly_fields = tuple(name for row in fields[:-1] for name in row)
    actions = ("remove_rows",)
    actions_row: tuple[str, ...] = ()
    steps_need = "registrations.decide"
    actions_detail = ("remove_one",)

    def get_queryset(self, request: StaffRequest) -> models.QuerySet[WaitlistEntry]:
        found: models.QuerySet[WaitlistEntry] = super().get_queryset(request).select_related(*self.list_select_related)
        return found

    def has_change_permission(self, request: StaffRequest, obj: Any = None) -> bool:
        over = isinstance(obj, WaitlistEntry) and obj.status not in QUEUED_STATUSES
        return not over and super().has_change_permission(request, obj)

    def steps_offered(self, request: StaffRequest, row: WaitlistEntry) -> Collection[str]:
        return self.actions_detail if self.has_change_permission(request, row) else ()

    # --- Columns ----------------------------------------------------------------------------------------------------

    @display(description="Person")
    def person(self, entry: WaitlistEntry) -> SafeString:
        return person_cell(entry.user)

    @display(description="Event")
    def event_name(self, entry: WaitlistEntry) -> str:
        return entry.event.name

    @display(description="Event")
    def event_page(self, entry: WaitlistEntry) -> SafeString:
        return event_link(entry.event)

    @display(description="Option", empty_value="–")
    def option(self, entry: WaitlistEntry) -> Any:
        return entry.event_option

    @display(description="Slot")
    def slot(self, entry: WaitlistEntry) -> SafeString:
        return slot_cell(entry.preferred_slot, entry.event)

    @display(description="Slot")
    def slot_wished(self, entry: WaitlistEntry) -> str:
        return slot_words(entry.preferred_slot, entry.event)

    @display(description="Party")
    def party(self, entry: WaitlistEntry) -> SafeString:
        return format_html('<span class="amount">{}</span>', entry.party_size)

    @display(description="Priority")
    def turn(self, entry: WaitlistEntry) -> SafeString:
        return format_html('<span class="amount">{}</span>', entry.priority)

    @display(description="State")
    def state(self, entry: WaitlistEntry) -> SafeString:
        return badge(entry.get_status_display(), STATUS_TONES[entry.status])

    @display(description="Offer", empty_value="–")
    def offer(self, entry: WaitlistEntry) -> Any:
        if entry.status != WaitlistStatus.OFFERED or entry.offer_expires_at is None:
            return None
        return format_html(
            '{} <span class="ask__note">{}</span>',
            moment_cell(entry.offer_expires_at),
            left_until(entry.offer_expires_at, now=self.now()),
        )

    @display(description="Joined")
    def joined(self, entry: WaitlistEntry) -> SafeString:
        return moment_cell(entry.created_at)

    @display(description="Joined")
    def joined_at(self, entry: WaitlistEntry) -> str:
        return moment(entry.created_at)

    @display(description="Offered")
    def offer_made(self, entry: WaitlistEntry) -> str:
        return moment(entry.offered_at) if entry.offered_at else "not yet"

    @display(description="The offer lasts until")
    def offer_ends(self, entry: WaitlistEntry) -> str:
        return moment(entry.offer_expires_at)

    @display(description="Became")
    def became(self, entry: WaitlistEntry) -> str:
        if entry.registration_id is None:
            return "no registration"
        url = reverse("admin:registrations_eventregistration_change", args=[entry.registration_id])
        return format_html('<a class="text-link" href="{}">a registration</a>', url)

    # --- Writing ----------------------------------------------------------------------------------------------------

    def write(self, request: StaffRequest, obj: WaitlistEntry, form: Any, change: bool) -> WaitlistEntry:
        return prioritise(
            entry_id=obj.pk, event=obj.event, acting_user=request.user, priority=form.cleaned_data["priority"]
        )

    @action(description="Take off the waitlist", url_path="remove", icon="person_remove")
    def remove_one(self, request: StaffRequest, object_id: str) -> HttpResponse:
        if not self.may(request, self.change_action):
            raise PermissionDenied
        entry = self.get_object(request, unquote(object_id))
        if entry is None:
            return self._get_obj_does_not_exist_redirect(request, self.opts, object_id)
        page = Confirmation(
            title="Take this person off the waitlist?",
            label="Take off",
            back_url=self.url_of(entry),
            consequences=[
                "An offer that they have passes on to the next in the queue. They can queue again, at its end."
            ],
            facts=[
                ("Person", facts_of_person(entry.user)),
                ("Event", entry.event.name),
                ("Option", entry.event_option.option_name if entry.event_option else "none"),
                ("State", entry.get_status_display()),
            ],
            tone="danger",
        )
        if entry.status not in QUEUED_STATUSES:
            page.refusal = f"This entry is {entry.get_status_display().lower()}: they are in no queue any more."
        if request.method != "POST":
            return confirmation_page(request, self, page, obj=entry)
        try:
            self._leave(entry)
        except self._refusals as problem:
            page.errors.append(sentence(problem))
            return confirmation_page(request, self, page, obj=entry, status=409)
        self.message_user(request, "They were taken off the waitlist.", messages.SUCCESS)
        return redirect(self.url_of(entry))

    @action(description="Take selected off the waitlist")
    def remove_rows(self, request: StaffRequest, queryset: Any) -> HttpResponse | None:
        if not self.may(request, self.change_action):
            raise PermissionDenied
        return self.bulk(
            request,
            queryset,
            action_name="remove_rows",
            title="Take these {count} off?",
            label="Take off",
            done="taken off the waitlist",
            consequences=["Offers that they have pass on to the next in the queue."],
            tone="danger",
            note_of=lambda entry: f"{entry.event}; {entry.get_status_display().lower()}",
            unchanged=lambda entry: "" if entry.status in QUEUED_STATUSES else "were in no queue any more",
            do=lambda entry, _: self._leave(entry),
        )

    def _leave(self, entry: WaitlistEntry) -> None:
        leave_waitlist(entry_id=entry.pk, event=entry.event, user=None, now=self.now())

    def name_of(self, obj: WaitlistEntry) -> str:
        what = obj.event_option.option_name if obj.event_option else "no option"
        return f"{facts_of_person(obj.user)}, {what}"
