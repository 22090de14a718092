"""Webhooks as the staff see them: they are made and changed on their own pages."""

from typing import Any

from django.contrib import admin
from django.db import models
from unfold.decorators import display

from budgetsite.pages.back_office.displays import badge, moment, moment_cell
from budgetsite.pages.back_office.model_admin import ReadOnlyAdmin
from budgetsite.pages.back_office.requests import StaffRequest
from budgetsite.webhooks.models import DeliveryStatus, WebhookDelivery, WebhookEndpoint
from budgetsite.webhooks.selectors import endpoints_in_order

_TONES = {DeliveryStatus.DELIVERED: "good", DeliveryStatus.FAILED: "critical"}


@admin.register(WebhookEndpoint)
class WebhookEndpointAdmin(ReadOnlyAdmin):
    view_action = "webhooks.view"
    list_display = ("name", "state", "waiting", "given_up", "delivered")
    search_fields = ("url", "description")
    fields = (("url", "description"), ("told_of", "state"), ("waiting", "given_up"), ("delivered", "made"))

    def get_readonly_fields(self, request: StaffRequest, obj: Any = None) -> list[str]:
        return [name for row in self.fields for name in row]

    def get_queryset(self, request: StaffRequest) -> models.QuerySet[Any]:
        return endpoints_in_order()

    def get_ordering(self, request: StaffRequest) -> tuple[Any, ...]:
        return ()

    @display(description="Webhook")
    def name(self, endpoint: WebhookEndpoint) -> str:
        return str(endpoint)

    @display(description="State")
    def state(self, endpoint: WebhookEndpoint) -> Any:
        if endpoint.is_paused:
            return badge(f"Paused: {endpoint.get_pause_reason_display().lower()}", "warning")
        return badge("Fails", "critical") if endpoint.failing_since else badge("Works", "good")

    @display(description="Waiting")
    def waiting(self, endpoint: Any) -> int:
        return int(endpoint.waiting_count)

    @display(description="Given up")
    def given_up(self, endpoint: Any) -> int:
        return int(endpoint.given_up_count)

    @display(description="Last delivered", empty_value="never")
    def delivered(self, endpoint: WebhookEndpoint) -> Any:
        return moment(endpoint.delivered_at) if endpoint.delivered_at else None

    @display(description="Told of")
    def told_of(self, endpoint: WebhookEndpoint) -> str:
        return ", ".join(endpoint.kinds) or "everything"

    @display(description="Made")
    def made(self, endpoint: WebhookEndpoint) -> str:
        return moment(endpoint.created_at)

    def name_of(self, obj: WebhookEndpoint) -> str:
        return str(obj)


@admin.register(WebhookDelivery)
class WebhookDeliveryAdmin(ReadOnlyAdmin):
    view_action = "webhooks.view"
    list_display = ("when", "kind", "endpoint", "state", "attempts")
    list_select_related = ("endpoint",)
    list_filter = ("status", "kind")
    ordering = ("-created_at", "-id")
    fields = (("moment", "kind"), ("endpoint", "state"), ("attempts", "event_id"), "body")

    def get_readonly_fields(self, request: StaffRequest, obj: Any = None) -> list[str]:
        return ["moment", "kind", "endpoint", "state", "attempts", "event_id", "body"]

    @display(description="When", ordering="created_at")
    def when(self, delivery: WebhookDelivery) -> Any:
        return moment_cell(delivery.created_at)

    @display(description="When")
    def moment(self, delivery: WebhookDelivery) -> str:
        return moment(delivery.created_at)

    @display(description="State")
    def state(self, delivery: WebhookDelivery) -> Any:
        status = DeliveryStatus(delivery.status)
        return badge(str(status.label), _TONES.get(status, "neutral"))

    def name_of(self, obj: WebhookDelivery) -> str:
        return f"{obj.kind}, {moment(obj.created_at)}"
