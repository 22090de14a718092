"""How each event takes registrations: until when cancelling is free, what is kept later, how long offers last."""

from typing import Any

from django import forms
from django.contrib import admin
from django.db import models
from django.utils.safestring import SafeString
from unfold.decorators import display
from unfold.widgets import UnfoldAdminDecimalFieldWidget, UnfoldAdminIntegerFieldWidget

from budgetsite.pages.amounts import format_percentage
from budgetsite.pages.back_office.displays import moment, moment_cell
from budgetsite.pages.back_office.model_admin import StaffModelAdmin
from budgetsite.pages.back_office.refusals import ChangeRefused, refused
from budgetsite.pages.back_office.requests import StaffRequest
from registrations.admin.displays import event_link, lasting
from registrations.models import RegistrationDesk
from registrations.services.desk import MOST_CANCEL_HOURS, MOST_OFFER_MINUTES, change_policy
from registrations.services.policy import free_until
from registrations.services.problems import InvalidPolicy

POLICY_FIELDS = ("cancel_until_hours", "kept_share", "offer_minutes")


class PolicyForm(forms.ModelForm):
    """What was read travels along, so that two people who change different numbers both keep theirs."""

    cancel_until_hours = forms.IntegerField(
        label="Cancelling is free until (hours before the event)",
        min_value=0,
        max_value=MOST_CANCEL_HOURS,
        widget=UnfoldAdminIntegerFieldWidget,
        help_text="0: until it begins.",
    )
    kept_share = forms.DecimalField(
        label="Kept after that (percent)",
        min_value=0,
        max_value=100,
        decimal_places=2,
        widget=UnfoldAdminDecimalFieldWidget,
        help_text="What stays as cost when somebody who was approved cancels later, in percent of what was promised.",
    )
    offer_minutes = forms.IntegerField(
        label="An offer to the waitlist lasts (minutes)",
        min_value=1,
        max_value=MOST_OFFER_MINUTES,
        widget=UnfoldAdminIntegerFieldWidget,
        help_text="Then it passes on to the next. Offers that are out keep their time. A day is 1,440 minutes.",
    )

    class Meta:
        model = RegistrationDesk
        # The admin names the fields, at request time.
        fields = ()

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        for field in self.fields.values():
            field.show_hidden_initial = True

    def _post_clean(self) -> None:
        """The service judges the rest."""


@admin.register(RegistrationDesk)
class RegistrationDeskAdmin(StaffModelAdmin):
    """One for each event, made with it and gone with it."""

    view_action = "options.view"
    change_action = "options.change"
    refusals = (InvalidPolicy,)

    form = PolicyForm
    list_display = ("event_name", "begins", "free", "share", "offers")
    list_select_related = ("event",)
    search_fields = ("event__name",)
    search_help_text = "Search by the event's name"
    ordering = ("-event__event_date", "-id")
    fields = ("event_page", *POLICY_FIELDS)
    readonly_fields = ("event_page",)
    actions: tuple[str, ...] = ()
    actions_row: tuple[str, ...] = ()

    def get_queryset(self, request: StaffRequest) -> models.QuerySet[RegistrationDesk]:
        found: models.QuerySet[RegistrationDesk] = super().get_queryset(request).select_related("event")
        return found

    @display(description="Event")
    def event_name(self, desk: RegistrationDesk) -> str:
        return desk.event.name

    @display(description="Event")
    def event_page(self, desk: RegistrationDesk) -> SafeString:
        return event_link(desk.event)

    @display(description="Begins")
    def begins(self, desk: RegistrationDesk) -> SafeString:
        return moment_cell(desk.event.event_date, desk.event.timezone)

    @display(description="Cancelling is free until")
    def free(self, desk: RegistrationDesk) -> str:
        return moment(free_until(desk.event, desk), desk.event.timezone)

    @display(description="Kept after that")
    def share(self, desk: RegistrationDesk) -> str:
        return format_percentage(desk.kept_share) if desk.kept_share else "nothing"

    @display(description="An offer lasts")
    def offers(self, desk: RegistrationDesk) -> str:
        return lasting(desk.offer_minutes)

    def write(self, request: StaffRequest, obj: RegistrationDesk, form: Any, change: bool) -> RegistrationDesk:
        stored = RegistrationDesk.objects.get(pk=obj.pk)
        values = {
            name: form.cleaned_data[name] if name in form.changed_data else getattr(stored, name)
            for name in POLICY_FIELDS
        }
        return change_policy(event=obj.event, acting_user=request.user, **values)

    def refusal_of(self, problem: Exception) -> ChangeRefused:
        return refused(problem, field=problem.name if isinstance(problem, InvalidPolicy) else None)

    def name_of(self, obj: RegistrationDesk) -> str:
        return f"Registration for {obj.event}"
