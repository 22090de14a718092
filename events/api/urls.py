from typing import Any

from budgetsite.api.routes import api_path
from events.api.event import EventViewSet
from events.api.venue import VenueViewSet

ALL: dict[str, Any] = {"get": "list", "post": "create"}
ONE: dict[str, Any] = {"get": "retrieve", "put": "update", "patch": "partial_update", "delete": "destroy"}

urlpatterns = [
    api_path("events", EventViewSet.as_view(ALL), name="api-events"),
    api_path("events/<uuid:event_id>", EventViewSet.as_view(ONE), name="api-event"),
    api_path("events/<uuid:event_id>/restore", EventViewSet.as_view({"post": "restore"}), name="api-event-restore"),
    api_path("venues", VenueViewSet.as_view(ALL), name="api-venues"),
    api_path("venues/<uuid:venue_id>", VenueViewSet.as_view(ONE), name="api-venue"),
]
