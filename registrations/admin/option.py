"""Options for the staff: what an event offers, how much of it is used, and at what cost."""

from decimal import Decimal
from typing import Any

from django import forms
from django.contrib import admin
from django.db import models
from django.http import HttpResponse
from django.shortcuts import redirect
from django.utils.html import format_html
from django.utils.safestring import SafeString
from unfold.decorators import display
from unfold.widgets import UnfoldAdminIntegerFieldWidget

from budgets.models import BudgetLineItem, LineKind
from budgetsite.money.amounts import InvalidAmount
from budgetsite.money.form_fields import AmountFormField
from budgetsite.pages.back_office.amount_widget import AmountWidget
from budgetsite.pages.back_office.displays import amount_cell, badge, percentage_cell
from budgetsite.pages.back_office.filters import DeletedFilter
from budgetsite.pages.back_office.model_admin import StaffModelAdmin
from budgetsite.pages.back_office.refusals import ChangeRefused, refused
from budgetsite.pages.back_office.requests import StaffRequest
from registrations.admin.displays import event_link, places_cell
from registrations.admin.filters import EventFilter, PlacesLeftFilter, registrations_url
from registrations.models import MOST_PLACES, EventOption
from registrations.services.option import create_option, delete_option, update_option
from registrations.services.problems import LineOfAnotherBudget, RegistrationProblem, TooFewPlaces
from registrations.services.restoring import restore_option


class OptionForm(forms.ModelForm):
    """What was read travels along, so that only real changes are written: places are taken meanwhile."""

    total_available = forms.IntegerField(
        label="Places",
        min_value=0,
        max_value=MOST_PLACES,
        widget=UnfoldAdminIntegerFieldWidget,
        help_text="How many there are in all. Never fewer than are promised and held.",
    )
    cost_per_unit = AmountFormField(
        label="Cost of a place",
        minimum=Decimal(0),
        widget=AmountWidget,
        initial=Decimal(0),
        help_text="What one place costs the event's budget, in the event's currency. 0: it needs no budget.",
    )

    class Meta:
        model = EventOption
        # The admin names the fields, at request time: choices of rows can be read inside an account alone.
        fields = ()

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        option = self.instance
        if option._state.adding:
            return
        for field in self.fields.values():
            field.show_hidden_initial = True
        cost, line = self.fields.get("cost_per_unit"), self.fields.get("line_item")
        if isinstance(cost, AmountFormField):
            cost.currency = option.currency
        if isinstance(line, forms.ModelChoiceField):
            line.queryset = BudgetLineItem.objects.filter(
                budget__event=option.event_id, budget__deleted_at=None, kind=LineKind.COST
            ).order_by("sort_order", "id")
            line.empty_label = "No line: the budget as a whole pays"

    def _post_clean(self) -> None:
        """The service judges the rest, under the option's lock."""


