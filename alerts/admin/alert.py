"""Alerts for the staff: what is wrong with a budget, who has seen it, and that it is dealt with."""

from collections.abc import Collection
from typing import Any
from uuid import UUID

from django import forms
from django.contrib import admin, messages
from django.contrib.admin.utils import unquote
from django.core.exceptions import PermissionDenied
from django.http import HttpResponse
from django.shortcuts import redirect
from django.urls import reverse
from django.utils import timezone
from django.utils.html import format_html
from django.utils.safestring import SafeString
from unfold.decorators import action, display
from unfold.enums import ActionVariant

from alerts.models import AlertLevel, AlertType, BudgetAlert
from alerts.selectors import alerts_to_answer
from alerts.services.problems import AlertProblem
from alerts.services.reactions import acknowledge_alert, acknowledge_alerts, resolve_alert, resolve_alerts
from budgets.models import EventBudget
from budgets.selectors.scoped_status import Standing, standings_of
from budgetsite.pages.back_office.confirmation import Confirmation, OptionalReasonForm, confirmation_page
from budgetsite.pages.back_office.displays import badge, moment, moment_cell, percentage_cell
from budgetsite.pages.back_office.model_admin import ReadOnlyAdmin
from budgetsite.pages.back_office.refusals import sentence
from budgetsite.pages.back_office.requests import StaffRequest
from budgetsite.pages.back_office.site import PANEL_ROWS, Panel, PanelRow, panel
from budgetsite.pages.back_office.steps import StepsMixin

LEVEL_TONES = {"information": "accent", "warning": "warning", "critical": "critical"}


class AlertSubjectFilter(admin.SimpleListFilter):
    """What alerts are about."""

    title = "budget"
    parameter_name = "about"

    def lookups(self, request: StaffRequest, model_admin: Any) -> list[tuple[str, str]]:
        return [("events", "Budgets of events"), ("company", "Company budgets")]

    def queryset(self, request: StaffRequest, queryset: Any) -> Any:
        if self.value() not in ("events", "company"):
            return None
        return queryset.filter(scoped_budget__isnull=self.value() == "events")


class AlertStateFilter(admin.SimpleListFilter):
    """Where alerts stand; those that wait come first, because they are what the list is for."""

    title = "state"
    parameter_name = "state"

    def lookups(self, request: StaffRequest, model_admin: Any) -> list[tuple[str, str]]:
        return [("waiting", "Waits to be acknowledged"), ("open", "Open"), ("resolved", "Resolved")]

    def queryset(self, request: StaffRequest, queryset: Any) -> Any:
        if self.value() == "waiting":
            return queryset.waiting()
        if self.value() == "open":
            return queryset.open()
        return queryset.filter(resolved=True) if self.value() == "resolved" else None


