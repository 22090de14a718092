"""The list of budgets, and one budget's page: its plan, its lines, and the steps that lead on from here."""

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
from unfold.widgets import UnfoldAdminTextareaWidget

from budgets.admin.filters import CategoryFilter, DayRangeFilter, OverBudgetFilter, WaitsForFilter
from budgets.admin.line_item import BudgetLineInline
from budgets.admin.moves import MovesMixin, figures_of, status_badge
from budgets.models import PLANNING_STATUSES, BudgetLineItem, EventBudget
from budgets.selectors.funding import funding_of
from budgets.selectors.standing import standing_of
from budgets.services.event_budget import create_event_budget, delete_event_budget, restore_event_budget
from budgets.services.plan import LineChange, LineRefused, save_plan
from budgets.services.problems import BudgetProblem, LinesExceedTotal, StaleVersion
from budgets.services.workflow import RoleNotAllowed
from budgetsite.accounts.roles import Role
from budgetsite.money.amounts import InvalidAmount
from budgetsite.money.form_fields import AmountFormField
from budgetsite.pages.amounts import format_money
from budgetsite.pages.back_office.amount_widget import AmountWidget
from budgetsite.pages.back_office.displays import amount_cell, badge, bar_cell, moment, moment_cell
from budgetsite.pages.back_office.filters import DeletedFilter
from budgetsite.pages.back_office.history import Source, story
from budgetsite.pages.back_office.model_admin import StaffModelAdmin, version_sent
from budgetsite.pages.back_office.refusals import ChangeRefused, refused
from budgetsite.pages.back_office.requests import StaffRequest
from budgetsite.pages.waiting_time import waited


class BudgetForm(forms.ModelForm):
    """The plan's head. `version` and what was read travel along, so that nobody overwrites what they have not seen."""

    version = forms.IntegerField(widget=forms.HiddenInput, required=False)
    status_read = forms.CharField(widget=forms.HiddenInput, required=False)
    total_budget_amount = AmountFormField(
        label="Total budget",
        required=False,
        minimum=Decimal(0),
        widget=AmountWidget,
        help_text="The ceiling that the lines fit within. Leave it empty, or 0, and it follows the sum of the lines.",
    )

    class Meta:
        model = EventBudget
        # The admin names the fields, at request time: choices of rows can be read inside an account alone.
        fields = ()
        widgets = {"notes": UnfoldAdminTextareaWidget({"rows": 3})}

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        budget = self.instance
        self.is_new = budget._state.adding
        total = self.fields.get("total_budget_amount")
        if isinstance(total, AmountFormField):
            total.show_hidden_initial = not self.is_new
            if not self.is_new:
                total.currency = budget.currency
                if budget.total_follows_lines:
                    self.initial["total_budget_amount"] = None
        if "notes" in self.fields:
            self.fields["notes"].show_hidden_initial = not self.is_new
        if not self.is_new:
            self.initial.update(version=budget.version, status_read=budget.status)

    def clean(self) -> dict[str, Any]:
        cleaned = super().clean() or self.cleaned_data
        if not self.is_new and cleaned.get("status_read") not in {"", self.instance.status}:
            # Fields that this status locks were not even read: say so instead of dropping them silently.
            raise forms.ValidationError(
                f"Meanwhile the budget became “{self.instance.get_status_display()}”. Nothing was saved.",
                code="stale_version",
            )
        return cleaned

    def _post_clean(self) -> None:
        """The services judge the rest, under the budget's lock."""


