from django.urls import include, path

from events.views import event, home, venue

event_patterns = [
    path("events/", event.event_list, name="list"),
    path("events/new", event.event_create, name="create"),
    path("events/<uuid:event_id>", event.event_detail, name="detail"),
    path("events/<uuid:event_id>/edit", event.event_edit, name="edit"),
    path("events/<uuid:event_id>/delete", event.event_delete, name="delete"),
    path("events/<uuid:event_id>/restore", event.event_restore, name="restore"),
    path("venues/", venue.venue_list, name="venues"),
    path("venues/new", venue.venue_create, name="venue_create"),
    path("venues/<uuid:venue_id>/edit", venue.venue_edit, name="venue_edit"),
    path("venues/<uuid:venue_id>/delete", venue.venue_delete, name="venue_delete"),
    path("venues/<uuid:venue_id>/restore", venue.venue_restore, name="venue_restore"),
]

urlpatterns = [
    path("", home.home, name="home"),
    path("", include((event_patterns, "events"))),
]