@admin.register(BudgetAlert)
class BudgetAlertAdmin(StepsMixin, ReadOnlyAdmin):
    view_action = "alerts.view"
    list_display = ("level_badge", "about", "text", "use", "state", "opened")
    list_display_links = ("text",)
    list_select_related = ("budget__event", "scoped_budget", "acknowledged_by")
    list_filter = (AlertStateFilter, AlertSubjectFilter, "level", "alert_type")
    search_fields = ("budget__event__name", "scoped_budget__name")
    search_help_text = "Search by the event's or the company budget's name"
    # As the index alerts_newest has it.
    ordering = ("-created_at", "-id")
    actions = ("acknowledge_rows", "resolve_rows")
    steps_need = "alerts.acknowledge"
    actions_detail = ("acknowledge", "resolve")
    fields = (
        ("level_badge", "kind", "state"),
        "text",
        ("about", "line", "use"),
        ("opened", "raised", "period"),
        ("acknowledged", "acknowledged_comment"),
        ("resolution", "resolved_comment"),
    )

    def get_readonly_fields(self, request: StaffRequest, obj: Any = None) -> list[str]:
        return [name for row in self.fields for name in ([row] if isinstance(row, str) else row)]

    def steps_offered(self, request: StaffRequest, row: BudgetAlert) -> Collection[str]:
        if not self.may(request, "alerts.acknowledge"):
            return ()
        return [name for name, done in (("acknowledge", row.is_acknowledged), ("resolve", row.resolved)) if not done]

    # --- Columns ----------------------------------------------------------------------------------------------------

    @display(description="Level", ordering="level")
    def level_badge(self, alert: BudgetAlert) -> SafeString:
        return badge(str(AlertLevel(alert.level).label), LEVEL_TONES[alert.level])

    @display(description="Type")
    def kind(self, alert: BudgetAlert) -> str:
        if alert.alert_type == AlertType.THRESHOLD_WARNING and alert.utilization >= 100:
            return "Used up"
        return alert.headline

    @display(description="Budget")
    def about(self, alert: BudgetAlert) -> SafeString:
        if alert.scoped_budget_id is not None:
            url = reverse("budgets:company_budget", args=[alert.scoped_budget_id])
        else:
            url = reverse("admin:budgets_eventbudget_change", args=[alert.budget_id])
        return format_html('<a class="text-link" href="{}">{}</a>', url, alert.about_name)

    @display(description="Period", empty_value="the whole event")
    def period(self, alert: BudgetAlert) -> str | None:
        if alert.scoped_budget is None or alert.window_start is None:
            return None
        zone = alert.scoped_budget.timezone
        return f"{moment(alert.window_start, zone)} to {moment(alert.window_end, zone)}"

    @display(description="Message")
    def text(self, alert: BudgetAlert) -> SafeString:
        return format_html('<span class="sentence">{}</span>', alert.message)

    @display(description="Utilization", ordering="utilization")
    def use(self, alert: BudgetAlert) -> SafeString:
        return percentage_cell(alert.utilization)

    @display(description="State")
    def state(self, alert: BudgetAlert) -> SafeString:
        if alert.resolved:
            return badge("Resolved", "good")
        if alert.is_acknowledged:
            return badge("Acknowledged", "neutral")
        return badge("Budget closed", "neutral") if alert.is_settled else badge("Waits", "warning")

    @display(description="Acknowledged")
    def acknowledged(self, alert: BudgetAlert) -> str:
        if not alert.acknowledged_at:
            return "not yet"
        again = "" if alert.is_acknowledged else " (it has got worse since)"
        return f"{alert.acknowledged_by}, {moment(alert.acknowledged_at)}{again}"

    @display(description="Resolved")
    def resolution(self, alert: BudgetAlert) -> str:
        if not alert.resolved_at:
            return "not yet"
        return f"{alert.resolved_by or alert.why_it_ended}, {moment(alert.resolved_at)}"

    @display(description="Line", empty_value="the whole budget")
    def line(self, alert: BudgetAlert) -> Any:
        return alert.line_item

    @display(description="Opened", ordering="created_at")
    def opened(self, alert: BudgetAlert) -> Any:
        return moment_cell(alert.created_at)

    @display(description="Got worse")
    def raised(self, alert: BudgetAlert) -> str:
        return f"{moment(alert.raised_at)} ({alert.times_raised} times)" if alert.raised_at else "not since"

    # --- Acknowledging and resolving --------------------------------------------------------------------------------

    @action(description="Acknowledge", url_path="acknowledge", icon="done", variant=ActionVariant.PRIMARY)
    def acknowledge(self, request: StaffRequest, object_id: str) -> HttpResponse:
        return self._react(
            request,
            object_id,
            service=acknowledge_alert,
            title="Acknowledge this alert?",
            label="Acknowledge",
            consequence="Your name and the time say that it has been seen. It stays open until it is dealt with.",
            done="The alert was acknowledged.",
        )

    @action(description="Resolve", url_path="resolve", icon="task_alt")
    def resolve(self, request: StaffRequest, object_id: str) -> HttpResponse:
        return self._react(
            request,
            object_id,
            service=resolve_alert,
            title="Resolve this alert?",
            label="Resolve",
            consequence="It is dealt with. A new one opens if the figures get worse than they are now.",
            done="The alert was resolved.",
        )

    def _react(
        self,
        request: StaffRequest,
        object_id: str,
        *,
        service: Any,
        title: str,
        label: str,
        consequence: str,
        done: str,
    ) -> HttpResponse:
        if not self.may(request, "alerts.acknowledge"):
            raise PermissionDenied
        alert = self.get_object(request, unquote(object_id))
        if alert is None:
            return self._get_obj_does_not_exist_redirect(request, self.opts, object_id)
        form = OptionalReasonForm(request.POST if request.method == "POST" else None)
        page = Confirmation(
            title=title,
            label=label,
            back_url=self.url_of(alert),
            consequences=[consequence],
            facts=[
                ("Budget", alert.about_name),
                ("Alert", alert.message),
                ("Level", str(AlertLevel(alert.level).label)),
            ],
            form=form,
        )
        if request.method != "POST" or not form.is_valid():
            return confirmation_page(request, self, page, obj=alert)
        try:
            service(alert_id=alert.pk, acting_user=request.user, now=self.now(), comment=form.cleaned_data["reason"])
        except AlertProblem as problem:
            page.errors.append(sentence(problem))
            return confirmation_page(request, self, page, obj=alert, status=409)
        self.message_user(request, done, messages.SUCCESS)
        return redirect(self.url_of(alert))

    @action(description="Acknowledge selected")
    def acknowledge_rows(self, request: StaffRequest, queryset: Any) -> HttpResponse | None:
        return self._react_to_all(
            request,
            queryset,
            service=acknowledge_alerts,
            action_name="acknowledge_rows",
            label="Acknowledge",
            consequence="Your name and the time say that they have been seen. They stay open until dealt with.",
            done="acknowledged",
        )

    @action(description="Resolve selected")
    def resolve_rows(self, request: StaffRequest, queryset: Any) -> HttpResponse | None:
        return self._react_to_all(
            request,
            queryset,
            service=resolve_alerts,
            action_name="resolve_rows",
            label="Resolve",
            consequence="They are dealt with. New ones open if the figures get worse than they are now.",
            done="resolved",
        )

    def _react_to_all(
        self,
        request: StaffRequest,
        queryset: Any,
        *,
        service: Any,
        action_name: str,
        label: str,
        consequence: str,
        done: str,
    ) -> HttpResponse | None:
        if not self.may(request, "alerts.acknowledge"):
            raise PermissionDenied
        alerts = list(queryset.with_budgets())
        confirmed = "confirmed" in request.POST
        form: forms.Form = OptionalReasonForm(request.POST if confirmed else None)
        if not confirmed or not form.is_valid():
            page = self.bulk_page(
                request,
                alerts,
                action_name=action_name,
                title=f"{label} these {{count}}?",
                label=label,
                consequences=[consequence],
                form=form,
                note_of=lambda alert: alert.about_name,
            )
            return confirmation_page(request, self, page)
        reactions = service(
            alert_ids=[alert.pk for alert in alerts],
            acting_user=request.user,
            now=self.now(),
            comment=form.cleaned_data["reason"],
        )
        said = f"{len(reactions.done)} {done}"
        if reactions.already:
            said += f", {len(reactions.already)} had been already"
        self.message_user(request, f"{said}.", messages.SUCCESS if reactions.done else messages.INFO)
        return redirect(request.get_full_path())

    def name_of(self, obj: BudgetAlert) -> str:
        return obj.message