@admin.register(EventOption)
class EventOptionAdmin(StaffModelAdmin):
    view_action = "options.view"
    add_action = change_action = delete_action = restore_action = "options.change"
    refusals = (RegistrationProblem, InvalidAmount)

    form = OptionForm
    autocomplete_fields = ("event",)
    list_display = ("option_name", "event_name", "kind", "use", "utilization", "places", "waiting", "cost", "line")
    list_select_related = ("event", "line_item")
    list_filter = (("event", EventFilter), "option_type", PlacesLeftFilter, DeletedFilter)
    search_fields = ("option_name", "event__name")
    search_help_text = "Search by the option's or the event's name"
    ordering = ("-event__event_date", "event_id", "sort_order", "option_name", "id")
    actions = ("restore_rows",)

    def get_queryset(self, request: StaffRequest) -> models.QuerySet[EventOption]:
        found: models.QuerySet[EventOption] = super().get_queryset(request).select_related("event", "line_item")
        return found

    def get_readonly_fields(self, request: StaffRequest, obj: EventOption | None = None) -> tuple[str, ...]:
        return () if obj is None else ("event_page", "use", "utilization", "counted", "registered")

    def get_fieldsets(self, request: StaffRequest, obj: EventOption | None = None) -> Any:
        head = ("option_name", ("option_type", "sort_order"), "description")
        if obj is None:
            return [(None, {"fields": ("event", *head, ("total_available", "cost_per_unit"))})]
        return [
            ("How it is used", {"fields": ("event_page", ("use", "utilization"), "counted", "registered")}),
            ("What it is", {"fields": head}),
            ("Places and money", {"fields": (("total_available", "cost_per_unit"), "line_item")}),
        ]

    # --- Columns ----------------------------------------------------------------------------------------------------

    @display(description="Event")
    def event_name(self, option: EventOption) -> str:
        return option.event.name

    @display(description="Event")
    def event_page(self, option: EventOption) -> SafeString:
        return event_link(option.event)

    @display(description="Type")
    def kind(self, option: EventOption) -> SafeString:
        return badge(option.get_option_type_display(), "neutral")

    @display(description="Use")
    def use(self, option: EventOption) -> SafeString:
        return places_cell(total=option.total_available, taken=option.committed_count, held=option.held_count)

    @display(description="Utilization")
    def utilization(self, option: EventOption) -> SafeString:
        return percentage_cell(option.utilization_percentage)

    @display(description="Places")
    def places(self, option: EventOption) -> SafeString:
        return format_html('<span class="amount">{}</span>', option.total_available)

    @display(description="Wait")
    def waiting(self, option: EventOption) -> Any:
        return badge(str(option.pending_count), "warning") if option.pending_count else "–"

    @display(description="Cost of a place")
    def cost(self, option: EventOption) -> SafeString:
        return amount_cell(option.cost_per_unit or None, option.currency)

    @display(description="Paid from", empty_value="the whole budget")
    def line(self, option: EventOption) -> Any:
        return option.line_item

    @display(description="Places")
    def counted(self, option: EventOption) -> str:
        return f"{option.committed_count} promised, {option.held_count} held, {option.available_slots} left"

    @display(description="Registrations")
    def registered(self, option: EventOption) -> SafeString:
        return format_html(
            '<a class="text-link" href="{}">{} wait, {} approved</a>, {} rejected, {} cancelled, {} collected',
            registrations_url(event=option.event_id, option=option.pk),
            option.pending_count,
            option.approved_count,
            option.rejected_count,
            option.cancelled_count,
            option.collected_count,
        )

    # --- Writing ----------------------------------------------------------------------------------------------------

    def response_post_save_add(self, request: StaffRequest, obj: EventOption) -> HttpResponse:
        # The line that pays can be chosen now that the event is known.
        return redirect(self.url_of(obj))

    def write(self, request: StaffRequest, obj: EventOption, form: Any, change: bool) -> EventOption:
        if not change:
            values = dict(form.cleaned_data)
            return create_option(event=values.pop("event"), acting_user=request.user, **values)
        changes = {name: form.cleaned_data[name] for name in form.changed_data}
        if "line_item" in changes:
            line = changes.pop("line_item")
            changes["line_item_id"] = line.pk if line else None
        return update_option(event=obj.event, option_id=obj.pk, acting_user=request.user, now=self.now(), **changes)

    def refusal_of(self, problem: Exception) -> ChangeRefused:
        if isinstance(problem, TooFewPlaces):
            return refused(problem, field="total_available")
        if isinstance(problem, LineOfAnotherBudget):
            return refused(problem, field="line_item")
        return refused(problem, field="cost_per_unit" if isinstance(problem, InvalidAmount) else None)

    def remove(self, request: StaffRequest, obj: EventOption) -> None:
        delete_option(event=obj.event, option_id=obj.pk, acting_user=request.user, now=self.now())

    def bring_back(self, request: StaffRequest, obj: EventOption) -> None:
        restore_option(event=obj.event, option_id=obj.pk, acting_user=request.user)

    def deletion_consequences(self, request: StaffRequest, obj: EventOption) -> list[str]:
        return [
            "Nobody can register for it any more. It stays while somebody waits, is approved or queues for it.",
            "What was rejected or cancelled before stays in the list of registrations.",
            *super().deletion_consequences(request, obj),
        ]
