from budgetsite.api.routes import api_path
from budgetsite.notifications.api import NotificationPreferenceViewSet, NotificationViewSet

urlpatterns = [
    api_path("notifications", NotificationViewSet.as_view({"get": "list"}), name="api-notifications"),
    api_path(
        "notifications/read-all", NotificationViewSet.as_view({"post": "read_all"}), name="api-notifications-read-all"
    ),
    api_path(
        "notifications/<uuid:notification_id>",
        NotificationViewSet.as_view({"get": "retrieve"}),
        name="api-notification",
    ),
    api_path(
        "notifications/<uuid:notification_id>/read",
        NotificationViewSet.as_view({"post": "read_one"}),
        name="api-notification-read",
    ),
    api_path(
        "notification-preferences",
        NotificationPreferenceViewSet.as_view({"get": "retrieve", "patch": "partial_update"}),
        name="api-notification-preferences",
    ),
]