@admin.register(EventBudget)
class EventBudgetAdmin(MovesMixin, StaffModelAdmin):
    view_action = "budgets.view"
    add_action = change_action = delete_action = "budgets.change"
    restore_action = "budgets.restore"
    refusals = (BudgetProblem, InvalidAmount, RoleNotAllowed)

    form = BudgetForm
    inlines = (BudgetLineInline,)
    autocomplete_fields = ("event",)
    change_form_outer_before_template = "admin/budgets/eventbudget/before_form.html"
    change_form_outer_after_template = "admin/budgets/eventbudget/after_form.html"
    list_display = ("event_name", "client", "event_day", "state", "waits_for", "use", "total", "spent", "variance")
    list_filter = (
        "status",
        WaitsForFilter,
        OverBudgetFilter,
        ("event__event_date", DayRangeFilter),
        DeletedFilter,
        CategoryFilter,
    )
    search_fields = ("event__name",)
    search_help_text = "Search by the event's name"
    actions = ("approve_rows", "delete_rows", "restore_rows")

    def get_queryset(self, request: StaffRequest) -> models.QuerySet[EventBudget]:
        found: models.QuerySet[EventBudget] = super().get_queryset(request).select_related("event__client")
        return found

    def get_ordering(self, request: StaffRequest) -> tuple[str, ...]:
        # As the index budgets_newest_first has it.
        return ("-created_at", "-id")

    # --- Columns and figures ----------------------------------------------------------------------------------------

    @display(description="Event")
    def event_name(self, budget: EventBudget) -> str:
        return budget.event.name

    @display(description="Client", empty_value="–")
    def client(self, budget: EventBudget) -> Any:
        return budget.event.client

    @display(description="Begins")
    def event_day(self, budget: EventBudget) -> SafeString:
        return moment_cell(budget.event.event_date, budget.event.timezone)

    @display(description="Status")
    def state(self, budget: EventBudget) -> SafeString:
        return status_badge(budget.status)

    @display(description="Waits for", ordering="awaiting_since", empty_value="–")
    def waits_for(self, budget: EventBudget) -> Any:
        if budget.awaiting_stage is None or budget.awaiting_since is None:
            return None
        return format_html(
            '<span class="when"><span>Stage {}: {}</span><br><span>{}</span></span>',
            budget.awaiting_stage,
            Role(budget.awaiting_role).label.lower(),
            waited(budget.awaiting_since, self.now()),
        )

    @display(description="Use of the budget")
    def use(self, budget: EventBudget) -> SafeString:
        return bar_cell(figures_of(budget))

    @display(description="Budgeted")
    def total(self, budget: EventBudget) -> SafeString:
        return amount_cell(budget.total_budget_amount, budget.currency)

    @display(description="Actual")
    def spent(self, budget: EventBudget) -> SafeString:
        return amount_cell(budget.total_actual_amount, budget.currency, critical=budget.is_over_budget)

    @display(description="Variance")
    def variance(self, budget: EventBudget) -> SafeString:
        text = amount_cell(budget.variance_amount, budget.currency, critical=budget.is_over_budget)
        return format_html("{} {}", text, badge("Over budget", "critical")) if budget.is_over_budget else text

    # --- The page ---------------------------------------------------------------------------------------------------

    def get_fieldsets(self, request: StaffRequest, obj: EventBudget | None = None) -> Any:
        if obj is None:
            return [(None, {"fields": ("event", "total_budget_amount", "notes")})]
        carried = ("version", "status_read") if self.has_change_permission(request, obj) else ()
        head = ("total_budget_amount",) if obj.status in PLANNING_STATUSES else ()
        return [(None, {"fields": (*head, "notes", "paid_from", *carried)})]

    def get_readonly_fields(self, request: StaffRequest, obj: EventBudget | None = None) -> tuple[str, ...]:
        # The figures stand above the form, in words and as a bar.
        return () if obj is None else ("paid_from",)

    @display(description="Paid from")
    def paid_from(self, budget: EventBudget) -> str:
        funding = funding_of(budget.funded_by_id, now=self.now())
        if funding is None:
            return "No company budget. Owners and managers choose one on the budget's own page."
        left = "" if funding.room is None else f": {format_money(funding.room, budget.currency)} left"
        return f"{funding.path}{left}"

    def get_form(self, request: StaffRequest, obj: Any = None, change: bool = False, **kwargs: Any) -> Any:
        form = super().get_form(request, obj, change, **kwargs)
        if obj is not None and obj.status not in PLANNING_STATUSES:
            # A fixed plan's ceiling is shown among the figures, and not read from the page.
            form.base_fields = {
                name: field for name, field in form.base_fields.items() if name != "total_budget_amount"
            }
        return form

    def get_inlines(self, request: StaffRequest, obj: EventBudget | None) -> Any:
        return self.inlines if obj is not None else ()

    def has_change_permission(self, request: StaffRequest, obj: Any = None) -> bool:
        locked = isinstance(obj, EventBudget) and obj.is_locked
        return not locked and super().has_change_permission(request, obj)

    def has_delete_permission(self, request: StaffRequest, obj: Any = None) -> bool:
        locked = isinstance(obj, EventBudget) and obj.is_locked
        return not locked and super().has_delete_permission(request, obj)

    def get_object(self, request: StaffRequest, object_id: str, from_field: str | None = None) -> EventBudget | None:
        """One read for the whole request: the actions, their permissions and the page all ask for it."""
        kept = request.__dict__.setdefault("budgets_read", {})
        if request.method != "GET" or object_id not in kept:
            kept[object_id] = super().get_object(request, object_id, from_field)
        found: EventBudget | None = kept[object_id]
        return found

    def render_change_form(self, request: StaffRequest, context: Any, *args: Any, **kwargs: Any) -> HttpResponse:
        budget = kwargs.get("obj")
        if budget is not None:
            context["status_mark"] = status_badge(budget.status)
            context["standing"] = standing_of(budget, account=request.account)
            context["begins"] = moment(budget.event.event_date, budget.event.timezone)
            context["decisions"] = budget.decisions.select_related("actor").order_by("-created_at", "-id")[:20]
            context["alerts"] = budget.alerts.order_by("-created_at", "-id")[:20]
            if context["errors"] and getattr(request, "refusal", None) is None:
                sent = version_sent(request, budget)
                if 0 < sent < budget.version:
                    context["changed_since"] = self.changed_since(budget, sent)
            elif getattr(request, "stale_since", None):
                context["changed_since"] = self.changed_since(budget, request.stale_since)
        return super().render_change_form(request, context, *args, **kwargs)

    def response_post_save_add(self, request: StaffRequest, obj: EventBudget) -> HttpResponse:
        # A new budget wants lines next.
        return redirect(self.url_of(obj))

    # --- Writing ----------------------------------------------------------------------------------------------------

    def write(self, request: StaffRequest, obj: EventBudget, form: Any, change: bool) -> EventBudget:
        if change:
            # `save_related` writes head and lines together.
            return obj
        values = form.cleaned_data
        return create_event_budget(
            event=values["event"],
            acting_user=request.user,
            total_budget_amount=values["total_budget_amount"],
            notes=values["notes"],
        )

    def save_related(self, request: StaffRequest, form: Any, formsets: Any, change: bool) -> None:
        if not change:
            return
        head = {name: form.cleaned_data[name] for name in ("notes", "total_budget_amount") if name in form.changed_data}
        if "total_budget_amount" in head:
            head["total_budget_amount"] = head["total_budget_amount"] or 0
        lines = [line for formset in formsets for line in _line_changes(formset)]
        if not head and not lines:
            return
        version = version_sent(request, form.instance)
        try:
            saved = save_plan(
                budget_id=form.instance.pk,
                version=version,
                acting_user=request.user,
                now=self.now(),
                lines=lines,
                **head,
            )
        except self._refusals as problem:
            if isinstance(getattr(problem, "problem", problem), StaleVersion):
                request.stale_since = version
            raise self.refusal_of(problem) from problem
        form.instance.__dict__.update(saved.__dict__)

    def refusal_of(self, problem: Exception) -> ChangeRefused:
        if isinstance(problem, LineRefused):
            at = "budgeted_amount" if isinstance(problem.problem, InvalidAmount) else None
            return refused(problem, field=at, prefix=problem.key)
        if isinstance(problem, LinesExceedTotal | InvalidAmount):
            return refused(problem, field="total_budget_amount")
        if getattr(problem, "code", "") == "budget_exists":
            return refused(problem, field="event")
        return refused(problem)

    def remove(self, request: StaffRequest, obj: EventBudget) -> None:
        delete_event_budget(
            budget_id=obj.pk, version=version_sent(request, obj), acting_user=request.user, now=self.now()
        )

    def bring_back(self, request: StaffRequest, obj: EventBudget) -> None:
        restore_event_budget(budget=obj, acting_user=request.user)

    def deletion_consequences(self, request: StaffRequest, obj: EventBudget) -> list[str]:
        lines = BudgetLineItem.objects.filter(budget=obj).count()
        alerts = obj.alerts.count()
        return [
            f"Its {lines} line(s) and {alerts} alert(s) go along; its ledger is kept.",
            "The event stays, and may then be given another budget.",
            "It can be restored from the list of deleted budgets, as long as the event has no other one.",
        ]

    # --- Stories ----------------------------------------------------------------------------------------------------

    def story_sources(self, request: StaffRequest, obj: EventBudget) -> list[Source]:
        return [
            Source(EventBudget.history.filter(id=obj.pk), currency=obj.currency),
            Source(BudgetLineItem.history.filter(budget_id=obj.pk), named="line", currency=obj.currency),
        ]

    def changed_since(self, budget: EventBudget, version: int) -> list[Any]:
        """Return what others changed after `version` was read."""
        return story(
            [
                Source(EventBudget.history.filter(id=budget.pk, version__gt=version), currency=budget.currency),
                Source(
                    BudgetLineItem.history.filter(budget_id=budget.pk, version__gt=version),
                    named="line",
                    currency=budget.currency,
                ),
            ],
            limit=20,
        )

    def name_of(self, obj: EventBudget) -> str:
        return f"Budget of {obj.event.name}"


def _line_changes(formset: Any) -> list[LineChange]:
    """Return what a page of lines asks for, in its order; forms that nobody touched ask for nothing."""
    deleted = set(formset.deleted_forms)
    changes = []
    for form in formset.forms:
        stored = form.instance.pk if not form.instance._state.adding else None
        if form in deleted:
            if stored is not None:
                changes.append(LineChange(form.prefix, stored, delete=True))
            continue
        if not form.has_changed():
            continue
        named = form.changed_data if stored is not None else form.cleaned_data
        fields = {name: form.cleaned_data[name] for name in named if name in LINE_FIELDS}
        for amount in ("budgeted_amount", "actual_amount"):
            if amount in fields:
                fields[amount] = fields[amount] or 0
        if fields.get("sort_order", 0) in (None, 0) and (stored is None or fields.get("sort_order", 0) is None):
            fields.pop("sort_order", None)
        if fields:
            changes.append(LineChange(form.prefix, stored, fields))
    return changes


LINE_FIELDS = frozenset({"category", "section", "name", "budgeted_amount", "actual_amount", "sort_order"})