@panel(20)
def alerts_to_acknowledge(request: StaffRequest) -> Panel:
    alerts = list(alerts_to_answer(user_id=request.user.pk, role=request.role)[: PANEL_ROWS + 1])
    figures = _figures_of(alerts[:PANEL_ROWS])
    return Panel(
        title="Alerts to acknowledge",
        rows=[
            PanelRow(
                url=reverse("admin:alerts_budgetalert_change", args=[alert.pk]),
                title=alert.about_name,
                note=alert.message,
                badge=str(AlertLevel(alert.level).label),
                tone=LEVEL_TONES[alert.level],
                figures=figures[alert.pk],
            )
            for alert in alerts[:PANEL_ROWS]
        ],
        empty="No alert is waiting. They open by themselves when a budget is nearly used up or overspent.",
        more_url=f"{reverse('admin:alerts_budgetalert_changelist')}?state=waiting" if len(alerts) > PANEL_ROWS else "",
        more_label="All alerts that wait",
    )


def _figures_of(alerts: list[BudgetAlert]) -> dict[UUID, dict[str, Any]]:
    """Return the figures of what each alert is about; those of scoped budgets are read together, if there are any."""
    scoped = {alert.scoped_budget_id for alert in alerts if alert.scoped_budget_id is not None}
    standings = {one.budget.id: one for one in standings_of(scoped, now=timezone.now())} if scoped else {}
    return {
        alert.pk: _figures_of_event(alert.event_budget)
        if alert.scoped_budget_id is None
        else _figures_of_scoped(standings[alert.scoped_budget_id])
        for alert in alerts
    }


def _figures_of_event(budget: EventBudget) -> dict[str, Any]:
    return {
        "budgeted": budget.in_force_amount,
        "committed": budget.total_committed_amount,
        "actual": budget.total_actual_amount,
        "currency": budget.currency,
    }


def _figures_of_scoped(standing: Standing) -> dict[str, Any]:
    figures = standing.figures
    return {
        "budgeted": figures.amount,
        "committed": figures.promised,
        "actual": figures.actual,
        "currency": standing.budget.currency,
    }
