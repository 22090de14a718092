from budgetsite.api.routes import api_path
from budgetsite.webhooks.api import WebhookDeliveryViewSet, WebhookViewSet

_DELIVERIES = "webhooks/<uuid:webhook_id>/deliveries"

urlpatterns = [
    api_path("webhooks", WebhookViewSet.as_view({"get": "list", "post": "create"}), name="api-webhooks"),
    api_path("webhooks/event-kinds", WebhookViewSet.as_view({"get": "kinds"}), name="api-webhook-kinds"),
    api_path(
        "webhooks/<uuid:webhook_id>",
        WebhookViewSet.as_view({"get": "retrieve", "patch": "partial_update", "delete": "destroy"}),
        name="api-webhook",
    ),
    api_path(
        "webhooks/<uuid:webhook_id>/rotate", WebhookViewSet.as_view({"post": "rotate"}), name="api-webhook-rotate"
    ),
    api_path("webhooks/<uuid:webhook_id>/test", WebhookViewSet.as_view({"post": "test"}), name="api-webhook-test"),
    api_path(_DELIVERIES, WebhookDeliveryViewSet.as_view({"get": "list"}), name="api-webhook-deliveries"),
    api_path(
        f"{_DELIVERIES}/<uuid:delivery_id>",
        WebhookDeliveryViewSet.as_view({"get": "retrieve"}),
        name="api-webhook-delivery",
    ),
    api_path(
        f"{_DELIVERIES}/<uuid:delivery_id>/redeliver",
        WebhookDeliveryViewSet.as_view({"post": "redeliver"}),
        name="api-webhook-redeliver",
    ),
]
