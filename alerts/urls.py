from django.urls import include, path

from alerts import views

alert_patterns = [
    path("alerts/", views.alert_list, name="list"),
    path("alerts/<uuid:alert_id>/acknowledge", views.alert_acknowledge, name="acknowledge"),
    path("alerts/<uuid:alert_id>/resolve", views.alert_resolve, name="resolve"),
]

urlpatterns = [path("", include((alert_patterns, "alerts")))]
